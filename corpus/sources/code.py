"""Reads source files as GitHub's public exports hold them: one row a file, with its licence.

Parquet, or JSON lines (plain or gzip), with columns `repo_name`, `path`, `license`, `content`.
LLaMA section 2.1 keeps projects under the Apache, BSD and MIT licences only.
"""

import base64
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.formats.documents import Document, to_batches
from corpus.storage import InputFile, open_input, read_bytes

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz")

_COLUMNS = ("repo_name", "path", "license", "content")
_ROWS_A_BATCH = 256
_LICENSE_CHARS = (
    100  # shown of a licence that is not allowed: it is free text, even a whole licence
)


@dataclass(frozen=True)
class CodeConfig:
    """Which files are kept."""

    # SPDX identifiers or patterns, upper or lower case alike
    licenses: tuple[str, ...] = ("MIT", "Apache-2.0", "BSD-*")

    def __post_init__(self) -> None:
        if not self.licenses:
            raise ConfigError("licenses=[] would keep no file; list SPDX identifiers such as MIT")


def read(
    file: InputFile, source: str, config: CodeConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the files of one export as batches of `corpus.schema.DOCUMENT`, in row order."""
    return to_batches(_documents(file, source, config, counts), counts)


def license_allowed(expression: str, allowed: tuple[str, ...]) -> bool:
    """Whether an SPDX expression can be met with allowed licences alone: OR needs one, AND all."""
    if "(" in expression:  # nested alternatives: ask for every licence named, to be safe
        names = [n for n in re.split(r"[\s()]+", expression) if n and n not in ("AND", "OR")]
        return all(_matches(name, allowed) for name in names)
    return any(
        all(_matches(name, allowed) for name in re.split(r"\s+AND\s+", choice, flags=re.I))
        for choice in re.split(r"\s+OR\s+", expression, flags=re.I)
    )


def _matches(name: str, allowed: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name.strip().lower(), pattern.lower()) for pattern in allowed)


def _documents(
    file: InputFile, source: str, config: CodeConfig, counts: Counts
) -> Iterator[Document]:
    counts.add("files")
    counts.add("bytes_in", file.size)
    rows = _parquet_rows if file.name.lower().endswith(".parquet") else _json_rows
    for position, row in rows(file, counts):
        counts.add("records")
        origin = f"{file.name}#{position}"
        url = f"{row['repo_name']}/{row['path']}"
        where = f"{origin} {url}"
        license = row["license"]
        if not isinstance(license, str) or not license_allowed(license, config.licenses):
            stated = str(license or "unstated")[:_LICENSE_CHARS]
            counts.skip("license not allowed", f"{where} {stated}")
            continue
        text = _decode(row["content"])
        if isinstance(text, _Unusable):
            counts.skip(text.reason, where)
            continue
        digest = "sha1:" + base64.b32encode(hashlib.sha1(text.encode()).digest()).decode()
        yield Document(source, url, origin, None, digest, license, str(row["path"]), text)


@dataclass(frozen=True)
class _Unusable:
    """Content that is no text."""

    reason: str


def _decode(content: Any) -> str | _Unusable:
    if not isinstance(content, (str, bytes)) or not content:
        return _Unusable("no content")
    try:
        # a JSON string may hold half a surrogate pair, which no file can
        text = content.decode() if isinstance(content, bytes) else content.encode().decode()
    except UnicodeError:
        return _Unusable("not UTF-8")
    return _Unusable("binary") if "\0" in text else text


def _parquet_rows(file: InputFile, counts: Counts) -> Iterator[tuple[int, Mapping[str, Any]]]:
    position = 0
    content = read_bytes(file.uri)  # whole, so that what fails below is the file, not the disk
    try:
        table = pq.ParquetFile(pa.BufferReader(content))
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
