"""The learning rate by step: worked examples of warm-up and cosine."""

import pytest

from train.config import Schedule
from train.optim import learning_rate

SCHEDULE = Schedule(
    steps=110, batch_sequences=1, micro_batch=1, lr=1.0, min_lr=0.1, warmup_steps=10
)


@pytest.mark.parametrize(
    ("step", "lr"),
    [(1, 0.1), (5, 0.5), (10, 1.0), (60, 0.55), (110, 0.1), (200, 0.1)],
)
def test_warm_up_then_cosine_to_the_minimum(step, lr):
    assert learning_rate(step, SCHEDULE) == pytest.approx(lr)


def test_it_never_rises_after_the_warm_up():
    rates = [learning_rate(step, SCHEDULE) for step in range(10, 111)]
    assert rates == sorted(rates, reverse=True)


def test_without_warm_up_it_starts_near_the_peak():
    schedule = Schedule(
        steps=100, batch_sequences=1, micro_batch=1, lr=1.0, min_lr=0.0, warmup_steps=0
    )
    assert 0.99 < learning_rate(1, schedule) < 1.0
