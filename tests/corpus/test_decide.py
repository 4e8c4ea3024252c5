"""Rules over ledger rows: which decides, what it says, and what becomes of missing values."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus import schema
from corpus.decide import RuleConfig, buckets, decide, exact
from corpus.errors import ConfigError

CUTOFFS = {"en": (100.0, 200.0), "fr": (10.0, 20.0)}


def ledger(*rows: dict) -> pa.Table:
    """LEDGER rows of which the test says what it is about."""
    known = {"source": "web", "num_chars": 10, "num_bytes": 11}
    full = [{"doc_id": n, "url": f"http://x/{n}", **known, **row} for n, row in enumerate(rows)]
    return pa.Table.from_pylist(full, schema.LEDGER)


def decided(table: pa.Table, *rules: RuleConfig) -> list[tuple]:
    out = decide(table, CUTOFFS, rules)
    assert out.schema == schema.DECISION
    for name in ("doc_id", "source", "url", "num_chars", "num_bytes"):
        assert out.column(name) == table.column(name)
    names = ("keep", "rule", "value", "threshold")
    return list(zip(*(out.column(name).to_pylist() for name in names), strict=True))


KEPT = (True, None, None, None)


def test_the_first_rule_broken_decides() -> None:
    words = RuleConfig("num_words", min=50, max=100_000, name="length")
    symbols = RuleConfig("symbol_word_ratio", max=0.1)
    table = ledger(
        {"num_words": 49, "symbol_word_ratio": 0.5},
        {"num_words": 50, "symbol_word_ratio": 0.5},
        {"num_words": 100_000, "symbol_word_ratio": 0.1},
        {"num_words": 100_001, "symbol_word_ratio": 0.0},
    )
    low = (False, "length", "49", ">= 50 and <= 100000")
    high = (False, "length", "100001", ">= 50 and <= 100000")
    ratio = (False, "symbol_word_ratio", "0.5", "<= 0.1")
    assert decided(table, words, symbols) == [low, ratio, KEPT, high]
    assert decided(table, symbols, words) == [ratio, ratio, KEPT, high]
    assert decided(table) == [KEPT] * 4


def test_a_copy_is_dropped_by_the_document_that_stays() -> None:
    rule = RuleConfig("duplicate_of", absent=True)
    assert decided(ledger({}, {"duplicate_of": 2**64 - 1}), rule) == [
        KEPT,
        (False, "duplicate_of", str(2**64 - 1), "absent"),
    ]


@pytest.mark.parametrize("more", [{"min": 1.0}, {"allow": ("en",)}, {"missing": "keep"}])
def test_absent_stands_alone(more: dict) -> None:
    with pytest.raises(ConfigError, match="takes nothing else"):
        RuleConfig("duplicate_of", absent=True, **more)


@pytest.mark.parametrize(
    "rule",
    [
        {"column": "perplexity", "min": 1.0},
        {"column": "perplexity", "max": 1000.0},
        {"column": "language", "allow": ("en",)},
    ],
)
def test_missing_values_are_dropped_or_kept_by_choice(rule: dict) -> None:
    table = ledger({}, {"perplexity": 50.0, "language": "en"})
    dropped, kept = decided(table, RuleConfig(**rule))
    assert (dropped[:3], kept) == ((False, rule["column"], None), KEPT)
    assert decided(table, RuleConfig(**rule, missing="keep")) == [KEPT, KEPT]


def test_missing_is_said_of_no_value_alone() -> None:
    (row,) = decided(ledger({"perplexity": 5.0}), RuleConfig("perplexity", min=9, missing="keep"))
    assert row == (False, "perplexity", "5", ">= 9")


def test_text_columns_allow_a_list() -> None:
    table = ledger({"language": "en"}, {"language": "fr"}, {"language": "de"})
    rule = RuleConfig("language", allow=("en", "fr"))
    assert decided(table, rule) == [KEPT, KEPT, (False, "language", "de", "one of en, fr")]


def test_buckets_by_the_cutoffs_of_the_language() -> None:
    measured = [
        ("en", 99.9, "head"),
        ("en", 100.0, "middle"),
        ("en", 199.9, "middle"),
        ("en", 200.0, "tail"),
        ("fr", 19.0, "middle"),
        ("de", 19.0, "all"),  # no cutoffs
        ("en", None, "all"),
        (None, None, "all"),
    ]
    table = ledger(*({"language": name, "perplexity": value} for name, value, _ in measured))
    names = [bucket for _, _, bucket in measured]
    assert buckets(table, CUTOFFS).to_pylist() == names
    assert decide(table, CUTOFFS, []).column("bucket").to_pylist() == names
    verdicts = decided(table, RuleConfig("bucket", allow=("head", "all")))
    said = "one of head, all"
    assert verdicts == [
        KEPT if name in ("head", "all") else (False, "bucket", name, said) for name in names
    ]


def test_no_rows() -> None:
    assert decided(ledger(), RuleConfig("num_words", min=1)) == []


@pytest.mark.parametrize(
    ("column", "value", "rule", "said"),
    [
        ("language_score", 0.24999999, {"min": 0.25}, ("0.24999999", ">= 0.25")),
        ("num_words", 1234567, {"max": 1234566.0}, ("1234567", "<= 1234566")),
        ("perplexity", 1234567.5, {"max": 1234567.25}, ("1234567.5", "<= 1234567.25")),
        ("mean_word_length", 3.0, {"min": 3.0000001}, ("3", ">= 3.0000001")),
        ("perplexity", float("nan"), {"min": 1}, ("nan", ">= 1")),
    ],
)
def test_values_are_not_rounded(column: str, value: float, rule: dict, said: tuple) -> None:
    assert decided(ledger({column: value}), RuleConfig(column, **rule)) == [(False, column, *said)]


@given(st.floats(allow_nan=False) | st.integers(-(2**31), 2**31))
def test_numbers_read_back(number: float) -> None:
    assert float(exact(number)) == number


@given(st.lists(st.none() | st.floats(0, 2)), st.floats(0, 2), st.sampled_from(["keep", "drop"]))
def test_a_threshold_said_in_plain_python(values, least: float, missing) -> None:
    rows = decided(
        ledger(*({"alphanumeric_share": value} for value in values)),
        RuleConfig("alphanumeric_share", min=least, missing=missing),
    )
    for value, (keep, *_, said, _) in zip(values, rows, strict=True):
        assert keep == (missing == "keep" if value is None else value >= least)
        assert keep or said is None or float(said) == value


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"column": "num_word", "min": 1}, "unknown column 'num_word'; did you mean 'num_words'"),
        ({"column": "num_words"}, "'num_words' needs 'min' or 'max'"),
        ({"column": "num_words", "allow": ("1",)}, "'num_words' needs 'min' or 'max'"),
        ({"column": "language"}, "'language' needs 'allow'"),
        ({"column": "language", "min": 1}, "'language' needs 'allow'"),
        ({"column": "language", "allow": ("en",), "max": 1}, "'language' needs 'allow'"),
        ({"column": "bucket", "max": 1}, "'bucket' needs 'allow'"),
    ],
)
def test_rules_that_are_refused(rule: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RuleConfig(**rule)
