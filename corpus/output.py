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
from typing import Any, Self

import pyarrow as pa

from corpus import storage
from corpus.counts import Counts
from corpus.manifest import OutputFile
from corpus.parquet import ROW_GROUP_ROWS, write_parquet

RECORDS = "_units"
OWN_NAME = re.compile(r"-[0-9a-f]{16}\.[a-z]+$")  # how a content-named file ends


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
    """The hand a unit's function writes with; `close` publishes the unit's record.

    Opened with `with`, it leaves no scratch behind, whatever happens.
    """

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
        """Writes batches of a schema as one Parquet file of the unit's."""
        local = self.scratch / "table.parquet"
        rows = write_parquet(local, batches, schema, row_group_rows)
        self.put(local, self.unit.name, "parquet", rows, facts)

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
        self._discard()
        return record

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._discard()

    def _discard(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
