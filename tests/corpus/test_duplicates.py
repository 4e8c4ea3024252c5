"""Copies of whole documents, against the rule said in plain Python, for any layout."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import schema
from corpus.annotate.ledger import AnnotateConfig
from corpus.annotate.stages import ledger_stage
from corpus.batches import read_table, unit_name
from corpus.c4.rules import TOO_LONG, VERDICTS
from corpus.dedup import duplicates_stage
from corpus.dedup.duplicates import (
    _COPY,
    _ROW,
    Blob,
    DuplicatesConfig,
    column,
    compared,
    find_copies,
    send,
)
from corpus.models import ModelFiles
from corpus.output import Output, Unit
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage, run

BY_TEXT = DuplicatesConfig("text")
Rows = list[tuple[int, str | None, str | None]]  # doc_id, url, text
LID = Path(__file__).parents[2] / ".altiplano/models/lid.176.ftz"
BIG = 2**64 - 1
SHARDS: list[Rows] = [
    [(9, "a", "x"), (3, "b", "y"), (BIG, "c", "x"), (5, None, "z"), (6, "é", "")],
    [],
    [(1, "a", "q"), (2, "b", "x"), (8, None, None), (10, "é", None)],
    [(7, "c", "y"), *((100 + n, f"u{n}", f"t{n % 40}") for n in range(200))],
]


def batch(rows: Rows) -> pa.RecordBatch:
    cells = {"doc_id": [r[0] for r in rows], "url": [r[1] for r in rows]}
    cells["text"] = [r[2] for r in rows]
    columns = [pa.array(cells.get(f.name, [None] * len(rows)), f.type) for f in schema.DOCUMENT]
    return pa.RecordBatch.from_arrays(columns, schema=schema.DOCUMENT)


def expected(shards: list[Rows], by: str) -> list[list[int | None]]:
    """The document that stays is the one of smallest id; what has no key has no copy."""
    smallest: dict[str, int] = {}
    place = {"url": 1, "text": 2, "c4_url": 1}[by]
    for row in sorted((row for shard in shards for row in shard), key=lambda row: row[0]):
        if row[place] is not None:
            smallest.setdefault(row[place], row[0])
    return [[_of(row, smallest.get(row[place])) for row in shard] for shard in shards]


def _of(row: tuple, keeper: int | None) -> int | None:
    return None if keeper == row[0] else keeper


def put_texts(unit: Unit, output: Output) -> None:
    rows = SHARDS[unit.payload]
    output.write_table([batch(rows)] if rows else [], schema.DOCUMENT)


@pytest.fixture(scope="module")
def texts(tmp_path_factory, engine):
    units = [Unit(f"web-{n}", (str(n),), n) for n in range(len(SHARDS))]
    stage = Stage("extracted/web", {}, units, ("corpus.stage",), work=put_texts, in_driver=True)
    return run(stage, str(tmp_path_factory.mktemp("texts")), engine).manifest


@pytest.mark.parametrize("by", ["text", "url", "c4_url"])
def test_copies_are_found_in_any_layout(tmp_path, engine, texts, monkeypatch, by) -> None:
    monkeypatch.setattr("corpus.dedup.duplicates_stage.BUCKET_DOCUMENTS", 30)  # several buckets
    written = []
    for partitions in (1, 2, 7):
        laid_out = Engine(SparkConfig(partitions=partitions), session=engine.session)
        stage = duplicates_stage.stage("web", texts, DuplicatesConfig(by))
        found = run(stage, str(tmp_path / str(partitions)), laid_out).manifest
        assert [unit_name(file) for file in found.files] == [f"web-{n}" for n in range(4)]
        columns = [read_table(found.path(f))["duplicate_of"].to_pylist() for f in found.files]
        assert columns == expected(SHARDS, by)
        copies = sum(of is not None for shard in columns for of in shard)
        assert found.counts.totals == {"documents": 210, "copies": copies}
        assert copies > (160 if by == "text" else 2)
        written.append(found.content())
    assert len(set(written)) == 1, "the same bytes by their SHA-256"


def test_the_ledger_takes_the_column_row_by_row(tmp_path, engine, texts) -> None:
    laid_out = partial(run, root=str(tmp_path), engine=engine)
    found = laid_out(duplicates_stage.stage("web", texts, DuplicatesConfig("text"))).manifest
    models = ModelFiles(str(LID), None, None, ())
    ledger = laid_out(ledger_stage("web", texts, models, AnnotateConfig(), [found])).manifest
    columns = [read_table(ledger.path(f))["duplicate_of"].to_pylist() for f in ledger.files]
    assert columns == expected(SHARDS, "text")


def test_a_bucket_has_one_row_of_a_key_from_each_shard() -> None:
    rows: Rows = [(n, None, "the same") for n in range(1000)]
    sent = dict(send(iter([batch(rows[:500]), batch(rows[500:])]), BY_TEXT, 7, 0))
    assert {bucket: len(blob.rows) for bucket, blob in sent.items()} == {-8: 999 * 24, 0: 32}


@pytest.mark.timeout(60)  # hours, were all rows gone over for each shard
def test_a_bucket_of_many_shards_costs_its_rows() -> None:
    """As of a crawl whose every shard has a few documents that all others have."""
    shards, each = 80_000, 10
    rows = np.zeros((shards, each), _ROW)
    rows["high"] = np.arange(each)
    rows["doc_id"] = 1 + np.arange(shards)[:, None]
    blobs = [Blob(shard, row.tobytes()) for shard, row in enumerate(rows)]
    met = list(find_copies(blobs[::-1]))
    assert [blob.shard for blob in met] == list(range(1, shards)), "all but where the first is"
    assert {len(blob.rows) for blob in met} == {each * _COPY.itemsize}


ROWS = st.lists(st.lists(st.sampled_from(["", "a", "b", "ab", "é", None]), max_size=8), max_size=4)


@given(ROWS, st.integers(0, 3))
def test_what_is_sent_and_met_is_the_rule(keys, bits) -> None:
    ids = iter(range(50, 0, -1))
    shards: list[Rows] = [[(next(ids), key, key) for key in shard] for shard in keys]
    buckets: dict[int, list] = {}
    for number, rows in enumerate(shards):
        for bucket, blob in send(iter([batch(rows)] if rows else []), BY_TEXT, number, bits):
            buckets.setdefault(bucket, []).append(blob)
    local = [blob for bucket, blobs in buckets.items() if bucket < 0 for blob in blobs]
    met = [find_copies(blobs) for bucket, blobs in buckets.items() if bucket >= 0]
    returned = [*local, *(blob for blobs in met for blob in blobs)]
    columns = [
        column(len(rows), [blob for blob in returned if blob.shard == number]).column(0).to_pylist()
        for number, rows in enumerate(shards)
    ]
    assert columns == expected(shards, "text")


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("http://www.a.test/b/", "a.test/b"),
        ("https://a.test/b", "a.test/b"),
        ("http://a.test/b?utm_source=c&d=1", "a.test/b"),
        ("http://a.test/b/?ref=c", "a.test/b"),
        ("http://a.test/b?feedback", "a.test/b"),
        ("http://a.test/b?id=1&utm_source=c", "a.test/b?id=1&utm_source=c"),
        ("http://archive.test/1/http://www.a.test//", "archive.test/1/a.test"),
        ("http://WWW.a.test/é", "WWW.a.test/é"),
        ("", ""),
        (None, None),
    ],
)
def test_urls_as_the_released_c4_compares_them(url: str | None, form: str | None) -> None:
    rows = batch([(1, url, "x")])
    assert compared(rows, DuplicatesConfig("c4_url")).to_pylist() == [form]
    assert compared(rows, DuplicatesConfig("url")).to_pylist() == [url]


def test_pages_that_c4_finds_too_long_are_no_copies_and_have_none() -> None:
    rows = pa.RecordBatch.from_pylist(
        [{"doc_id": n, "url": "http://a.test/", "c4": c4} for n, c4 in enumerate(VERDICTS)],
        schema.CLEANED,
    )
    forms = compared(rows, DuplicatesConfig("c4_url")).to_pylist()
    assert forms == [None if verdict == TOO_LONG else "a.test" for verdict in VERDICTS]
    assert None not in compared(rows, DuplicatesConfig("url")).to_pylist()


@given(st.from_regex(r"(https?://(www\.)?)?[a/?.]*(utm_|ref|feed|\n)?[/a?]*", fullmatch=True))
def test_urls_as_its_own_expressions_say(url: str) -> None:
    form = re.sub(r"\?(utm_|ref|feed).*", "", re.sub(r"https?:\/\/(www\.)?", "", url)).rstrip("/")
    assert compared(batch([(1, url, "x")]), DuplicatesConfig("c4_url")).to_pylist() == [form]
