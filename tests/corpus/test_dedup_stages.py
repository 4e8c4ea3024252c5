"""The shuffle of line hashes, against the rule said in plain Python, for any layout."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from corpus.batches import read_table, unit_name
from corpus.dedup.stages import HASHES, LineDedupConfig, seen_stage
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage, run

TOP = 2**63
# a shard: its distinct line hashes and whether two of its own documents share each
Shard = dict[int, bool]
MANY = {3 * n: n % 100 == 0 for n in range(1000, 12_000)}  # over one batch of Arrow's 10,000
SHARDS: list[Shard] = [
    {1: False, 2: False, TOP: False, 2**64 - 1: False},
    {1: False, 5: True, TOP + 7: True, 2**64 - 1: False, **MANY},
    {7: False, TOP - 1: False, TOP + 1: False},  # nothing of it is seen again
    {},
    {2: False, 5: False, TOP: False, 2**64 - 2: True, **MANY},
]
GROUPS = {0: [[0, 1, 2, 3, 4]], 1: [[0], [1], [2], [3], [4]], 2: [[0, 1], [2, 3], [4]]}


def expected(group_shards: int) -> list[list[int]]:
    """By shard: its hashes that two documents of its group have, ascending."""
    seen: list[list[int]] = []
    for group in GROUPS[group_shards]:
        shards = Counter(line for number in group for line in SHARDS[number])
        repeated = {line for number in group for line, twice in SHARDS[number].items() if twice}
        again = {line for line, n in shards.items() if n > 1} | repeated
        seen += [sorted(again & SHARDS[number].keys()) for number in group]
    return seen


def put_hashes(unit: Unit, output: Output) -> None:
    shard = SHARDS[unit.payload]
    lines = sorted(shard)
    columns = [pa.array(lines, pa.uint64()), pa.array([shard[n] for n in lines], pa.bool_())]
    output.write_table([pa.RecordBatch.from_arrays(columns, schema=HASHES)], HASHES)


@pytest.fixture(scope="module")
def hashes(tmp_path_factory, engine) -> Manifest:
    units = [Unit(f"web-{n}", (str(n),), n) for n in range(len(SHARDS))]
    modules = ("corpus.dedup.stages",)
    stage = Stage("line_hashes/web", {}, units, modules, work=put_hashes, in_driver=True)
    return run(stage, str(tmp_path_factory.mktemp("hashes")), engine).manifest


def find(hashes: Manifest, root: Path, engine: Engine, group_shards: int) -> Manifest:
    stage = seen_stage("web", hashes, LineDedupConfig(group_shards=group_shards))
    return run(stage, str(root), engine).manifest


def test_the_shards_cover_what_they_should() -> None:
    whole = expected(0)
    assert whole[2] == whole[3] == []
    assert whole[0] == [1, 2, TOP, 2**64 - 1]
    assert len(whole[1]) > 10_000
    assert expected(1)[1][-1] == TOP + 7
    assert len({str(expected(size)) for size in GROUPS}) == 3


@pytest.mark.parametrize("group_shards", GROUPS)
def test_lines_seen_again_are_found_in_any_layout(tmp_path, engine, hashes, group_shards) -> None:
    written = []
    session = engine.session
    shuffled = session.conf.get("spark.sql.shuffle.partitions")
    for partitions in (1, 2, 7):
        session.conf.set("spark.sql.shuffle.partitions", str(partitions))
        try:
            laid_out = Engine(SparkConfig(partitions=partitions), session=session)
            found = find(hashes, tmp_path / str(partitions), laid_out, group_shards)
        finally:
            session.conf.set("spark.sql.shuffle.partitions", shuffled)
        columns = [read_table(found.path(file)).column("hash") for file in found.files]
        assert [unit_name(file) for file in found.files] == [f"web-{n}" for n in range(5)]
        assert [column.to_pylist() for column in columns] == expected(group_shards)
        assert {column.type for column in columns} == {pa.uint64()}
        assert found.counts.totals["seen_again"] == sum(map(len, expected(group_shards)))
        written.append(found.content())
    assert len(set(written)) == 1, "the same bytes by their SHA-256"


def test_hashes_are_read_as_unsigned_and_sorted_so(tmp_path, engine, hashes) -> None:
    found = find(hashes, tmp_path, engine, 0)
    lines = read_table(found.path(found.files[4])).column("hash").to_numpy()
    assert lines.dtype == np.uint64
    assert lines[-1] == 2**64 - 2
    assert (np.diff(lines) > 0).all()
