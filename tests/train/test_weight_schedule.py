"""Schedules of weights: shares, epochs and what a change of them leaves as it was."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import ConfigError
from train.mixture import MixtureOrder, WeightsFrom, mean_weights, named, past, segments
from train.order import shares_of

SOURCES = ("arxiv", "books", "code", "web")
LLAMA = {"web": 67.0, "c4": 15, "code": 4.5, "wiki": 4.5, "books": 4.5, "arxiv": 2.5, "qa": 2}
TWO = (WeightsFrom(0, {"web": 3, "code": 1}), WeightsFrom(5, {"web": 1, "books": 1, "code": 0}))

weight = st.one_of(st.integers(1, 60), st.integers(1, 40).map(lambda n: n / 40))
mix = st.dictionaries(st.sampled_from(SOURCES), weight, min_size=1)


@st.composite
def schedules(draw, last_step: int = 40) -> tuple[WeightsFrom, ...]:
    steps = draw(st.sets(st.integers(1, last_step), max_size=4))
    return tuple(WeightsFrom(step, draw(mix)) for step in sorted({0, *steps}))


def exact_samples(schedule, batch_size: int, steps: int) -> dict[str, Fraction]:
    """What the shares say of each source after so many steps, by adding them up step by step."""
    total = dict.fromkeys(SOURCES, Fraction(0))
    for step in range(steps):
        [*_, now] = [segment for segment in schedule if segment.from_step <= step]
        for name, share in shares_of(now.weights).items():
            total[name] += share * batch_size
    return total


def located(order: MixtureOrder, samples: range) -> list[tuple[str, int]]:
    sources, numbers = order.locate(np.array(samples, dtype=np.int64))
    return [(order.sources[s], n) for s, n in zip(sources, numbers.tolist(), strict=True)]


@settings(max_examples=60, deadline=None)
@given(schedule=schedules(), batch_size=st.integers(1, 70))
def test_realised_shares_are_exact_within_a_sample_for_each_segment(schedule, batch_size):
    order = MixtureOrder(schedule, batch_size)
    for step in (0, 1, 2, 3, 5, 8, 13, 20, 39, 50):
        begun = sum(segment.from_step < max(step, 1) for segment in schedule)
        exact = exact_samples(schedule, batch_size, step)
        taken = dict(zip(order.sources, order.taken(step * batch_size).tolist(), strict=True))
        for name in order.sources:
            assert abs(taken[name] - exact[name]) < begun


uneven = st.dictionaries(st.sampled_from(SOURCES), st.floats(1e-6, 10), min_size=2)


@settings(max_examples=40, deadline=None)
@given(weights=uneven, step=st.integers(0, 350_000))
def test_shares_that_no_block_gives_are_exact_within_five_samples(weights, step):
    order = MixtureOrder(weights, 2048)
    for name, taken in zip(order.sources, order.taken(step * 2048).tolist(), strict=True):
        assert abs(taken - shares_of(weights)[name] * step * 2048) < 5


@settings(max_examples=25, deadline=None)
@given(first=uneven, then=uneven, start=st.integers(0, 10**7))
def test_a_source_of_such_shares_is_numbered_through(first, then, start):
    order = MixtureOrder((WeightsFrom(0, first), WeightsFrom(1000, then)), 2048)
    for begin in (start, 1000 * 2048 - 2000):
        samples = np.arange(begin, begin + 4000)
        sources, numbers = order.locate(samples)
        before, after = order.taken(begin), order.taken(begin + 4000)
        for source in range(len(order.sources)):
            found = numbers[sources == source].tolist()
            assert found == list(range(before[source], after[source]))
        again = [order.locate(samples[i : i + 1]) for i in range(0, 4000, 97)]
        assert np.array_equal(np.concatenate([s for s, _ in again]), sources[::97])
        assert np.array_equal(np.concatenate([n for _, n in again]), numbers[::97])


@settings(max_examples=60, deadline=None)
@given(schedule=schedules(), batch_size=st.integers(1, 30), first=st.integers(0, 1200))
def test_a_source_is_numbered_through_whatever_its_weights_do(schedule, batch_size, first):
    order = MixtureOrder(schedule, batch_size)
    whole = located(order, range(1500))
    for source, name in enumerate(order.sources):
        numbers = [number for found, number in whole if found == name]
        assert numbers == list(range(len(numbers)))
        assert order.taken(first)[source] == sum(found == name for found, _ in whole[:first])
    assert located(order, range(first, 1500)) == whole[first:]


@settings(max_examples=60, deadline=None)
@given(schedule=schedules(), later=schedules(), batch_size=st.integers(1, 30))
def test_later_segments_change_nothing_before_them(schedule, later, batch_size):
    last = schedule[-1].from_step
    longer = schedule + tuple(WeightsFrom(last + 1 + s.from_step, s.weights) for s in later)
    before = range((last + 1) * batch_size)
    assert located(MixtureOrder(longer, batch_size), before) == located(
        MixtureOrder(schedule, batch_size), before
    )
    assert past(longer, last + 1) == past(schedule, last + 1)


def test_a_change_takes_place_at_its_step():
    order = MixtureOrder(TWO, 4)
    assert order.sources == ("books", "code", "web")
    names = [name for name, _ in located(order, range(28))]
    assert [names[i : i + 4].count("web") for i in range(0, 28, 4)] == [3, 3, 3, 3, 3, 2, 2]
    assert order.taken(20).tolist() == [0, 5, 15]
    assert order.taken(28).tolist() == [4, 5, 19]


def test_one_mixture_is_a_schedule_of_one_segment():
    one, same = MixtureOrder(LLAMA, 64), MixtureOrder((WeightsFrom(0, LLAMA),), 64)
    assert located(one, range(1000)) == located(same, range(1000))
    assert dict(located(one, range(200)))["web"] == 133


def test_what_is_past_is_told_by_shares_alone():
    assert past({"web": 3, "code": 1, "qa": 0}, 9) == [(0, {"code": "1/4", "web": "3/4"})]
    assert past({"web": 0.75, "code": 0.25}, 9) == past({"web": 3, "code": 1}, 9)
    assert past({"web": 0.1, "code": 0.2}, 9) == [(0, {"code": "2/3", "web": "1/3"})]
    assert past(TWO, 5) == past(TWO[:1], 5)
    assert past(TWO, 6) != past(TWO[:1], 6)
    again = (*TWO, WeightsFrom(7, {"books": 2, "web": 2}))
    assert past(again, 9) == past(TWO, 9)
    assert located(MixtureOrder(again, 3), range(60)) == located(MixtureOrder(TWO, 3), range(60))


def test_the_mean_is_by_steps_and_names_what_is_only_evaluated():
    assert mean_weights(TWO, 20) == {"web": 0.5625, "code": 0.0625, "books": 0.375}
    assert mean_weights(TWO, 5) == {"web": 0.75, "code": 0.25, "books": 0.0}
    with pytest.raises(ConfigError, match="steps=0 must be 1 or more"):
        mean_weights(TWO, 0)
    assert mean_weights({"web": 3, "qa": 0}, 20) == {"web": 3, "qa": 0}
    assert named((WeightsFrom(0, {"web": 1, "qa": 0}), WeightsFrom(2, {"code": 1}))) == [
        *("code", "qa", "web")
    ]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ((), "from_step=none must begin with 0 and rise"),
        ((WeightsFrom(3, LLAMA),), "from_step=3 must begin with 0"),
        ((WeightsFrom(0, LLAMA), WeightsFrom(0, LLAMA)), "from_step=0, 0 must .* rise"),
        ((WeightsFrom(0, LLAMA), WeightsFrom(9, {"web": 0.0})), "from step 9 on no source has"),
        (
            (WeightsFrom(0, LLAMA), WeightsFrom(10**18 * 9, LLAMA)),
            "from_step=9000.* must be a whole",
        ),
        (
            (WeightsFrom(0, LLAMA), WeightsFrom(float("nan"), LLAMA)),
            "from_step=nan must be a whole",
        ),
        (
            (WeightsFrom(0, {"web": 1.0, "qa": 1e-13}),),
            "1e-13 of source 'qa' is a share of 1e-13, b",
        ),
        ((WeightsFrom(0, {"web": -1.0}),), "weight -1.0 of source 'web' must be a finite number"),
        ((WeightsFrom(0, {"web": float("inf")}),), "weight inf of source 'web'"),
    ],
)
def test_schedules_that_cannot_be_used_are_refused(weights, message):
    with pytest.raises(ConfigError, match=message):
        segments(weights)
