"""Plain texts as people have them: the forms that Wikipedia's text comes in, packed or not.

| form | a document is |
| --- | --- |
| `.jsonl`, `.json`, `.ndjson` | a line, an object with `text` |
| the same, of a CirrusSearch dump | a line with `opening_text`, what CCNet trains on |
| WikiExtractor's `wiki_NN` | what stands between `<doc …>` and `</doc>`, without its title line |
| `.txt` | the file, or each of its lines |

Each also as `.gz`, `.bz2`, `.xz` or `.zst`. Which of the first
three a file is, its first line says.
"""

import bz2
import gzip
import io
import itertools
import json
import lzma
import re
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Literal, cast

import pyarrow as pa

from corpus import storage
from corpus.counts import Counts
from corpus.errors import DataError

Documents = Literal["files", "lines"]
_PACKED = re.compile(r"\.(gz|bz2|xz|zst)$")
_NAMED = re.compile(r"(\.(txt|jsonl?|ndjson)|(^|/)wiki_\d+)$")
_XML = re.compile(r"\ufeff?\s*<(mediawiki|\?xml)\b")
_UNREADABLE = (EOFError, OSError, lzma.LZMAError, pa.ArrowException, ValueError)


def text_files(location: str) -> list[storage.InputFile]:
    """The files of texts at or below a location, by name; DataError where there is none."""
    files = storage.list_files(location)
    if len(files) == 1 and storage.base_name(location).endswith(files[0].name):
        return files  # named itself, so whatever it is called
    named = [file for file in files if _NAMED.search(_PACKED.sub("", file.name))]
    if not named:
        raise DataError(
            f"no text in {location}; it needs files named *.txt, *.json, *.jsonl, *.ndjson or "
            "wiki_NN, or these with .gz, .bz2, .xz or .zst"
        )
    return named


def read_texts(
    uri: str, documents: Documents = "files", counts: Counts | None = None
) -> Iterator[str]:
    """The documents of one file, in order; `documents` says what one is in a plain `.txt`.

    Articles of a CirrusSearch dump without an opening text are counted as skipped. DataError names
    a line that is no JSON object with a `text`, a file that cannot be unpacked, and a dump of wiki
    markup.
    """
    with storage.open_input(uri) as stream:
        lines = io.TextIOWrapper(
            _unpacked(uri, stream), encoding="utf-8", errors="replace", newline="\n"
        )
        if re.search(r"\.txt$", _PACKED.sub("", storage.base_name(uri))):
            yield from _checked(lines, uri) if documents == "lines" else [_whole(lines, uri)]
            return
        read = _checked(lines, uri)
        first = next((line for line in read if line.strip()), "")
        read = itertools.chain([first], read)
        if _XML.match(first):
            raise DataError(
                f"{uri} is an XML dump, of wiki markup and not of text; give a CirrusSearch dump "
                "(…-cirrussearch-content.json.gz), or what WikiExtractor makes of this one"
            )
        if first.lstrip().startswith("<doc "):
            yield from _wikiextractor(read, uri)
        elif _is_action(first):
            yield from _opening_texts(read, uri, counts or Counts())
        else:
            for number, line in _filled(read):
                yield _text(line, uri, number)


def _unpacked(uri: str, stream: pa.NativeFile) -> BinaryIO:
    """Every kind's own reader goes on where one packed stream ends and the next begins."""
    kind = _PACKED.search(storage.base_name(uri))
    raw = cast(BinaryIO, stream)
    if kind is None:
        return raw
    if kind[1] == "gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if kind[1] == "bz2":
        return cast(BinaryIO, bz2.BZ2File(raw))
    if kind[1] == "xz":
        return cast(BinaryIO, lzma.LZMAFile(raw))
    return pa.CompressedInputStream(stream, "zstd")


def _checked(lines: Iterable[str], uri: str) -> Iterator[str]:
    """Lines without their end; DataError says how far a damaged file could be read."""
    read = 0
    try:
        for line in lines:
            yield line.removesuffix("\n")
            read += 1
    except _UNREADABLE as error:
        raise DataError(f"{uri} is damaged after line {read:,}: {error}; get it again") from None


def _whole(lines: io.TextIOWrapper, uri: str) -> str:
    try:
        return lines.read()
    except _UNREADABLE as error:
        raise DataError(f"{uri} cannot be unpacked: {error}; get it again") from None


def _filled(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    return ((number, line) for number, line in enumerate(lines, start=1) if line.strip())


def _wikiextractor(lines: Iterable[str], uri: str) -> Iterator[str]:
    body: list[str] | None = None
    for line in lines:
        if line.startswith("<doc "):
            body = []
        elif line == "</doc>" and body is not None:
            yield "\n".join(body[1:])
            body = None
        elif body is not None:
            body.append(line)
    if body is not None:
        raise DataError(f"{uri} ends within a <doc>; get it again")


def _is_action(line: str) -> bool:
    """Whether a line is the one before an article in a CirrusSearch dump."""
    return bool(re.match(r'\s*\{\s*"index"\s*:', line))


def _opening_texts(lines: Iterable[str], uri: str, counts: Counts) -> Iterator[str]:
    for number, line in _filled(lines):
        if _is_action(line):
            continue
        if text := _object(line).get("opening_text"):
            yield str(text)
        else:
            name = storage.base_name(uri)  # a manifest holds no folder of this machine
            counts.skip("article without opening_text", f"{name}:{number}")


def _object(line: str) -> dict[str, Any]:
    try:
        tree = json.loads(line)
    except ValueError:
        tree = None
    return tree if isinstance(tree, dict) else {}


def _text(line: str, uri: str, number: int) -> str:
    text = _object(line).get("text")
    if not isinstance(text, str):
        raise DataError(
            f"{uri}:{number} is no JSON object with a 'text'; mend the line or leave it out"
        )
    return text
