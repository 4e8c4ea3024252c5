"""Overlapping documents, against the rule said in plain Python, for any layout."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus import schema
from corpus.annotate.ledger import AnnotateConfig
from corpus.annotate.stages import ledger_stage
from corpus.batches import read_table, unit_name
from corpus.counts import Counts
from corpus.dedup import overlap, overlap_stage
from corpus.dedup.overlap import PAIR, OverlapConfig
from corpus.dedup.shingles import shingle_set
from corpus.errors import ConfigError
from corpus.kernels.shingles import count_common
from corpus.models import ModelFiles
from corpus.output import Output, Unit
from corpus.sources.books import BooksConfig, read
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage, run
from corpus.storage import InputFile

LID = Path(__file__).parents[2] / ".altiplano/models/lid.176.ftz"
MASK = 2**64 - 1
WORD = re.compile(
    "[\u3040-\u9fff]|(?:[0-9a-z]|[^\x00-\xbf\u2000-\u207f\u3000-\u9fff\uff00-\uff0f\uff1a-\uff20])+"
)


def mixed(value: int) -> int:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & MASK
    return value ^ value >> 31


def word_hash(word: str) -> int:
    value = 0xCBF29CE484222325
    for byte in word.encode():
        value = (value ^ byte) * 0x100000001B3 & MASK
    return mixed(value)


def plain_shingles(text: str, size: int) -> list[int]:
    """The shingles' hashes by the definition, in plain Python."""
    words = [word_hash(word) for word in WORD.findall(pc.utf8_lower(pa.scalar(text)).as_py())]
    runs = [words[at : at + size] for at in range(max(len(words) - size + 1, 1))] if words else []
    hashes = set()
    for shingle in runs:
        state = 0
        for word in shingle:
            state = (state * 0x9E3779B97F4A7C15 + word) & MASK
        hashes.add(mixed(state))
    return sorted(hashes)


CHARACTERS = "abÀé09 .,'-\n_’“…⁄\u2070\u00a0\u3000東京、。ア！？ａ한글\u0130ς"


@example("a".join(CHARACTERS), 2)
@settings(max_examples=300)
@given(
    st.text(st.sampled_from(CHARACTERS) | st.characters(codec="utf-8"), max_size=60),
    st.integers(1, 6),
)
def test_shingles_are_those_of_the_definition(text, size) -> None:
    found = shingle_set(pa.scalar(text, pa.large_string()), size)
    assert found.tolist() == plain_shingles(text, size)


def test_editions_share_shingles_whatever_their_signs() -> None:
    one = shingle_set(pa.scalar("“It’s Élise’s café,” he said; _really_ —\nno?"), 3)
    other = shingle_set(pa.scalar("\"It's ÉLISE'S café\" (he said) really -- no."), 3)
    assert one.tolist() == other.tolist()
    assert len(one) == 7


@given(st.sets(st.integers(0, 40)), st.sets(st.integers(0, 40)))
def test_common_values_are_counted(left, right) -> None:
    arrays = [np.array(sorted(side), np.uint64) for side in (left, right)]
    assert count_common(*arrays) == len(left & right)


def words(seed: int, count: int) -> list[str]:
    return [f"w{n}" for n in np.random.default_rng(seed).integers(0, 50_000, count)]


def changed(text: list[str], every: int) -> list[str]:
    return [word if n % every else f"x{n}" for n, word in enumerate(text)]


BOOK, OTHER, COMMON = words(1, 6000), words(2, 4000), words(3, 300)
STORY = words(4, 1500)
TEXTS: list[list[tuple[int, list[str] | None]]] = [
    [(10, BOOK), (11, changed(BOOK[:5500], 150)), (12, OTHER)],
    [],
    [(13, changed(BOOK, 12)), (14, STORY + OTHER), (15, COMMON + words(5, 2000)), (9, None)],
    [(16, STORY), (17, COMMON + words(6, 2000)), (18, OTHER), (19, ["so", "short"]), (20, [])],
]
CONFIG = OverlapConfig(enabled=True, sample=8)


