"""Where a unit of work writes: scratch files that become content-named files of a stage's folder.

A task writes to local scratch, hashes what it wrote, and only then puts it in place. The last thing
it puts is its own small record, which makes the unit done: a killed build resumes at its units.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus import storage
from corpus.counts import Counts
from corpus.manifest import OutputFile

RECORDS = "_units"
OWN_NAME = re.compile(r"-[0-9a-f]{16}\.[a-z]+$")  # how a content-named file ends
ROW_GROUP_ROWS = 4096  # a row group of about 20 MB of web text
ROW_GROUP_BYTES = 32 << 20  # of text: one document of 1 GB is a row group of its own, not 4,096


@dataclass(frozen=True)
class Unit:
    """One piece of a stage's work: what it reads (fingerprints) and what its function is given."""

    name: str
    inputs: tuple[str, ...]
    payload: Any = None


@dataclass(frozen=True)
class UnitRecord:
    """What one finished unit wrote; its key says from which config, code and input."""

    name: str
    key: str
    files: tuple[OutputFile, ...]
    counts: Counts
    beside: tuple[OutputFile, ...] = ()  # no data of the stage, such as what the unit skipped

    def content(self) -> bytes:
        tree = {
            "name": self.name,
            "key": self.key,
            "files": [asdict(file) for file in self.files],
            "beside": [asdict(file) for file in self.beside],
            "counts": self.counts.to_tree(),
        }
        return json.dumps(tree, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_content(cls, content: bytes) -> "UnitRecord":
        tree = json.loads(content)
        files = tuple(OutputFile(**file) for file in tree["files"])
        beside = tuple(OutputFile(**file) for file in tree["beside"])
        return cls(tree["name"], tree["key"], files, Counts.from_tree(tree["counts"]), beside)


@dataclass
class Output:
    """The hand a unit's function writes with; `close` publishes the unit's record."""

    folder: str
    unit: Unit
    key: str
    counts: Counts = field(default_factory=Counts)
    files: list[OutputFile] = field(default_factory=list)
    beside: list[OutputFile] = field(default_factory=list)
    scratch: Path = field(init=False)

    def __post_init__(self) -> None:
        self.scratch = storage.make_scratch(self.folder)

    def write_table(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        facts: Mapping[str, Any] | None = None,
        row_group_rows: int = ROW_GROUP_ROWS,
    ) -> None:
        """Writes batches of a schema as one Parquet file; in memory stands one row group.

        A row group ends at `row_group_rows` rows or ROW_GROUP_BYTES of text (large_string columns),
        wherever batches end, so the file's bytes depend on the rows alone.
        """
        local = self.scratch / "table.parquet"
        texts = [f.name for f in schema if pa.types.is_large_string(f.type)]
        distinct = [*texts, *(f.name for f in schema if pa.types.is_uint64(f.type))]  # ids, hashes
        with pq.ParquetWriter(
            local,
            schema,
            compression="zstd",
            compression_level=1,
            # each holds copies of the values: of a text of 1 GB, several
            use_dictionary=[path for path in _column_paths(schema) if path not in distinct],
            write_statistics=[path for path in _column_paths(schema) if path not in texts],
        ) as writer:
            groups = _RowGroups(writer, row_group_rows)
            for batch in batches:
                groups.add(batch)
            groups.end()
        self.put(local, self.unit.name, "parquet", groups.rows_written, facts)

    def put(
        self,
        local: Path,
        name: str,
        suffix: str,
        rows: int,
        facts: Mapping[str, Any] | None = None,
        exact_name: bool = False,
        beside: bool = False,
    ) -> None:
        """Moves a finished scratch file into the stage's folder under its content's name.

        A file `beside` is no data of the stage: later stages do not read it.
        """
        with local.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        final = f"{name}.{suffix}" if exact_name else f"{name}-{sha256[:16]}.{suffix}"
        size = local.stat().st_size
        storage.put_file(local, storage.join(self.folder, final))
        listed = self.beside if beside else self.files
        listed.append(OutputFile(final, size, sha256, rows, dict(facts or {})))

    def close(self) -> UnitRecord:
        files, beside = tuple(self.files), tuple(self.beside)
        record = UnitRecord(self.unit.name, self.key, files, self.counts, beside)
        place = storage.join(self.folder, RECORDS, f"{self.unit.name}.json")
        storage.put_bytes(place, record.content())
        self.discard()
        return record

    def discard(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)


class _RowGroups:
    """Gathers rows from batches of any size and writes them as row groups."""

    def __init__(self, writer: pq.ParquetWriter, most_rows: int) -> None:
        self._writer = writer
        self._most_rows = most_rows
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0
        self.rows_written = 0

    def add(self, batch: pa.RecordBatch) -> None:
        until = np.concatenate([[0], np.cumsum(_text_bytes(batch))])  # [rows + 1] bytes
        begin = 0
        while begin < batch.num_rows:
            full = until[begin] + ROW_GROUP_BYTES - self._bytes
            end = min(int(np.searchsorted(until, full)), begin + self._most_rows - self._rows)
            end = max(min(end, batch.num_rows), begin + 1)
            self._waiting.append(batch.slice(begin, end - begin))
            self._rows += end - begin
            self._bytes += int(until[end] - until[begin])
            if self._rows == self._most_rows or self._bytes >= ROW_GROUP_BYTES:
                self.end()
            begin = end

    def end(self) -> None:
        """Writes what waits, if anything, as a row group."""
        if self._rows:
            table = pa.Table.from_batches(self._waiting).combine_chunks()
            self._writer.write_table(table, row_group_size=self._rows)
        self.rows_written += self._rows
        self._waiting, self._rows, self._bytes = [], 0, 0


def _column_paths(schema: pa.Schema) -> list[str]:
    """The columns as Parquet names them."""
    return [f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in schema]


def _text_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """[rows] int64: bytes in the columns that hold texts."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        if pa.types.is_large_string(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return sizes
