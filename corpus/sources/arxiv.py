"""Reads arXiv's source archives: bulk tars of papers, or the source of one.

arXiv gives its sources as tars of some 500 MB (`arXiv_src_YYMM_NNN.tar`) that hold a file a paper:
`YYMM/ID.gz`, of a tar or of one TeX file, or `YYMM/ID.pdf` where no source was given in. The text
is what LLaMA section 2.1 makes of it (`corpus.latex`).

An archive or TeX file that has no arXiv ID in its name is taken as a tree of papers: each of its
main files is a document.
"""

import base64
import bz2
import hashlib
import lzma
import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import IO, TypeVar, cast

import pyarrow as pa

from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.formats.documents import Document, to_batches
from corpus.formats.paper_archive import (
    DAMAGE,
    ArchiveLimits,
    Unpacked,
    is_tar,
    members,
    open_tar,
    unpack,
)
from corpus.formats.streams import Checked
from corpus.latex.paper import Paper, clean, read_source
from corpus.latex.scanner import Limits
from corpus.storage import InputFile, open_input

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2", ".gz", ".tex")

PDF_ONLY = "PDF only"
POSTSCRIPT_ONLY = "PostScript only"
HTML_ONLY = "HTML only"
NO_SOURCE = "no TeX source"
WITHDRAWN = "withdrawn"
NO_MAIN = "no main file"
EMPTY = "no text"
NO_ID = "no arXiv ID in the file's name"
FAILED = "paper that cannot be read"
OTHER_MAIN = "another main file of a paper"
OUTSIDE = "input from outside of the archive"
DAMAGED = "archive cut short or damaged here"

_HEAD = 512
_OLD_ID = re.compile(r"([a-z][a-z-]*(?:\.[A-Z]{2})?)_?(\d{7})(?:v\d+)?")
_NEW_ID = re.compile(r"(\d{4}\.\d{4,5})(?:v\d+)?")
Read = TypeVar("Read")


@dataclass(frozen=True)
class ArxivConfig:
    """What bounds a paper; none of it is met by people's papers."""

    max_file_bytes: int = 8 << 20
    max_source_bytes: int = 32 << 20  # of a paper's TeX files together
    max_unpacked_bytes: int = 2 << 30  # of a paper's archive with its pictures
    max_depth: int = 40  # of macros within macros
    max_expansion: int = 8  # bytes that macros may add, for each of the source's

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ConfigError(f"{name}={value} would read no paper; give 1 or more")

    @property
    def archive(self) -> ArchiveLimits:
        return ArchiveLimits(self.max_file_bytes, self.max_source_bytes, self.max_unpacked_bytes)