def text_of(document: list[str] | None) -> str | None:
    return None if document is None else " ".join(document)


def expected(texts, config: OverlapConfig) -> list[list[tuple[float | None, int | None]]]:
    """All pairs compared whole; longest first, the one that holds most of those that stay."""
    documents = [row for shard in texts for row in shard]
    sets = {i: set(plain_shingles(text_of(d) or "", config.shingle_words)) for i, d in documents}
    order = sorted(sets, key=lambda i: (-len(sets[i]), i))
    stays: list[int] = []
    found: dict[int, tuple[float, int]] = {}
    for short in order:
        shares = [
            (len(sets[short] & sets[long]) / len(sets[short]), long)
            for long in stays
            if sets[short]
        ]
        share, long = max(shares, key=lambda s: (s[0], len(sets[s[1]]), -s[1]), default=(0.0, 0))
        if share >= config.floor:
            found[short] = (share, long)
        if share <= config.max_containment:
            stays.append(short)
    return [[found.get(i, (None, None)) for i, _ in shard] for shard in texts]


def batch(rows) -> pa.RecordBatch:
    cells = {"doc_id": [i for i, _ in rows], "text": [text_of(text) for _, text in rows]}
    columns = [pa.array(cells.get(f.name, [None] * len(rows)), f.type) for f in schema.DOCUMENT]
    return pa.RecordBatch.from_arrays(columns, schema=schema.DOCUMENT)


def put_texts(unit: Unit, output: Output) -> None:
    rows = TEXTS[unit.payload]
    output.write_table([batch(rows)] if rows else [], schema.DOCUMENT, row_group_rows=2)


@pytest.fixture(scope="module")
def texts(tmp_path_factory, engine):
    units = [Unit(f"books-{n}", (str(n),), n) for n in range(len(TEXTS))]
    stage = Stage("extracted/books", {}, units, ("corpus.stage",), work=put_texts, in_driver=True)
    return run(stage, str(tmp_path_factory.mktemp("texts")), engine).manifest


def columns(manifest) -> list[list[tuple]]:
    tables = [read_table(manifest.path(f)) for f in manifest.files]
    return [
        list(zip(t["overlap"].to_pylist(), t["overlap_with"].to_pylist(), strict=True))
        for t in tables
    ]


def test_overlaps_are_found_in_any_layout(tmp_path, engine, texts, monkeypatch) -> None:
    monkeypatch.setattr("corpus.dedup.overlap_stage.BUCKET_ROWS", 100)  # several buckets
    monkeypatch.setattr("corpus.dedup.overlap_stage.PAIRS_A_TASK", 2)
    wanted = expected(TEXTS, CONFIG)
    assert [of for shard in wanted for _, of in shard] == [
        None, 10, 14, 10, None, None, None, 14, None, 14, None, None,
    ]  # fmt: skip
    written = []
    for partitions in (1, 2, 7):
        laid_out = Engine(SparkConfig(partitions=partitions), session=engine.session)
        stage = overlap_stage.stage("books", texts, CONFIG)
        found = run(stage, str(tmp_path / str(partitions)), laid_out).manifest
        assert [unit_name(file) for file in found.files] == [f"books-{n}" for n in range(4)]
        assert columns(found) == wanted
        assert found.counts.totals == {"documents": 12, "overlapping": 5, "contained": 4}
        written.append(found.content())
    assert len(set(written)) == 1, "the same bytes by their SHA-256"


def test_the_ledger_takes_the_columns_row_by_row(tmp_path, engine, texts) -> None:
    laid_out = partial(run, root=str(tmp_path), engine=engine)
    found = laid_out(overlap_stage.stage("books", texts, CONFIG)).manifest
    models = ModelFiles(str(LID), None, None, ())
    ledger = laid_out(ledger_stage("books", texts, models, AnnotateConfig(), [found])).manifest
    assert columns(ledger) == expected(TEXTS, CONFIG)


