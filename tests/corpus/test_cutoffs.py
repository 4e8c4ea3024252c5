"""Percentiles of a language's perplexities, by nearest rank: worked examples and against numpy."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.cutoffs import BucketConfig, find_cutoffs, nearest_rank
from corpus.errors import ConfigError
from corpus.output import Unit
from corpus.stage import Stage


@pytest.mark.parametrize(
    ("values", "percentile", "expected"),
    [
        ([15, 20, 35, 40, 50], 30, 20),  # 1.5 of 5: the second
        ([15, 20, 35, 40, 50], 40, 20),  # 2 of 5 exactly: the second still
        ([15, 20, 35, 40, 50], 41, 35),
        ([15, 20, 35, 40, 50], 99, 50),
        ([15, 20, 35, 40, 50], 0, 15),
        ([7.5], 60, 7.5),
        ([1, 1, 1, 9], 75, 1),
        ([1, 1, 1, 9], 76, 9),
        (range(100), 7, 6),  # in floats 100 * 0.07 is over 7
        (range(50), 28, 13),
    ],
)
def test_worked_examples(values, percentile: int, expected: float) -> None:
    assert nearest_rank(Counter(values), percentile) == expected


def test_order_of_the_histogram_and_empty_values_do_not_matter() -> None:
    assert nearest_rank({40.0: 1, 10.0: 2, 30.0: 1}, 50) == 10.0
    assert nearest_rank({5.0: 0, 10.0: 2, 30.0: 1}, 0) == 10.0


@pytest.mark.parametrize("histogram", [{}, {1.0: 0}])
def test_nothing_has_no_percentiles(histogram) -> None:
    with pytest.raises(ValueError, match="empty histogram"):
        nearest_rank(histogram, 30)


TENTHS = st.integers(0, 60).map(lambda n: n / 10)


@given(st.lists(TENTHS, min_size=1, max_size=120), st.integers(0, 99))
def test_the_rank_is_numpys_inverted_cdf(values: list[float], percentile: int) -> None:
    # just under it, as numpy's n * percentile / 100 can round to over the whole number it is
    under = max(percentile - 1e-6, 0)
    expected = np.percentile(values, under, method="inverted_cdf")
    assert nearest_rank(Counter(values), percentile) == expected


@pytest.mark.parametrize(("head", "middle"), [(-1, 60), (60, 60), (61, 60), (30, 100)])
def test_percentiles_must_ascend_below_100(head: int, middle: int) -> None:
    with pytest.raises(ConfigError, match=f"head={head} and middle={middle} must be percentiles"):
        BucketConfig(head=head, middle=middle)


def test_the_paper_and_the_bounds_are_allowed() -> None:
    assert (BucketConfig().head, BucketConfig().middle) == (30, 60)
    assert BucketConfig(head=0, middle=99).middle == 99


@pytest.mark.parametrize(
    ("without_row", "expected"),
    [("run", {"de": (370.0, 590.0), "en": (2.0, 3.0)}), ("all", {"de": (370.0, 590.0)})],
)
def test_a_language_the_table_lacks(tmp_path, engine, without_row: str, expected: dict) -> None:
    table = tmp_path / "cutoff.csv"
    table.write_text(
        ",de\n" + "".join(f"{row},{row * 10 + 70 - row // 60 * 80}\n" for row in range(100))
    )
    ledger = pa.table(
        {"language": ["en"] * 5 + ["de"], "perplexity": [1.0, 2.0, 3.0, 4.0, 5.0, 9.0]}
    )
    pq.write_table(ledger, tmp_path / "ledger.parquet")
    (tmp_path / "out/_units").mkdir(parents=True)
    config = BucketConfig(str(table), 30, 60, without_row)
    unit = Unit("cutoffs", (), ((str(tmp_path / "ledger.parquet"),), config))
    stage = Stage("cutoffs/web", config, [unit], modules=(), gather=find_cutoffs)
    (record,) = find_cutoffs(engine, stage, str(tmp_path / "out"), {"cutoffs": "key"})
    rows = pq.read_table(tmp_path / "out" / record.files[0].name).to_pylist()
    assert {row["language"]: (row["head"], row["middle"]) for row in rows} == expected
