"""Reads source files as GitHub's public exports hold them, and archives of one project each.

Exports: Parquet, or JSON lines (plain or gzip), one row a file, with columns `repo_name`, `path`,
`license`, `content`, or as BigQuery's `github_repos.sample_contents` names them. Archives: tar or
zip, as GitHub and package indexes give them; their licence is read from them. Each file is cleaned
by `corpus.code`.
LLaMA section 2.1 keeps projects under the Apache, BSD and MIT licences only.
"""

import io
import itertools
import json
import zlib
from collections.abc import Container, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip
from isal.igzip_lib import IsalError

from corpus.code.cleaning import TOO_LARGE, Cleaned, CodeConfig, Dropped, clean, refuse_path
from corpus.code.decoding import BINARY, EMPTY
from corpus.code.repository import Member, read_project, to_document
from corpus.counts import Counts
from corpus.formats import archives
from corpus.formats.documents import Document, to_batches
from corpus.formats.streams import Checked
from corpus.storage import InputFile, open_input

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz", *archives.SUFFIXES)

# each by the first of these names that a row has
_COLUMNS = {
    "repo_name": ("repo_name", "sample_repo_name"),
    "path": ("path", "sample_path"),
    "license": ("license",),
    "content": ("content",),
    "binary": ("binary",),
}
_NEEDED = ("repo_name", "path", "license", "content")
_ROWS_A_BATCH = 256
_JSON_EXPANSION = 6  # characters at most for a byte of content, as in \\u0001
_OTHER_COLUMNS = 1 << 20  # bytes of a line beside its content
_PIECE = 64 << 10
_DAMAGE: Any = (EOFError, IsalError, zlib.error, igzip.BadGzipFile)  # isal's stubs say otherwise


def read(
    file: InputFile, source: str, config: CodeConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields one export's or archive's files as batches of `corpus.schema.DOCUMENT`, in order."""
    counts.add("files")
    counts.add("bytes_in", file.size)
    is_archive = file.name.lower().endswith(archives.SUFFIXES)
    documents = _of_archive if is_archive else _of_export
    return to_batches(documents(file, source, config, counts), counts)


def _of_archive(
    file: InputFile, source: str, config: CodeConfig, counts: Counts
) -> Iterator[Document]:
    def members(faults: Counts) -> Iterator[Member]:
        for found in archives.archive_files(file, config.max_archive_bytes, faults):
            yield Member(found.path, f"{file.name}#{found.position}", found.size, found.read)

    return read_project(archives.archive_name(file.name), members, source, config, counts)


def _of_export(
    file: InputFile, source: str, config: CodeConfig, counts: Counts
) -> Iterator[Document]:
    if file.name.lower().endswith(".parquet"):
        rows = _parquet_rows(file, counts)
    else:
        most = _JSON_EXPANSION * config.max_file_bytes + _OTHER_COLUMNS
        rows = _json_rows(file, most, counts)
    for position, row in rows:
        counts.add("records")
        origin, path = f"{file.name}#{position}", _plain(row["path"])
        url = f"{_plain(row['repo_name'])}/{path}"
        found = _cleaned(path, row, config)
        if isinstance(found, Dropped):
            counts.skip(found.reason, f"{origin} {url} {found.detail}".rstrip())
        else:
            yield to_document(source, url, origin, path, found.text, found.license)


def _plain(name: Any) -> str:
    """A text as a table can hold it: JSON may have half a surrogate pair, Parquet any bytes."""
    content = name if isinstance(name, bytes) else str(name).encode("utf-8", "replace")
    return content.decode("utf-8", "replace")


def _cleaned(path: str, row: Mapping[str, Any], config: CodeConfig) -> Cleaned | Dropped:
    content, license = row["content"], row["license"]
    if row.get("binary") is True:  # BigQuery leaves out what such a file holds
        return Dropped(BINARY)
    if not isinstance(content, (str, bytes)) or not content:
        return Dropped(EMPTY)
    stated = _plain(license) if isinstance(license, (str, bytes)) and license.strip() else None
    as_listed = (name for name in config.licenses if name.lower() == (stated or "").lower())
    stated = next(as_listed, stated)
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    refused = refuse_path(path, len(data), config)
    return refused or clean(path, content, stated, config)


def _parquet_rows(file: InputFile, counts: Counts) -> Iterator[tuple[int, Mapping[str, Any]]]:
    position = 0
    with open_input(file.uri) as raw:
        try:
            table = pq.ParquetFile(Checked(raw, file.uri))
            names = _named(table.schema_arrow.names)
            missing = [name for name in _NEEDED if name not in names]
            if missing:
                counts.skip(f"no column {', '.join(missing)}", file.name)
                return
            for batch in table.iter_batches(_ROWS_A_BATCH, columns=list(names.values())):
                columns = [_as_bytes(batch.column(name)).to_pylist() for name in names.values()]
                for row in zip(*columns, strict=True):
                    yield position, dict(zip(names, row, strict=True))
                    position += 1
        except (pa.ArrowException, OSError, UnicodeError):
            counts.skip("not a Parquet file, or a damaged one", f"{file.name}#{position}")


def _named(names: Container[str]) -> dict[str, str]:
    """What the columns that are read are called, among some names; without those it has not."""
    found = {key: [name for name in known if name in names] for key, known in _COLUMNS.items()}
    return {key: known[0] for key, known in found.items() if known}


def _as_bytes(column: pa.Array) -> pa.Array:
    """Strings as bytes: nothing makes the strings of a Parquet file UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        return column.cast(pa.binary())
    return column.cast(pa.large_binary()) if pa.types.is_large_string(column.type) else column


def _json_rows(
    file: InputFile, most: int, counts: Counts
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a file whose lines are of `most` bytes at most; a longer one is counted."""
    with open_input(file.uri) as raw:
        disk = io.BufferedReader(Checked(raw, file.uri), _PIECE)
        packed = disk.read(2) == b"\x1f\x8b"
        disk.seek(0)
        lines: Any = igzip.IGzipFile(fileobj=disk) if packed else disk
        for position in itertools.count():
            place = f"{file.name}#{position}"
            try:
                line = lines.readline(most + 1)
                if len(line) > most:
                    counts.skip(TOO_LARGE, f"{place} line over {most} bytes")
                    while line and not line.endswith(b"\n"):
                        line = lines.readline(_PIECE)
                    continue
            except _DAMAGE:
                counts.skip("file cut short or damaged to its end", place)
                return
            if not line:
                return
            row = _parse(line)
            if row is None:
                counts.skip("not a JSON object with the columns of an export", place)
            else:
                yield position, row


def _parse(line: bytes) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    names = _named(row)
    return {key: row[name] for key, name in names.items()} if names.keys() >= set(_NEEDED) else None
