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

import pyarrow as pa
import pyarrow.parquet as pq

from corpus import storage
from corpus.counts import Counts
from corpus.manifest import OutputFile

RECORDS = "_units"
OWN_NAME = re.compile(r"-[0-9a-f]{16}\.[a-z]+$")  # how a content-named file ends
ROW_GROUP_ROWS = 4096  # a row group of about 20 MB of web text


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

    def content(self) -> bytes:
        tree = {
            "name": self.name,
            "key": self.key,
            "files": [asdict(file) for file in self.files],
            "counts": self.counts.to_tree(),
        }
        return json.dumps(tree, sort_keys=True, ensure_ascii=False).encode()

    @classmethod
    def from_content(cls, content: bytes) -> "UnitRecord":
        tree = json.loads(content)
        files = tuple(OutputFile(**file) for file in tree["files"])
        return cls(tree["name"], tree["key"], files, Counts.from_tree(tree["counts"]))


@dataclass
class Output:
    """The hand a unit's function writes with; `close` publishes the unit's record."""

    folder: str
    unit: Unit
    key: str
    counts: Counts = field(default_factory=Counts)
    files: list[OutputFile] = field(default_factory=list)
    scratch: Path = field(init=False)

    def __post_init__(self) -> None:
        self.scratch = storage.make_scratch(self.folder)

    def write_table(
        self,
        batches: Iterable[pa.RecordBatch],
        schema: pa.Schema,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """Writes batches of a schema as one Parquet file, its row groups cut by rows alone."""
        local = self.scratch / "table.parquet"
        rows = 0
        waiting: list[pa.RecordBatch] = []
        with pq.ParquetWriter(local, schema, compression="zstd", compression_level=1) as writer:
            for batch in batches:
                rows += batch.num_rows
                waiting.append(batch)
                waiting = _drain(writer, waiting, schema, ROW_GROUP_ROWS)
            _drain(writer, waiting, schema, 1)
        self.put(local, self.unit.name, "parquet", rows, facts)

    def put(
        self,
        local: Path,
        name: str,
        suffix: str,
        rows: int,
        facts: Mapping[str, Any] | None = None,
        exact_name: bool = False,
    ) -> None:
        """Moves a finished scratch file into the stage's folder under its content's name."""
        with local.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        final = f"{name}.{suffix}" if exact_name else f"{name}-{sha256[:16]}.{suffix}"
        size = local.stat().st_size
        storage.put_file(local, storage.join(self.folder, final))
        self.files.append(OutputFile(final, size, sha256, rows, dict(facts or {})))

    def close(self) -> UnitRecord:
        record = UnitRecord(self.unit.name, self.key, tuple(self.files), self.counts)
        place = storage.join(self.folder, RECORDS, f"{self.unit.name}.json")
        storage.put_bytes(place, record.content())
        self.discard()
        return record

    def discard(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)


def _drain(
    writer: pq.ParquetWriter, waiting: list[pa.RecordBatch], schema: pa.Schema, at_least: int
) -> list[pa.RecordBatch]:
    """Writes whole row groups of the waiting rows; the bytes do not depend on batch borders."""
    while sum(batch.num_rows for batch in waiting) >= at_least:
        table = pa.Table.from_batches(waiting, schema).slice(0, ROW_GROUP_ROWS).combine_chunks()
        rest = pa.Table.from_batches(waiting, schema).slice(ROW_GROUP_ROWS)
        writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
        waiting = rest.to_batches()
    return waiting
