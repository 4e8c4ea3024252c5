"""The ledger's cheap measures: worked examples, and against their definitions in plain Python."""

import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotate.heuristics import (
    BULLETS,
    STOP_WORDS,
    WITHOUT_SIZES,
    character_classes,
    heuristics,
    sizes,
)
from corpus.config import build
from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.kernels import text_form
from corpus.schema import LEDGER
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile
from jobs.config import CorpusConfig

MODELS = {"language", "language_score", "perplexity", "reference_probability"}
KEYS = {"doc_id", "source", "url", "origin"}
OF_OTHER_STAGES = {"c4", "duplicate_of", "overlap", "overlap_with"}
TEXTS = st.lists(
    st.text(
        st.one_of(
            st.characters(exclude_categories=("Cs",)),
            st.sampled_from(" \n\n..…#•-*aTtHhEe\t\u00a0\u2028\x1c\x85é中٣𝟗🙂"),
        )
    ),
    max_size=6,
)


def naive(text: str) -> dict[str, float]:
    lines, words = text.split("\n"), text.split()
    filled = [line.strip() for line in lines if line.strip()]
    copies = [line for i, line in enumerate(lines) if line.strip() and line in lines[:i]]
    letter_runs = "".join(c if c.isalpha() else " " for c in text).split(" ")
    ascii_lower = {re.sub("[A-Z]", lambda m: m[0].lower(), run) for run in letter_runs}
    ellipses = text.count("...") + text.count("…")

    def share(part: float, whole: int) -> float:
        return part / whole if whole else 0.0

    return {
        "num_chars": len(text),
        "num_bytes": len(text.encode()),
        "num_lines": len(lines),
        "num_words": len(words),
        "mean_word_length": share(sum(map(len, words)), len(words)),
        "max_line_length": max(map(len, lines)),
        "mean_line_length": share(sum(map(len, lines)), len(lines)),
        "alphanumeric_share": share(sum(c.isalnum() for c in text), len(text)),
        "letters_per_token": share(sum(map(str.isalpha, text)), len(re.findall(r"\w+|\S", text))),
        "alphabetic_word_share": share(sum(any(map(str.isalpha, w)) for w in words), len(words)),
        "symbol_word_ratio": share(max(text.count("#"), ellipses), len(words)),
        "bullet_line_share": share(sum(line[0] in BULLETS for line in filled), len(filled)),
        "ellipsis_line_share": share(
            sum(line.endswith(("...", "…")) for line in filled), len(filled)
        ),
        "duplicate_line_share": share(sum(map(len, copies)), len(text)),
        "stop_words": len(ascii_lower & set(STOP_WORDS)),
    }


