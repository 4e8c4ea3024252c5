"""Reads Project Gutenberg's plain texts, as the archive and its mirrors keep them.

LLaMA section 2.1 takes books from it. A file is one book: its header, licence and footer go, its
title, author, language and date of release are kept. An archive (zip, tar) holds any number.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from corpus.counts import REPLACED, Counts
from corpus.errors import ConfigError
from corpus.formats.archives import SUFFIXES as ARCHIVES
from corpus.formats.archives import archive_files
from corpus.formats.documents import Document, to_batches, utf8_bytes
from corpus.formats.records import MAX_RECORD_BYTES
from corpus.gutenberg.book import clean
from corpus.gutenberg.decoding import decode
from corpus.storage import InputFile, ends_with, open_input

TEXTS = (".txt", ".txt.utf8", ".txt.utf-8")
SUFFIXES = (*TEXTS, *ARCHIVES)

OVERSIZE = "file over max_file_bytes"
OVERSIZE_TEXT = f"text over {MAX_RECORD_BYTES >> 20} MiB of UTF-8"
DAMAGED = "damaged file in an archive"
NO_TEXTS = "archive without a text"
BINARY = "not a text"
EMPTY = "no text"
SHORT = "shorter than min_chars"
COPYRIGHTED = "under its author's copyright"

# The cleaning of a text takes up to 20 times its file's bytes: this keeps a worker under 2 GB. The
# largest books have 20 MB.
_MOST_FILE_BYTES = 64 << 20
_NUL_SHARE = 0.001  # of a text's characters: a few are filler of early files


@dataclass(frozen=True)
class BooksConfig:
    """`unwrap` joins the lines of prose, which the archive wraps at some 70 characters."""

    min_chars: int = 0
    unwrap: bool = False
    copyrighted: bool = False  # whether books stay that their authors only lend to the archive
    max_file_bytes: int = _MOST_FILE_BYTES
    max_archive_bytes: int = 64 << 30  # unpacked

    def __post_init__(self) -> None:
        for name, least in (("min_chars", 0), ("max_file_bytes", 1), ("max_archive_bytes", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name}={getattr(self, name)} must be >= {least}")
        if self.max_file_bytes > _MOST_FILE_BYTES:
            raise ConfigError(f"max_file_bytes={self.max_file_bytes} must be <= {_MOST_FILE_BYTES}")


def read(
    file: InputFile, source: str, config: BooksConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the books of one file as batches of `corpus.schema.DOCUMENT`; one is in memory."""
    return to_batches(_documents(file, source, config, counts), counts)


def _documents(
    file: InputFile, source: str, config: BooksConfig, counts: Counts
) -> Iterator[Document]:
    counts.add("files")
    counts.add("bytes_in", file.size)
    for origin, content in _contents(file, config, counts):
        document = _document(origin, content, source, config, counts)
        if isinstance(document, str):
            counts.skip(document, origin)
        else:
            yield document


def _contents(file: InputFile, config: BooksConfig, counts: Counts) -> Iterator[tuple[str, bytes]]:
    """Each text's origin and bytes."""
    if ends_with(file.name, TEXTS):
        if file.size > config.max_file_bytes:
            counts.skip(OVERSIZE, file.name)
            return
        with open_input(file.uri) as stream:
            yield f"{file.name}#0", stream.read()
        return
    texts, faults = 0, counts.skipped.total()
    for entry in archive_files(file, config.max_archive_bytes, counts):
        if not ends_with(entry.path, TEXTS):
            continue
        texts += 1
        origin = f"{file.name}#{entry.position}/{entry.path}"  # a path may stand there twice
        if entry.size > config.max_file_bytes:
            counts.skip(OVERSIZE, origin)
            continue
        content = entry.read(entry.size)
        if content is None:
            counts.skip(DAMAGED, origin)
        else:
            yield origin, content
    if not texts and counts.skipped.total() == faults:
        counts.note(NO_TEXTS, file.name)


def _document(
    origin: str, content: bytes, source: str, config: BooksConfig, counts: Counts
) -> Document | str:
    """A book as a document, or the reason why it is none."""
    decoded = decode(content)
    if decoded.text.count("\0") > _NUL_SHARE * len(decoded.text):
        return BINARY
    book = clean(decoded.text, origin, config.unwrap)
    facts = book.metadata
    if facts.copyrighted and not config.copyrighted:
        return COPYRIGHTED
    if not book.text.strip():
        return EMPTY
    if len(book.text) < config.min_chars:
        return SHORT
    if utf8_bytes(book.text) > MAX_RECORD_BYTES:  # encodings of one byte give up to three
        return OVERSIZE_TEXT
    counts.add(f"encoding_{decoded.encoding}")
    counts.add("documents_without_header", not book.header)
    counts.add("documents_without_footer", not book.footer)
    if decoded.replaced:
        counts.add(REPLACED)
    counts.add("documents_of_doubtful_encoding", decoded.doubtful)
    number = facts.number
    return Document(
        source=source,
        url=f"https://www.gutenberg.org/ebooks/{number}" if number is not None else origin,
        origin=origin,
        date=facts.date,
        digest=None,
        license=None,
        title=facts.title,
        text=book.text,
        author=facts.author,
        stated_language=facts.language,
    )
