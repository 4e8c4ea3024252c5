"""The shuffle of line hashes, against the rule said in plain Python, for any layout."""

import typing
from collections import defaultdict
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from corpus.batches import read_table, unit_name
from corpus.dedup.exchange import schemas
from corpus.dedup.lines import LineDedupConfig, Policy
from corpus.dedup.stages import seen_stage
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage, run

TOP = 2**63
POLICIES = typing.get_args(Policy)
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


def first_doc(line: int, number: int) -> int:
    """The smallest doc_id that a shard has a line in."""
    return (line % 7 * 10 + number * 3) % 11


def expected(group_shards: int) -> list[list[tuple[int, int]]]:
    """By shard: its hashes that two documents of its group have, ascending, with their keepers."""
    seen: list[list[tuple[int, int]]] = []
    for group in GROUPS[group_shards]:
        having = defaultdict(set)
        for number in group:
            for line, twice in SHARDS[number].items():
                having[line] |= {number, "twice"} if twice else {number}
        keeper = {
            line: min(first_doc(line, number) for number in numbers - {"twice"})
            for line, numbers in having.items()
            if len(numbers) > 1
        }
        seen += [
            [(line, keeper[line]) for line in sorted(keeper.keys() & SHARDS[number].keys())]
            for number in group
        ]
    return seen


def put_hashes(policy: Policy, unit: Unit, output: Output) -> None:
    number, shard = unit.payload, SHARDS[unit.payload]
    lines = sorted(shard)
    columns = [
        pa.array(lines, pa.uint64()),
        pa.array([shard[n] for n in lines], pa.bool_()),
        pa.array([first_doc(n, number) for n in lines], pa.uint64()),
    ]
    table = schemas(policy)[0]
    batch = pa.RecordBatch.from_arrays(columns[: len(table)], schema=table)
    output.write_table([batch], table)


@pytest.fixture(scope="module")
def hashes(tmp_path_factory, engine) -> dict[Policy, Manifest]:
    units = [Unit(f"web-{n}", (str(n),), n) for n in range(len(SHARDS))]
    made = {}
    for policy in POLICIES:
        work = partial(put_hashes, policy)
        stage = Stage(
            "line_hashes/web", {}, units, ("corpus.dedup.stages",), work=work, in_driver=True
        )
        made[policy] = run(stage, str(tmp_path_factory.mktemp(policy)), engine).manifest
    return made


def find(
    hashes: Manifest, root: Path, engine: Engine, group_shards: int, policy: Policy
) -> Manifest:
    config = LineDedupConfig(group_shards=group_shards, policy=policy)
    return run(seen_stage("web", hashes, config), str(root), engine).manifest


def test_the_shards_cover_what_they_should() -> None:
    whole = [[line for line, _ in shard] for shard in expected(0)]
    assert whole[2] == whole[3] == []
    assert whole[0] == [1, 2, TOP, 2**64 - 1]
    assert len(whole[1]) > 10_000
    assert expected(1)[1][-1][0] == TOP + 7
    assert len({str(expected(size)) for size in GROUPS}) == 3
    assert len({keeper for _, keeper in expected(0)[1]}) > 3


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("group_shards", GROUPS)
def test_lines_seen_again_are_found_in_any_layout(
    tmp_path, engine, hashes, monkeypatch, group_shards, policy
) -> None:
    monkeypatch.setattr("corpus.dedup.exchange.BUCKET_LINES", 3000)  # several buckets a group
    written = []
    for partitions in (1, 2, 7):
        laid_out = Engine(SparkConfig(partitions=partitions), session=engine.session)
        found = find(hashes[policy], tmp_path / str(partitions), laid_out, group_shards, policy)
        tables = [read_table(found.path(file)) for file in found.files]
        assert [unit_name(file) for file in found.files] == [f"web-{n}" for n in range(5)]
        rows = [list(zip(*table.to_pydict().values(), strict=True)) for table in tables]
        columns = len(schemas(policy)[1])
        assert rows == [[pair[:columns] for pair in shard] for shard in expected(group_shards)]
        assert {table.schema for table in tables} == {schemas(policy)[1]}
        assert found.counts.totals["seen_again"] == sum(map(len, expected(group_shards)))
        written.append(found.content())
    assert len(set(written)) == 1, "the same bytes by their SHA-256"


def test_hashes_are_read_as_unsigned_and_sorted_so(tmp_path, engine, hashes) -> None:
    found = find(hashes["all_removed"], tmp_path, engine, 0, "all_removed")
    lines = read_table(found.path(found.files[4])).column("hash").to_numpy()
    assert lines.dtype == np.uint64
    assert lines[-1] == 2**64 - 2
    assert (np.diff(lines) > 0).all()
