"""The stage contract: what is redone and what is not, and that nothing half-written is whole."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus import manifest as manifests
from corpus.errors import DataError
from corpus.manifest import MANIFEST_NAME
from corpus.output import RECORDS, Output, Unit
from corpus.parquet import ROW_GROUP_ROWS
from corpus.stage import Stage, run

NUMBERS = pa.schema([("number", pa.int64())])


def write_numbers(calls: Path, unit: Unit, output: Output) -> None:
    with calls.open("a") as log:
        log.write(f"{unit.name}\n")
    batch = pa.RecordBatch.from_pylist([{"number": unit.payload}], NUMBERS)
    output.counts.add("documents")
    output.write_table([batch], NUMBERS)


def refuse(unit: Unit, output: Output) -> None:
    if unit.payload == 1:
        raise DataError("number 1 is bad; give another")
    output.write_table([], NUMBERS)


def make(calls: Path, numbers: list[int], config: int = 0) -> Stage:
    units = [Unit(f"unit-{n}", (str(n),), n) for n in numbers]
    work = partial(write_numbers, calls)
    modules = ("corpus.stage",)
    return Stage("numbers", {"setting": config}, units, modules, work=work, in_driver=True)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def called(calls: Path) -> list[str]:
    lines = calls.read_text().split() if calls.exists() else []
    calls.unlink(missing_ok=True)
    return lines


def test_only_what_changed_is_redone(tmp_path, engine):
    calls, root = tmp_path / "calls", str(tmp_path / "run")
    first = run(make(calls, [1, 2, 3]), root, engine)
    assert called(calls) == ["unit-1", "unit-2", "unit-3"]
    before = snapshot(tmp_path / "run")
    again = run(make(calls, [1, 2, 3]), root, engine)
    assert called(calls) == []
    assert again.units_run == 0
    assert again.manifest.digest == first.manifest.digest
    assert snapshot(tmp_path / "run") == before

    run(make(calls, [1, 2, 3, 4]), root, engine)
    assert called(calls) == ["unit-4"]
    smaller = run(make(calls, [2, 4]), root, engine)
    assert called(calls) == []
    assert smaller.manifest.rows == 2
    names = {path.name for path in (tmp_path / "run" / "numbers").glob("*.parquet")}
    assert names == {file.name for file in smaller.manifest.files}, "old output is swept"

    run(make(calls, [2, 4], config=1), root, engine)
    assert called(calls) == ["unit-2", "unit-4"]


DAMAGES = ["delete", "shorten", "no manifest", "bad manifest", "bad record"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_mended(tmp_path, engine, damage):
    calls, root = tmp_path / "calls", tmp_path / "run"
    made = run(make(calls, [1, 2]), str(root), engine).manifest
    before = snapshot(root)
    called(calls)
    folder = root / "numbers"
    data = folder / made.files[0].name
    if damage == "delete":
        data.unlink()
    elif damage == "shorten":
        data.write_bytes(data.read_bytes()[:-1])
    elif damage == "no manifest":
        (folder / MANIFEST_NAME).unlink()
    elif damage == "bad manifest":
        (folder / MANIFEST_NAME).write_text("{")
    else:
        (folder / MANIFEST_NAME).unlink()
        (folder / RECORDS / "unit-1.json").write_text('{"name": ')
    run(make(calls, [1, 2]), str(root), engine)
    assert called(calls) == ([] if damage.endswith("manifest") else ["unit-1"])
    assert snapshot(root) == before


def test_a_flipped_byte_is_found_by_verify(tmp_path, engine):
    made = run(make(tmp_path / "calls", [1]), str(tmp_path / "run"), engine).manifest
    assert manifests.verify(made) == []
    data = Path(made.path(made.files[0]))
    content = bytearray(data.read_bytes())
    content[10] ^= 1
    data.write_bytes(content)
    (problem,) = manifests.verify(made)
    assert "is damaged" in problem
    assert "--redo numbers" in problem


def test_what_a_killed_attempt_left_is_swept(tmp_path, engine):
    calls, root = tmp_path / "calls", tmp_path / "run"
    folder = root / "numbers"
    (folder / "_scratch" / "abc").mkdir(parents=True)
    (folder / "_scratch" / "abc" / "table.parquet").write_bytes(b"half")
    (folder / "unit-1-0000000000000000.parquet").write_bytes(b"of another time")
    run(make(calls, [1]), str(root), engine)
    left = {path.name for path in folder.rglob("*") if path.is_file()}
    assert left == {MANIFEST_NAME, "unit-1.json"} | {
        file.name for file in manifests.read(str(folder)).files
    }


def test_an_error_in_a_spark_task_is_one_line_and_commits_nothing(tmp_path, engine):
    stage = dataclasses.replace(make(tmp_path / "calls", [0, 1, 2]), work=refuse, in_driver=False)
    with pytest.raises(DataError) as error:
        run(stage, str(tmp_path / "run"), engine)
    assert str(error.value) == "number 1 is bad; give another (stage numbers, unit-1)"
    assert not (tmp_path / "run" / "numbers" / MANIFEST_NAME).exists()
    assert manifests.find(str(tmp_path / "run" / "numbers")) is None


def test_spark_and_driver_write_the_same_bytes(tmp_path, engine):
    stage = make(tmp_path / "calls", [1, 2, 3])
    run(stage, str(tmp_path / "driver"), engine)
    run(dataclasses.replace(stage, in_driver=False), str(tmp_path / "spark"), engine)
    assert snapshot(tmp_path / "driver") == snapshot(tmp_path / "spark")


def test_bytes_do_not_depend_on_batch_borders(tmp_path):
    rows = pa.table({"number": pa.array(range(ROW_GROUP_ROWS * 2 + 77))}, NUMBERS)
    written = []
    for size in (100, 5000, ROW_GROUP_ROWS * 3):
        (tmp_path / str(size) / RECORDS).mkdir(parents=True)
        output = Output(str(tmp_path / str(size)), Unit("u", ()), "key")
        output.write_table(rows.to_batches(size), NUMBERS)
        record = output.close()
        written.append(record.files[0].sha256)
        file = pq.ParquetFile(tmp_path / str(size) / record.files[0].name)
        assert file.metadata.num_row_groups == 3
        assert json.loads(record.content())["files"][0]["rows"] == rows.num_rows
    assert len(set(written)) == 1