def read(
    file: InputFile, source: str, config: ArxivConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the papers of one archive as batches of `corpus.schema.DOCUMENT`, in its order."""
    return to_batches(_documents(file, source, config, counts), counts)


def arxiv_id(path: str) -> tuple[str, str] | None:
    """The ID that a file of a bulk archive is named by, and its month; None where it is none.

    `0303/math0303004.gz` is `math/0303004` of 2003-03, `1107/1107.1727.gz` is `1107.1727`.
    """
    name = posixpath.basename(path)
    for suffix in (".gz", ".pdf", ".tgz", ".tar", ".tex", ".xz", ".bz2", ".tar"):
        name = name[: -len(suffix)] if name.lower().endswith(suffix) else name
    if new := _NEW_ID.fullmatch(name):
        id, digits = new[1], new[1][:4]
    elif old := _OLD_ID.fullmatch(name):
        id, digits = f"{old[1]}/{old[2]}", old[2][:4]
    else:
        return None
    year, month = int(digits[:2]), int(digits[2:])
    if not 1 <= month <= 12:
        return None
    return id, f"{year + (1900 if year > 90 else 2000)}-{month:02d}"


def _documents(
    file: InputFile, source: str, config: ArxivConfig, counts: Counts
) -> Iterator[Document]:
    counts.add("files")
    counts.add("bytes_in", file.size)
    with open_input(file.uri) as opened:
        stream = Checked(opened, file.uri)
        bulk = _is_bulk(stream)
        stream.seek(0)
        if bulk:
            yield from _bulk(file, stream, source, config, counts)
            return
        found = _unpack_file(stream, config)
    counts.add("records")
    yield from _papers(found, file.name, None, source, config, counts)


def _unpack_file(stream: Checked, config: ArxivConfig) -> Unpacked:
    """The files of an archive that is an input file, however it is packed."""
    head = stream.read(6)
    stream.seek(0)
    if head.startswith(b"\xfd7zXZ"):
        with lzma.LZMAFile(cast(IO[bytes], stream)) as plain:
            return unpack(plain, config.archive)
    if head.startswith(b"BZh"):
        with bz2.BZ2File(cast(IO[bytes], stream)) as plain:
            return unpack(plain, config.archive)
    return unpack(stream, config.archive)


def _is_bulk(stream: Checked) -> bool:
    """Whether a plain tar's first file is a paper by its name."""
    if not is_tar(stream.read(_HEAD)):
        return False
    stream.seek(0)
    try:
        with open_tar(stream, "r:") as archive:
            first = next((m for m in members(archive) if m is None or m.isreg()), None)
    except DAMAGE:
        return False
    if first is None or not first.name.lower().endswith((".gz", ".pdf")):
        return False
    return arxiv_id(first.name) is not None


def _bulk(
    file: InputFile, stream: Checked, source: str, config: ArxivConfig, counts: Counts
) -> Iterator[Document]:
    with open_tar(stream, "r:") as archive:
        for member in members(archive, stream):
            if member is None:
                counts.note(DAMAGED, file.name)
                continue
            if not member.isreg():
                continue
            counts.add("records")
            origin = f"{file.name}#{member.offset}"
            where = f"{origin} {member.name}"
            name = member.name.lower()
            if name.endswith(".pdf"):
                counts.skip(PDF_ONLY, where)
            elif not arxiv_id(member.name):
                counts.skip(NO_ID, where)
            else:
                content = archive.extractfile(member)
                found = unpack(cast(IO[bytes], content), config.archive)
                yield from _papers(found, member.name, origin, source, config, counts)


def _papers(
    found: Unpacked,
    name: str,
    entry: str | None,
    source: str,
    config: ArxivConfig,
    counts: Counts,
) -> Iterator[Document]:
    """The documents of one unpacked archive: one of a paper, of a tree one a main file.

    `entry` is the archive's place in a bulk tar; None where it is the input file `name`.
    """
    where = f"{entry or name} {name}"
    faults = list(found.faults)
    if not found.files:
        counts.skip(faults.pop(0) if faults else _why_none(found), where)
    for fault in faults:
        counts.note(fault, where)
    if not found.files:
        return
    known = arxiv_id(name)
    paper_source = _tried(lambda: read_source(found.files, known is not None), counts, where)
    if paper_source is None:
        return
    if not paper_source.mains:
        counts.skip(WITHDRAWN if paper_source.withdrawn else NO_MAIN, where)
        return
    mains = paper_source.mains[:1] if known else paper_source.mains
    limits = Limits(config.max_depth, config.max_expansion)
    for main in mains:
        paper = _tried(partial(clean, paper_source, main, limits), counts, where)
        if paper is None:
            continue
        place = entry or f"{name}#{main if found.is_tar else 0}"
        for count, amount in paper.counts.items():
            counts.add(count, amount)
        for path in paper.outside:
            counts.note(OUTSIDE, f"{place} {path[:100]}")
        if paper.text:
            yield _document(paper, source, place, known)
        else:
            counts.skip(EMPTY, where)
    for main in paper_source.mains[len(mains) :]:
        counts.note(OTHER_MAIN, f"{where} {main[:100]}")


def _tried(read: Callable[[], Read], counts: Counts, where: str) -> Read | None:
    """What reading a paper gives; None, counted, where an error of ours would end all others."""
    try:
        return read()
    except MemoryError:
        raise
    except Exception as error:
        counts.skip(FAILED, f"{where} {type(error).__name__}: {str(error)[:100]}")
        return None


def _document(paper: Paper, source: str, origin: str, known: tuple[str, str] | None) -> Document:
    digest = hashlib.sha1(paper.text.encode("utf-8", "replace")).digest()
    url = f"https://arxiv.org/abs/{known[0]}" if known else origin
    return Document(
        source=source,
        url=url,
        origin=origin,
        date=known[1] if known else None,
        digest="sha1:" + base64.b32encode(digest).decode(),
        license=None,
        title=paper.title,
        text=paper.text,
    )


def _why_none(found: Unpacked) -> str:
    if "pdf" in found.others:
        return PDF_ONLY
    if "ps" in found.others:
        return POSTSCRIPT_ONLY
    return HTML_ONLY if "html" in found.others else NO_SOURCE
