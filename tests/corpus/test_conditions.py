"""Conditions on the ledger hold of the rows that SQLite selects; errors tell their place."""

import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.conditions import read_condition
from corpus.errors import ConfigError

TYPES = {
    "language": pa.string(),
    "bucket": pa.string(),
    "num_words": pa.int32(),
    "perplexity": pa.float64(),
    "duplicate_of": pa.uint64(),
}
ROWS = [
    {"language": "en", "bucket": "head", "num_words": 3, "perplexity": 1.5, "duplicate_of": None},
    {"language": "en", "bucket": "tail", "num_words": 9, "perplexity": None, "duplicate_of": 7},
    {"language": "fr", "bucket": "all", "num_words": -1, "perplexity": 300.0, "duplicate_of": 0},
    {"language": None, "bucket": "it's", "num_words": 0, "perplexity": None, "duplicate_of": None},
]
LARGEST = 2**64 - 1


def rows_of(text: str, rows=ROWS) -> list[int]:
    table = pa.Table.from_pylist(rows, pa.schema(list(TYPES.items())))
    return np.flatnonzero(read_condition(text, TYPES).holds(table)).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("language = 'en'", [0, 1]),
        ("language != 'en'", [2]),
        ("language is null or language = 'fr'", [2, 3]),
        ("language is not null and not language = 'fr'", [0, 1]),
        ("language IN ('en', 'de') AND bucket = 'head'", [0]),
        ("language not in ('en')", [2]),
        ("bucket = 'it''s'", [3]),
        ("perplexity < 300", [0]),
        ("perplexity<=3e2", [0, 2]),
        ("not perplexity > 2", [0]),
        ("num_words >= -1 and num_words < .5", [2, 3]),
        ("num_words in (3, 9.0)", [0, 1]),
        ("duplicate_of = 7 or duplicate_of = 0", [1, 2]),
        ("num_words = 3 or num_words = 9 and language = 'fr'", [0]),
        ("(num_words = 3 or num_words = 9) and bucket = 'tail'", [1]),
        ("not not (language = 'fr')", [2]),
        ("not (perplexity > 2 and bucket = 'all')", [0, 1, 3]),  # unknown and false is false
        ("perplexity > 2 or bucket = 'tail'", [1, 2]),  # unknown or true is true
    ],
)
def test_a_condition_holds_of_these_rows(text, expected):
    assert rows_of(text) == expected


def test_the_largest_id_is_compared_exactly():
    rows = [{**ROWS[0], "duplicate_of": LARGEST}, {**ROWS[0], "duplicate_of": LARGEST - 1}]
    assert rows_of(f"duplicate_of = {LARGEST}", rows) == [0]
    assert rows_of(f"duplicate_of < {LARGEST}", rows) == [1]


def test_a_condition_names_its_columns():
    condition = read_condition("language = 'en' and not (perplexity > 3 or bucket in ('a'))", TYPES)
    assert condition.columns == {"language", "perplexity", "bucket"}


texts = st.sampled_from(["en", "fr", "it's", "", "Ä"])
numbers = st.sampled_from([0, 3, -1, 300.0, 1.5, 2e10])


def written(value) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def listed(values) -> str:
    return ", ".join(written(value) for value in values)


def comparing(columns, signs, values):
    column = st.sampled_from(columns)
    return st.one_of(
        st.builds(lambda c, s, v: f"{c} {s} {written(v)}", column, st.sampled_from(signs), values),
        st.builds(
            lambda c, n, v: f"{c} {n} ({listed(v)})",
            column,
            st.sampled_from(["in", "not in"]),
            st.lists(values, min_size=1, max_size=3),
        ),
        st.builds(lambda c, n: f"{c} {n}", column, st.sampled_from(["is null", "is not null"])),
    )


