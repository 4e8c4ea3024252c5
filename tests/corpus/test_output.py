"""Two attempts at one unit, as Spark's speculation and retries make: one output, whole."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import storage
from corpus.batches import read_batches
from corpus.output import RECORDS, Output, Unit, UnitRecord
from corpus.parquet import ROW_GROUP_BYTES, ROW_GROUP_ROWS

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


@pytest.mark.parametrize("fails", [False, True])
def test_an_output_opened_with_with_leaves_no_scratch(tmp_path: Path, fails: bool) -> None:
    folder = stage_folder(tmp_path)
    with contextlib.suppress(KilledError), attempt(folder) as output:
        write(output)
        if fails:
            raise KilledError
    assert list((folder / storage.SCRATCH).iterdir()) == []
    assert list((folder / RECORDS).iterdir()) == [], "only `close` makes a unit done"


TEXTS = pa.schema([("number", pa.int64()), ("text", pa.large_string())])
EIGHTH = ROW_GROUP_BYTES // 8


def rows_of_groups(folder: Path) -> list[int]:
    (path,) = folder.glob("*.parquet")
    metadata = pq.ParquetFile(path).metadata
    return [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]


def texts(eighths: list[int]) -> pa.RecordBatch:
    contents = ["x" * (EIGHTH * size) if size else None for size in eighths]
    return pa.RecordBatch.from_pydict({"number": range(len(contents)), "text": contents}, TEXTS)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_large_documents_end_row_groups_early_wherever_batches_end(tmp_path, size: int) -> None:
    batch = texts([0, 2, 3, 0, 3, 4, 4, 9, 8, 0, 0, 1])
    output = attempt(stage_folder(tmp_path))
    output.write_table([batch.slice(i, size) for i in range(0, batch.num_rows, size)], TEXTS)
    assert rows_of_groups(tmp_path / "stage") == [5, 2, 1, 1, 3]
    read = list(read_batches(str(next((tmp_path / "stage").glob("*.parquet")))))
    assert [part.num_rows for part in read] == [5, 2, 1, 1, 3], "no batch over a row group"
    assert pa.Table.from_batches(read) == pa.Table.from_batches([batch])
    assert output.files[0].rows == batch.num_rows


@settings(max_examples=20)
@given(st.lists(st.integers(1, 3000), max_size=6), st.integers(900, 5000))
def test_rows_end_row_groups_wherever_batches_end(tmp_path_factory, cuts, most: int) -> None:
    folder = stage_folder(tmp_path_factory.mktemp("rows"))
    batches = [part for cut in cuts for part in TABLE.slice(0, cut).to_batches()]
    attempt(folder).write_table(batches, NUMBERS, row_group_rows=most)
    total = sum(cuts)
    assert rows_of_groups(folder) == [most] * (total // most) + [total % most] * (total % most > 0)


def test_texts_are_neither_gathered_nor_summed_up(tmp_path: Path) -> None:
    """A writer's dictionary and statistics would hold copies of a text of 1 GB."""
    schema = pa.schema([*TEXTS, ("hash", pa.uint64()), ("line_ids", pa.list_(pa.int32()))])
    row = {"number": 1, "text": "x", "hash": 2, "line_ids": [3]}
    output = attempt(stage_folder(tmp_path))
    output.write_table([pa.RecordBatch.from_pylist([row] * 9, schema)], schema)
    (path,) = (tmp_path / "stage").glob("*.parquet")
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(4)}
    dictionaries = [name for name, c in columns.items() if c.has_dictionary_page]
    assert dictionaries == ["number", "line_ids.list.element"]
    assert [name for name, c in columns.items() if not c.is_stats_set] == ["text"]
