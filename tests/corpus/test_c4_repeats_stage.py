"""The stages that remove C4's repeats, against the plain form, in any layout of the shards."""

from pathlib import Path

import pyarrow as pa
import pytest
from c4_plain import A, B, C, D, E, F, G, H, Page, cleaned, of_rows, page, plain

from corpus import schema
from corpus.batches import read_table
from corpus.c4.repeats_stage import hashes_stage, seen_spans_stage, unrepeated_stage
from corpus.c4.rules import FEW_LEFT, KEPT
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage, run

# Stages: shards of pages, some of them copies of another, in any number of partitions.
SHARDS: list[list[Page]] = [
    [(41, page(A, B, C, D, E), KEPT), (12, f"{A}\n{page(F, G, H, A, B, C)}", KEPT)],
    [(45, page(A, B, C, D, E), KEPT), (3, "x {", "curly bracket")],
    [],
    [(7, f"{page(D, E, F)}\n{page(A, B, C)}", KEPT), (2, page(A, B, C, D, E), KEPT)],  # 2: a copy
    [(n, f"{page(F, A, B)}\n{page(C, f'It is {n % 9}.', G, H)}", KEPT) for n in range(50, 90)],
]
COPIES = {2}


def put_pages(unit: Unit, output: Output) -> None:
    output.write_table([cleaned(SHARDS[unit.payload])], schema.CLEANED)


def put_copies(unit: Unit, output: Output) -> None:
    of = [1 if key in COPIES else None for key, _, _ in SHARDS[unit.payload]]
    batch = pa.RecordBatch.from_arrays([pa.array(of, pa.uint64())], schema=schema.DUPLICATE)
    output.write_table([batch], schema.DUPLICATE)


def made(name: str, work, root: Path, engine: Engine) -> Manifest:
    units = [Unit(f"web-{n}", (str(n),), n) for n in range(len(SHARDS))]
    return run(Stage(name, {}, units, (), work=work, in_driver=True), str(root), engine).manifest


@pytest.mark.parametrize("preset", ["paper", "tfds"])
def test_shards_in_any_layout(tmp_path: Path, engine, monkeypatch, preset: str) -> None:
    monkeypatch.setattr("corpus.dedup.exchange.BUCKET_LINES", 100)  # several buckets
    text = made("cleaned/web", put_pages, tmp_path / "in", engine)
    copies = made("duplicates/web", put_copies, tmp_path / "in", engine)
    pages = [row for shard in SHARDS for row in shard]
    asked = [(k, t, "copy" if k in COPIES else v) for k, t, v in pages]
    expected = [
        (KEPT if verdict == "copy" else verdict, *rest) for verdict, *rest in plain(asked, preset)
    ]
    assert {FEW_LEFT, KEPT, "curly bracket"} <= {verdict for verdict, _, _ in expected}
    written = []
    for partitions in (1, 2, 7):
        laid_out = Engine(SparkConfig(partitions=partitions), session=engine.session)
        root = str(tmp_path / str(partitions))
        hashes = run(hashes_stage("web", text, copies, preset), root, laid_out).manifest
        seen = run(seen_spans_stage("web", hashes), root, laid_out).manifest
        stage = unrepeated_stage("web", text, copies, seen, preset)
        left = run(stage, root, laid_out).manifest
        tables = [read_table(left.path(file)) for file in left.files]
        assert [row for table in tables for row in of_rows(table)] == expected
        assert all(table.schema.names == schema.CLEANED.names for table in tables)
        written.append(left.content())
    assert len(set(written)) == 1, "the same bytes by their SHA-256"
