"""Two attempts at one unit, as Spark's speculation and retries make: one output, whole."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus import storage
from corpus.output import RECORDS, ROW_GROUP_ROWS, Output, Unit, UnitRecord

NUMBERS = pa.schema([("number", pa.int64())])
TABLE = pa.table({"number": pa.array(range(ROW_GROUP_ROWS + 5))}, NUMBERS)
UNIT = Unit("web-a", ())


def attempt(folder: Path) -> Output:
    output = Output(str(folder), UNIT, "key")
    output.counts.add("documents", TABLE.num_rows)
    return output


def write(output: Output) -> None:
    output.write_table(TABLE.to_batches(1000), NUMBERS, facts={"source": "web"})


def stage_folder(tmp_path: Path, name: str = "stage") -> Path:
    folder = tmp_path / name
    (folder / RECORDS).mkdir(parents=True)
    return folder


def outcome(folder: Path) -> tuple[dict[str, bytes], UnitRecord]:
    """What is in a stage's folder by name, scratch left out, and the record, both looked into."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    (place,) = (folder / RECORDS).iterdir()
    assert place.name == "web-a.json"
    record = UnitRecord.from_content(place.read_bytes())
    (listed,) = record.files
    assert list(files) == [listed.name], "one data file"
    assert (len(files[listed.name]), listed.rows) == (listed.bytes, TABLE.num_rows)
    assert pq.read_table(folder / listed.name) == TABLE
    assert record.content() == place.read_bytes()
    assert record.counts.totals == {"documents": TABLE.num_rows}
    return files, record


def alone(tmp_path: Path) -> tuple[dict[str, bytes], UnitRecord]:
    folder = stage_folder(tmp_path, "alone")
    output = attempt(folder)
    write(output)
    output.close()
    return outcome(folder)


# of two attempts: each writes at its first letter and closes at its second
ORDERS = sorted(set(itertools.permutations("aabb")))


@pytest.mark.parametrize("order", ORDERS, ids="".join)
def test_two_attempts_that_both_end_leave_one_output(tmp_path: Path, order) -> None:
    folder = stage_folder(tmp_path)
    attempts = {name: attempt(folder) for name in "ab"}
    wrote, records = set(), []
    for name in order:
        if name in wrote:
            records.append(attempts[name].close())
        else:
            write(attempts[name])
        wrote.add(name)
    assert outcome(folder) == alone(tmp_path)
    assert records[0] == records[1]
    assert list((folder / storage.SCRATCH).iterdir()) == [], "both cleared up"


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


def half() -> Iterator[pa.RecordBatch]:
    yield from TABLE.to_batches(1000)[:3]
    raise KilledError


@pytest.mark.parametrize("killed", ["before it writes", "while it writes", "before it closes"])
@pytest.mark.parametrize("first", ["killed", "whole"])
def test_an_attempt_that_is_killed_leaves_the_other_whole(
    tmp_path: Path, killed: str, first: str
) -> None:
    folder = stage_folder(tmp_path)
    dying, living = attempt(folder), attempt(folder)

    def die() -> None:
        if killed == "while it writes":
            with pytest.raises(KilledError):
                dying.write_table(half(), NUMBERS)
        elif killed == "before it closes":
            write(dying)

    if first == "killed":
        die()
    write(living)
    if first == "whole":
        die()
    living.close()
    assert outcome(folder) == alone(tmp_path)


def test_a_killed_attempt_alone_leaves_no_record(tmp_path: Path) -> None:
    folder = stage_folder(tmp_path)
    write(attempt(folder))
    assert list((folder / RECORDS).iterdir()) == []