conditions = st.recursive(
    comparing(["language", "bucket"], ["=", "!="], texts)
    | comparing(["num_words", "perplexity"], ["=", "!=", "<", "<=", ">", ">="], numbers),
    lambda inner: st.one_of(
        st.builds("{} and {}".format, inner, inner),
        st.builds("{} or {}".format, inner, inner),
        st.builds("not {}".format, inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=6,
)
rows = st.lists(
    st.fixed_dictionaries(
        {
            "language": st.none() | texts,
            "bucket": texts,
            "num_words": st.none() | st.sampled_from([0, 3, -1]),
            "perplexity": st.none() | numbers.map(float),
        }
    ),
    max_size=5,
)


@given(conditions, rows)
def test_it_holds_of_the_rows_that_sql_selects(text, found):
    database = sqlite3.connect(":memory:")
    database.execute("create table t (language text, bucket text, num_words int, perplexity real)")
    database.executemany(
        "insert into t values (:language, :bucket, :num_words, :perplexity)", found
    )
    selected = database.execute(f"select rowid - 1 from t where {text} order by 1").fetchall()
    assert rows_of(text, found) == [row for (row,) in selected]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", 'character 1 of "": the end where a ledger column should be'),
        ("langauge = 'en'", "character 1 of .*'langauge' is no ledger column; did you mean 'lang"),
        ("xyz = 1", "known keys: bucket, duplicate_of, language, num_words, perplexity"),
        ("bucket = 'head' and", "character 20 .*the end where a ledger column should be"),
        ("bucket = head", "character 10 .*'head' where a text in single quotes should be"),
        ("num_words between 1 and 2", "character 11 .*'between' where =, !=, <, .* should be"),
        ("language like 'e%'", "character 10 .*'like' where =, !=, <, <=, >, >=, 'in' or 'is' sh"),
        ("bucket = 3", "character 10 .*'bucket' is text: put the value in single quotes"),
        ("num_words = '3'", "character 13 .*'num_words' is a number"),
        ("num_words 3", "character 11 .*3 where =, !=, <, <=, >, >=, 'in' or 'is' should be"),
        ("bucket < 'b'", "character 8 .*'bucket' is text; ask by =, != or in"),
        ("bucket = 'head", "character 10 .*the text has no end"),
        ("bucket = 'a' bucket", "character 14 .*'and', 'or' or nothing more should be"),
        ("(bucket = 'a'", r"character 14 .*the end where '\)' should be"),
        ("bucket in ()", r"character 12 .*'\)' where a text in single quotes should be"),
        ("bucket in ('a' 'b')", r"character 16 .*where ',' or '\)' should be"),
        ("num_words is 3", "character 14 .*3 where 'null' or 'not null' should be"),
        ("bucket not 'a'", "character 12 .*'a' where 'in' should be"),
        ("num_words = 3; drop", "character 14 .*cannot be read"),
        ("num_words = 3x", "character 13 .*cannot be read"),
        ("num_words = 1e999x", "cannot be read"),
        ("duplicate_of = -1", "character 16 .*'duplicate_of' is a whole number from 0"),
        ("duplicate_of = 1.5", "character 16 .*'duplicate_of' is a whole number from 0"),
        ("num_words = 99999999999999999999", "character 13 .*beyond every column's numbers"),
        ("num_words < 9223372036854775808", "character 13 .*is a number from -2.*63 below 2"),
        ("num_words < -1e19", "character 13 .*is a number from -2.*63 below 2"),
        ("perplexity > 9007199254740993", "character 14 .*no double is 9007199254740993"),
        ("num_words = " + "9" * 5000, "character 13 .*999 is beyond every column's numbers"),
        ("not " * 1500 + "num_words = 1", "character 401 .*more than 100 'not' and parentheses"),
        ("(" * 1500 + "num_words = 1", "character 101 .*more than 100 'not' and parentheses are"),
        ("num_words = 1\nand\nbucket = 3", "character 28 .*'bucket' is text"),
        ("__import__('os') = 1", "character 1 .*'__import__' is no ledger column"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_place(text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read_condition(text, TYPES)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_many_texts_are_looked_up_and_not_compared_one_by_one(monkeypatch):
    monkeypatch.setattr(pc, "equal", None)
    many = ", ".join(f"'l{number}'" for number in range(5000))
    assert rows_of(f"language in ({many}, 'fr', 'fr')") == [2]
    assert rows_of(f"language not in ({many}, 'fr')") == [0, 1]


def test_as_much_as_a_column_can_hold_may_be_asked():
    for number in (2**53, -(2**60), 1e300, 2**63, "1e999"):
        assert rows_of(f"perplexity < {number}", [{"perplexity": -1e301}, {}]) == [0]
    for number in (2**63 - 1, 2.5, 1e18):
        assert rows_of(f"num_words < {number}", [{"num_words": 2}, {}]) == [0]
    nested = "not " * 98 + "(num_words = 2)"
    assert rows_of(nested, [{"num_words": 2}, {"num_words": 3}]) == [0]


@given(st.text(max_size=30) | conditions.map(lambda text: text[: len(text) * 2 // 3]))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        condition = read_condition(text, TYPES)
    except ConfigError:
        return
    assert condition.columns
