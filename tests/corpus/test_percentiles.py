"""Percentiles by counting: exact where it is said so, within the stated error elsewhere."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.percentiles import (
    EXACT_BELOW,
    RELATIVE_ERROR,
    below,
    cells,
    count,
    histograms,
    percentiles,
)


def test_tenths_are_kept_as_far_as_it_is_said() -> None:
    values = np.array([0.0, 0.1, 0.3, 340.0, 13107.1, 13107.2])
    assert cells(values).tolist() == [0, 1, 3, 3400, 131071, 131073]


@given(st.floats(0, 1e14).map(lambda value: round(value, 1)))
def test_the_error_is_what_is_stated(perplexity: float) -> None:
    found = cells(np.array([perplexity]))[0] / 10
    if perplexity < EXACT_BELOW:
        assert found == perplexity
    else:
        assert abs(found - perplexity) <= perplexity * RELATIVE_ERROR


def test_a_perplexity_beyond_all_bounds_is_counted() -> None:
    assert cells(np.array([float("inf"), 1e300])).tolist() == [2**52 + 2**35] * 2


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 9)), min_size=1, max_size=60))
def test_they_are_numpys(pairs: list[tuple[int, int]]) -> None:
    tenths, documents = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    expected = np.percentile(np.repeat(tenths, documents) / 10, np.arange(100))
    found = percentiles(tenths, documents)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-9)
    assert found.tolist() == [round(value, 3) for value in found]


def test_a_worked_example() -> None:
    found = percentiles(np.array([400, 150, 200, 500, 350]), np.ones(5, np.int64))
    assert (found[0], found[25], found[30], found[60]) == (15.0, 20.0, 23.0, 37.0)
    assert found[99] == 49.6


def test_nothing_has_no_percentiles() -> None:
    with pytest.raises(ValueError, match="empty histogram"):
        percentiles(np.array([], np.int64), np.array([], np.int64))


def test_below_is_strict_as_buckets_are() -> None:
    tenths, documents = np.array([3399, 3400, 5200]), np.array([1, 10, 100])
    assert [below(tenths, documents, cut) for cut in (340.0, 340.1, 521.0)] == [1, 11, 111]


@pytest.mark.parametrize("files", [1, 2, 7])
def test_any_number_of_files_gives_the_same(tmp_path: Path, engine, files: int) -> None:
    random = np.random.default_rng(3)
    rows = pa.table(
        {
            "language": random.choice(["en", "uk", "zh"], 900),
            "language_score": np.round(random.random(900), 2),
            "perplexity": pa.array(
                np.round(random.lognormal(7, 2, 900), 1), mask=np.arange(900) < 9
            ),
        }
    )
    paths = [str(tmp_path / f"{index}.parquet") for index in range(files)]
    for index, path in enumerate(paths):
        part = np.arange(index, 900, files)
        pq.write_table(rows.take(pa.array(part)), path)
    found = histograms(engine, "percentiles", paths, 0.5)
    assert list(found) == ["en", "uk", "zh"]
    for language, (tenths, documents) in found.items():
        kept = (rows["language"].to_numpy() == language) & (
            rows["language_score"].to_numpy() >= 0.5
        )
        kept[:9] = False
        values = cells(rows["perplexity"].to_numpy()[kept])
        assert np.sort(np.repeat(tenths, documents)).tolist() == np.sort(values).tolist()


def test_a_ledger_without_perplexities_counts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ledger.parquet"
    empty = {"language": ["en"], "language_score": [1.0], "perplexity": pa.nulls(1, pa.float64())}
    pq.write_table(pa.table(empty), path)
    assert count(str(path), 0.5).num_rows == 0
