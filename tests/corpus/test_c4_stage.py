"""The stage that cleans by C4's rules: its texts, its verdicts in the ledger, its bad words."""

from pathlib import Path

import pyarrow as pa
import pytest

from corpus import schema
from corpus.c4.stage import C4RulesConfig, clean, read_bad_words
from corpus.counts import Counts
from corpus.errors import ConfigError, DataError

GOOD = "One sentence stands here. Two of them are here. And so there are three."
PAGES = [
    f"Menu\n{GOOD}\nNo end mark on this line\n{GOOD}",
    "Too little.",
    f"{GOOD}\nWhat the Heck is this, they all said.",
    f"{GOOD}\nheck",  # in a line that goes
    None,
]


def batch(texts: list[str | None], form: pa.Schema = schema.DOCUMENT) -> pa.RecordBatch:
    cells = {
        "doc_id": list(range(len(texts))),
        "text": texts,
        "line_ids": [[3, 5, 7, 11] for _ in texts],
        "original_nlines": [20] * len(texts),
        "original_length": [500] * len(texts),
    }
    columns = [pa.array(cells.get(f.name, [None] * len(texts)), f.type) for f in form]
    return pa.RecordBatch.from_arrays(columns, schema=form)


def bad_words(tmp_path: Path) -> str:
    path = tmp_path / "bad.txt"
    path.write_text("\ufeffHeck\n\n  Darn it \n", encoding="utf-8")
    return str(path)


def test_pages_and_their_lines(tmp_path: Path) -> None:
    counts = Counts()
    cleaned = clean(batch(PAGES), C4RulesConfig("tfds", bad_words(tmp_path)), counts)
    assert cleaned.schema == schema.CLEANED
    kept, few, bad = "kept", "too few sentences", "bad word"
    assert cleaned.column("c4").to_pylist() == [kept, few, bad, kept, few]
    texts = cleaned.column("text").to_pylist()
    assert texts == [f"{GOOD}\n{GOOD}", PAGES[1], PAGES[2], GOOD, ""]
    assert cleaned.column("line_ids").to_pylist()[:4] == [[1, 3], [0], [0, 1], [0]]
    assert cleaned.column("original_nlines").to_pylist()[:2] == [4, 1]
    assert cleaned.column("original_length").to_pylist()[1] == len("Too little.")
    assert counts.totals["pages: kept"] == 2
    assert counts.totals["lines kept"] == 2 + 2 + 1


def test_lines_keep_the_numbers_that_dedup_gave_them() -> None:
    cleaned = clean(batch([PAGES[0]], schema.DEDUPED), C4RulesConfig("tfds"), Counts())
    assert cleaned.column("line_ids").to_pylist() == [[5, 11]]
    assert cleaned.column("original_nlines").to_pylist() == [20]


def test_bad_words_of_a_whole_page_or_in_words(tmp_path: Path) -> None:
    five = f"{GOOD} Four of them are here. Five of them are here."
    pages = [f"{five}\nheck", f"{five} Hecks are many here."]
    for preset, apart, verdicts in (
        ("paper", True, ["bad word", "kept"]),
        ("tfds", True, ["kept", "kept"]),
        ("tfds", False, ["kept", "bad word"]),
    ):
        config = C4RulesConfig(preset, bad_words(tmp_path), words_apart=apart)
        assert clean(batch(pages), config, Counts()).column("c4").to_pylist() == verdicts


def test_lists_of_words(tmp_path: Path) -> None:
    assert read_bad_words(bad_words(tmp_path)) == ["heck", "darn it"]
    for content, fault in ((b"\n \n", "lists no word"), (b"a\n\xff", "is not UTF-8 at byte 2")):
        path = tmp_path / "list.txt"
        path.write_bytes(content)
        with pytest.raises(DataError, match=fault):
            read_bad_words(str(path))
    with pytest.raises(ConfigError, match=r"needs a c4\.preset"):
        C4RulesConfig(bad_words="x")