def measure_all(texts: pa.Array) -> list[dict[str, float]]:
    columns = heuristics(texts)
    values = zip(*(column.to_pylist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in values]


def measure(text: str) -> dict[str, float]:
    return measure_all(pa.array([text]))[0]


def test_the_ledgers_columns_and_types() -> None:
    columns = heuristics(pa.array(["a"], pa.large_string()))
    assert set(columns) == set(LEDGER.names) - MODELS - KEYS - OF_OTHER_STAGES
    for name, column in columns.items():
        assert column.type == LEDGER.field(name).type, name


@given(TEXTS, st.integers(0, 2))
def test_sizes_alone_are_those_of_the_heuristics(texts: list[str | None], skipped: int) -> None:
    array = pa.array([*texts, None, "é"], pa.large_string()).slice(skipped)
    whole, alone = heuristics(array), sizes(array)
    assert set(whole) == {*WITHOUT_SIZES, *alone}
    assert all(column.equals(whole[name]) for name, column in alone.items())


def test_a_rule_on_a_heuristic_needs_them_measured() -> None:
    web = {"reader": "wet", "input": "crawl", "annotate": {"heuristics": False}}
    tree = {"models": {"lid": "lid.ftz"}, "sources": {"web": web}}
    web["rules"] = [{"column": "num_chars", "min": 5}, {"column": "language_score", "min": 0.5}]
    assert not build(CorpusConfig, tree).sources["web"].annotate.heuristics
    web["rules"].append({"column": "stop_words", "min": 2})
    fix = "the rule on 'stop_words' needs the heuristics: leave corpus.sources.web.annotate.heur"
    with pytest.raises(ConfigError, match=fix):
        build(CorpusConfig, tree)


def test_a_worked_example() -> None:
    text = "The cat and THE dog...\n- with #1\n\n  • it…\n- with #1"
    found = measure(text)
    assert found["num_chars"] == 51
    assert found["num_bytes"] == 55
    assert found["num_lines"] == 5
    assert found["num_words"] == 13
    assert found["mean_word_length"] == pytest.approx(36 / 13)
    assert found["max_line_length"] == 22
    assert found["mean_line_length"] == pytest.approx(47 / 5)
    assert found["alphabetic_word_share"] == pytest.approx(8 / 13)
    assert found["symbol_word_ratio"] == pytest.approx(2 / 13)  # as many '#' as ellipses
    assert found["bullet_line_share"] == 3 / 4
    assert found["ellipsis_line_share"] == 2 / 4
    assert found["duplicate_line_share"] == pytest.approx(9 / 51)
    assert found["stop_words"] == 3  # the, and, with


def test_tokens_are_those_of_a_lexer() -> None:
    assert measure("x_1 = foo(bar);")["letters_per_token"] == 7 / 7
    assert measure("{{{;;;")["letters_per_token"] == 0
    assert measure("naïve __init__")["letters_per_token"] == 9 / 2
    assert measure("0x1F, 0x2E")["letters_per_token"] == 4 / 3


def test_an_ellipsis_is_three_full_stops_or_one_character() -> None:
    assert measure("a.. b.... c...... #")["symbol_word_ratio"] == 3 / 4
    found = measure("one...\ntwo..\nthree… \n...")
    assert found["ellipsis_line_share"] == 3 / 4
    assert found["symbol_word_ratio"] == 3 / 4


def test_stop_words_are_whole_words() -> None:
    assert measure("them bee tool often sand thatch haven within")["stop_words"] == 0
    assert measure("(The) be, TO: of; 'and' that's have-with")["stop_words"] == 8
    assert measure("thé be")["stop_words"] == 1


def test_null_and_empty_texts_measure_nothing() -> None:
    columns = heuristics(pa.array([None, ""], pa.large_string()))
    assert columns["num_lines"].to_pylist() == [1, 1]
    others = [name for name in columns if name != "num_lines"]
    assert all(columns[name].to_pylist() == [0, 0] for name in others)
    assert all(len(column) == 0 for column in heuristics(pa.array([], pa.string())).values())


@given(TEXTS, st.integers(0, 2))
def test_definitions_hold_whatever_lies_beside(texts: list[str], skipped: int) -> None:
    """Also on a slice, whose buffers begin with other texts."""
    rows = measure_all(pa.array(texts, pa.large_string()).slice(skipped))
    assert rows == [naive(text) for text in texts[skipped:]]


def test_equal_lines_are_found_among_many() -> None:
    lines = [f"line {number % 1000}" for number in range(3000)] + ["", "line 7 ", "line 1000"] * 2
    for text in ("\n".join(lines), "\n".join(lines * 2), "a\nb\n" * 999 + "ab"):
        assert measure(text) == naive(text)


def test_real_pages(shared: Path) -> None:
    path = sorted((shared / "crawl" / "wet").glob("*.wet.gz"))[0]
    file = InputFile(str(path), path.name, path.stat().st_size)
    texts = next(read(file, "web", WetConfig(), Counts())).column("text")[:400]
    assert measure_all(texts) == [naive(text) for text in texts.to_pylist()]


def test_character_classes_are_pythons_over_all_of_unicode() -> None:
    classes = character_classes()
    for bit, method in (
        (text_form.ALPHABETIC, str.isalpha),
        (text_form.ALPHANUMERIC, str.isalnum),
        (text_form.SPACE, str.isspace),
        (text_form.BULLET, BULLETS.__contains__),
    ):
        assert (classes[:0x110000] & bit > 0).tolist() == [
            method(chr(code)) for code in range(0x110000)
        ]