def pairs(*rows: tuple[int, int, int, int, int]) -> np.ndarray:
    """From (short, long, their sizes, shared); a document's id is its place."""
    table = np.zeros(len(rows), PAIR)
    for at, (short, long, short_size, long_size, shared) in enumerate(rows):
        table[at] = (short, long, short, long, short_size, long_size, 0, shared)
    return table


def test_of_a_chain_only_what_stays_is_named() -> None:
    """3 is in 2 and 2 in 1, but 3 in 1 only by half: 3 stays, and 4 goes for 3's sake."""
    found = overlap.resolve(
        pairs((2, 1, 80, 90, 76), (3, 2, 70, 80, 69), (3, 1, 70, 90, 40), (4, 3, 60, 70, 57)),
        OverlapConfig(),
    )
    assert found == {0: [(2, 76 / 80, 1), (3, 40 / 70, 1), (4, 57 / 60, 3)]}


def test_a_common_shingle_makes_no_square_of_pairs() -> None:
    rows = [(i, ["the", "very", "same", "five", "words"]) for i in range(overlap.COMMON + 1)]
    config = OverlapConfig(enabled=True, sample=1)
    sent = [blob for _, blob in overlap.send(iter([batch(rows)]), config, 0, 0)]
    assert len(overlap.meet(sent)) == 0
    sent = [blob for _, blob in overlap.send(iter([batch(rows[:1000])]), config, 0, 0)]
    found = overlap.meet(sent)
    assert len(found) == sum(min(rank, overlap.LONGEST) for rank in range(1000))
    assert len({int(pair["short"]) for pair in found}) == 999


def test_many_copies_of_one_book_leave_one(tmp_path, engine) -> None:
    texts = [(i, changed(BOOK, 400 + i)) for i in range(40)]
    sent = [blob for _, blob in overlap.send(iter([batch(texts)]), OverlapConfig(), 0, 0)]
    found = overlap.candidates(overlap.add_up(overlap.meet(sent)), OverlapConfig())
    assert len({int(pair["short"]) for pair in found}) == 39


@pytest.mark.parametrize(
    ("key", "value"),
    [("shingle_words", 0), ("max_containment", 0), ("max_containment", 1.1), ("sample", 0)],
)
def test_bad_config(key, value) -> None:
    with pytest.raises(ConfigError, match=f"{key}={value} must be"):
        OverlapConfig(**{key: value})


# Of the shared books: the one that goes, the longer one that stays, and how much that holds of it.
EDITIONS = [
    ("pg1184.txt", "books/1184-0.txt", 0.9996),
    ("books/Pride_and_Prejudice_JaneAusten.txt", "pg1342.txt", 0.9585),
    ("books/pg161.txt", "pg161.txt", 0.9955),
]


def put_books(unit: Unit, output: Output) -> None:
    path = Path(unit.payload)
    file = InputFile(unit.payload, path.name, path.stat().st_size)
    output.write_table(read(file, "books", BooksConfig(), Counts()), schema.DOCUMENT)


def test_the_shared_editions_are_found_and_no_false_pair(tmp_path, engine, shared) -> None:
    unit = Unit("books-0", ("0",), str(shared / "books/gutenberg-dev.tar.xz"))
    stage = Stage("extracted/books", {}, [unit], ("corpus.stage",), work=put_books, in_driver=True)
    books = run(stage, str(tmp_path), engine).manifest
    found = run(
        overlap_stage.stage("books", books, OverlapConfig(enabled=True)), str(tmp_path), engine
    )
    table = read_table(books.path(books.files[0]), ["doc_id", "origin"])
    origins = dict(zip(*(table[name].to_pylist() for name in ("doc_id", "origin")), strict=True))
    pairs = [
        (origins[i].rpartition("ece451/")[2], origins[of].rpartition("ece451/")[2], round(share, 4))
        for i, (share, of) in zip(origins, columns(found.manifest)[0], strict=True)
        if of is not None
    ]
    assert sorted(pairs) == sorted(EDITIONS)
