"""Reads source files as GitHub's public exports hold them, and archives of one project each.

Exports: Parquet, or JSON lines (plain or gzip), one row a file, with columns `repo_name`, `path`,
`license`, `content`, or as BigQuery's `github_repos.sample_contents` names them. Archives: tar or
zip, as GitHub and package indexes give them; their licence is read from them. Each file is cleaned
by `corpus.code`.
LLaMA section 2.1 keeps projects under the Apache, BSD and MIT licences only.
"""

import io
import json
import math
import zlib
from collections.abc import Container, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip
from isal.igzip_lib import IsalError

from corpus.code.cleaning import TOO_LARGE, Cleaned, CodeConfig, Dropped, clean, refuse_path
from corpus.code.decoding import BINARY, EMPTY
from corpus.code.expressions import all_of
from corpus.code.repository import Member, read_project, to_document
from corpus.counts import Counts
from corpus.formats import archives
from corpus.formats.documents import Document, to_batches
from corpus.formats.lines import line_start
from corpus.formats.streams import Checked
from corpus.storage import InputFile, open_input

SUFFIXES = (".parquet", ".jsonl", ".jsonl.gz", ".json", ".json.gz", *archives.SUFFIXES)

NOT_PARQUET = "not a Parquet file, or a damaged one"

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
_REQUEST = 4 << 20  # of a part, which may be on an object store
_DAMAGE: Any = (EOFError, IsalError, zlib.error, igzip.BadGzipFile)  # isal's stubs say otherwise


def split(file: InputFile, config: CodeConfig) -> list[InputFile]:
    """The parts of an export that tasks may share; a row is read by the part it begins in.

    Of Parquet that is where its row group begins. Archives and gzip files are one part each.
    """
    whole = file.name.lower().endswith((".gz", *archives.SUFFIXES))
    return [file] if whole else file.parts(config.split_bytes)


def read(
    file: InputFile, source: str, config: CodeConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields one export's or archive's files as batches of `corpus.schema.DOCUMENT`, in order."""
    if file.start == 0:
        counts.add("files")
    counts.add("bytes_in", (file.size if file.end is None else file.end) - file.start)
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
    stated = _stated(license, config)
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    refused = refuse_path(path, len(data), config)
    return refused or clean(path, content, stated, config)


def _stated(license: Any, config: CodeConfig) -> str | None:
    """A row's licence, as the config writes it where it lists it; of a list, all are asked for."""
    listed = license if isinstance(license, list) else [license]
    names = [_plain(one).strip() for one in listed if isinstance(one, (str, bytes))]
    as_listed = {name.lower(): name for name in config.licenses}
    found = [as_listed.get(name.lower(), name) for name in names if name]
    return all_of(found) if found else None


def _parquet_rows(file: InputFile, counts: Counts) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Each row with its number in the file."""
    position = 0
    with open_input(file.uri) as raw:
        try:
            table = pq.ParquetFile(Checked(raw, file.uri))
            names = _named(table.schema_arrow.names)
            groups = _row_groups(table.metadata, file)
        except (pa.ArrowException, OSError, UnicodeError):
            if file.start == 0:
                counts.note(NOT_PARQUET, f"{file.name}#0")
            return
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            if file.start == 0:
                counts.note(f"no column {', '.join(missing)}", file.name)
            return
        columns = list(names.values())
        try:
            for group, position in groups:
                for batch in table.iter_batches(_ROWS_A_BATCH, [group], columns):
                    values = [_as_bytes(batch.column(name)).to_pylist() for name in columns]
                    for row in zip(*values, strict=True):
                        yield position, dict(zip(names, row, strict=True))
                        position += 1
        except (pa.ArrowException, OSError, UnicodeError):
            counts.note(NOT_PARQUET, f"{file.name}#{position}")


def _row_groups(metadata: pq.FileMetaData, file: InputFile) -> list[tuple[int, int]]:
    """The row groups that begin in a part, each with the number of its first row."""
    end = file.size if file.end is None else file.end
    found, row = [], 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        chunks = (group.column(i) for i in range(group.num_columns))
        begins = min((c.dictionary_page_offset or c.data_page_offset for c in chunks), default=0)
        if file.start <= min(max(begins, 0), file.size - 1) < end:
            found.append((number, row))
        row += group.num_rows
    return found


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
    """Each row with the byte at which its line begins, unpacked.

    Lines are of `most` bytes at most; a longer one is counted.
    """
    with open_input(file.uri) as raw:
        stream = Checked(raw, file.uri)
        packed = stream.read(2) == b"\x1f\x8b"
        if packed and file.start > 0:  # whatever its name: it cannot be begun in its middle
            return
        at = 0 if packed else line_start(stream, file.start)
        end = math.inf if packed or file.end is None else file.end
        stream.seek(at)
        disk = io.BufferedReader(stream, _REQUEST if file.is_part else _PIECE)
        lines: Any = igzip.IGzipFile(fileobj=disk) if packed else disk
        while at < end:
            place = f"{file.name}#{at}"
            try:
                line = lines.readline(most + 1)
                begin, at = at, at + len(line)
                if len(line) > most:
                    counts.skip(TOO_LARGE, f"{place} line over {most} bytes")
                    while line and not line.endswith(b"\n"):
                        line = lines.readline(_PIECE)
                        at += len(line)
                    continue
            except _DAMAGE:
                counts.note("file cut short or damaged to its end", place)
                return
            if not line:
                return
            row = _parse(line)
            if row is None:
                counts.skip("not a JSON object with the columns of an export", place)
            else:
                yield begin, row


def _parse(line: bytes) -> Mapping[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict):
        return None
    names = _named(row)
    return {key: row[name] for key, name in names.items()} if names.keys() >= set(_NEEDED) else None
