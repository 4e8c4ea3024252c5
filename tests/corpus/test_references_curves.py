"""ROC and precision-recall curves by worked examples, and AUC by its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.references.curves import curves, kept_at


def test_a_worked_example() -> None:
    label = np.array([1, 0, 1, 1, 0, 0], bool)
    probability = np.array([0.9, 0.8, 0.7, 0.4, 0.4, 0.1])
    found = curves(label, probability)
    assert found.thresholds.tolist() == [0.9, 0.8, 0.7, 0.4, 0.1]
    assert found.recall.tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1, 1])
    assert found.false_positive_rate.tolist() == pytest.approx([0, 1 / 3, 1 / 3, 2 / 3, 1])
    assert found.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 3 / 5, 1 / 2])
    assert found.auc == pytest.approx(6.5 / 9), "of 9 pairs 6 are in order and one is a tie"
    assert found.average_precision == pytest.approx(1 / 3 + 1 / 3 * 2 / 3 + 1 / 3 * 3 / 5)


def test_the_ends() -> None:
    label = np.array([True, True, False])
    assert curves(label, np.array([0.9, 0.8, 0.1])).auc == 1
    assert curves(label, np.array([0.1, 0.2, 0.8])).auc == 0
    level = curves(label, np.array([0.5, 0.5, 0.5]))
    assert (level.auc, level.average_precision) == (0.5, pytest.approx(2 / 3))


def test_what_a_threshold_keeps() -> None:
    label = np.array([True, True, False, False])
    probability = np.array([0.25, 0.2, 0.25, 0.1])
    kept = kept_at(label, probability, 0.25)
    assert (kept.references, kept.random, kept.precision) == (0.5, 0.5, 0.5)
    assert kept_at(label, probability, 0.3).precision is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=30))
def test_the_area_is_the_chance_of_the_right_order(rows: list[tuple[bool, int]]) -> None:
    rows = [*rows, (True, 3), (False, 3)]
    label, score = np.array([r[0] for r in rows]), np.array([r[1] for r in rows]) / 6
    pairs = np.sign(score[label][:, None] - score[~label][None, :])
    found = curves(label, score)
    assert found.auc == pytest.approx((pairs.mean() + 1) / 2)
    assert 0 < found.average_precision <= 1 + 1e-12
