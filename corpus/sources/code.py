"""Reads source files as GitHub's public exports hold them, and archives of one project each.

Exports: Parquet, or JSON lines (plain or gzip), one row a file, with columns `repo_name`, `path`,
`license`, `content`. Archives: tar or zip, as GitHub and package indexes give them; their licence
is read from them. Each file is cleaned by `corpus.code`.
LLaMA section 2.1 keeps projects under the Apache, BSD and MIT licences only.
"""

import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.code.cleaning import Cleaned, CodeConfig, Dropped, clean, refuse_path
from corpus.code.decoding import EMPTY
from corpus.code.repository import Member, read_project, to_document
from corpus.counts import Counts
from corpus.formats import archives
from corpus.formats.disk import Disk
from corpus.formats.documents import Document, to_batches
from corpus.storage import InputFile, open_input

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz", *archives.SUFFIXES)

_COLUMNS = ("repo_name", "path", "license", "content")
_ROWS_A_BATCH = 256


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
    rows = _parquet_rows if file.name.lower().endswith(".parquet") else _json_rows
    for position, row in rows(file, counts):
        counts.add("records")
        origin, path = f"{file.name}#{position}", _plain(row["path"])
        url = f"{_plain(row['repo_name'])}/{path}"
        found = _cleaned(path, row["content"], row["license"], config)
        if isinstance(found, Dropped):
            counts.skip(found.reason, f"{origin} {url} {found.detail}".rstrip())
        else:
            yield to_document(source, url, origin, path, found.text, found.license)


def _plain(name: Any) -> str:
    """A name as a table can hold it: a JSON string may have half a surrogate pair."""
    return str(name).encode("utf-8", "replace").decode()


def _cleaned(path: str, content: Any, license: Any, config: CodeConfig) -> Cleaned | Dropped:
    if not isinstance(content, (str, bytes)) or not content:
        return Dropped(EMPTY)
    stated = license if isinstance(license, str) and license.strip() else None
    refused = refuse_path(path, len(content), config)
    return refused or clean(path, content, stated, config)


def _parquet_rows(file: InputFile, counts: Counts) -> Iterator[tuple[int, Mapping[str, Any]]]:
    position = 0
    try:
        table = pq.ParquetFile(Disk(open_input(file.uri), file.uri))
        missing = [name for name in _COLUMNS if name not in table.schema_arrow.names]
        if missing:
            counts.skip(f"no column {', '.join(missing)}", file.name)
            return
        for batch in table.iter_batches(batch_size=_ROWS_A_BATCH, columns=list(_COLUMNS)):
            for row in batch.to_pylist():
                yield position, row
                position += 1
    except (pa.ArrowException, OSError):
        counts.skip("not a Parquet file, or a damaged one", f"{file.name}#{position}")


def _json_rows(file: InputFile, counts: Counts) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with open_input(file.uri) as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        plain = io.BufferedReader(raw)
        lines: Iterator[bytes] = gzip.GzipFile(fileobj=plain) if compressed else plain
        for position in range(1 << 62):
            try:
                line = next(lines)
            except StopIteration:
                return
            except (EOFError, zlib.error, gzip.BadGzipFile):
                counts.skip("file cut short or damaged to its end", f"{file.name}#{position}")
                return
            row = _parse(line)
            if row is None:
                place = f"{file.name}#{position}"
                counts.skip("not a JSON object with the columns of an export", place)
            else:
                yield position, row


def _parse(line: bytes) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and all(name in row for name in _COLUMNS) else None
