"""What the loader promises, over shards of all sizes: one global batch however it is split, one
sequence however it is stopped, lengthened or reweighted, every epoch whole."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_shards import FIRST_TOKEN, write_manifest

from train.data import Loader, rank_rows
from train.mixture import WeightsFrom

SEQ, BATCH, SEED = 5, 24, 3
SOURCES = ("books", "code", "web")
DIVISORS = [n for n in range(1, BATCH + 1) if BATCH % n == 0]
mix = st.dictionaries(st.sampled_from(SOURCES), st.integers(1, 9), min_size=1)
# Windows of a source: tiny, prime, squares and one off (the permutation's own edges).
windows = st.sampled_from([1, 2, 3, 4, 5, 7, 9, 10, 16, 17, 31, 36, 37, 97, 101])


@st.composite
def schedules(draw) -> tuple[WeightsFrom, ...]:
    steps = draw(st.sets(st.integers(1, 12), max_size=3))
    return tuple(WeightsFrom(step, draw(mix)) for step in sorted({0, *steps}))


@contextmanager
def shards_of(sizes: dict[str, int], cut: int) -> Iterator[str]:
    """A manifest of sources of so many windows, each in shards of `cut` tokens and a last one."""
    tokens = {name: size * SEQ + 1 for name, size in sizes.items()}
    with tempfile.TemporaryDirectory() as folder:
        yield write_manifest(
            Path(folder),
            {
                (name, "train"): [min(cut, total - at) for at in range(0, total, cut)]
                for name, total in tokens.items()
            },
        )


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    sizes = {("web", "train"): [300, 2, 210], ("code", "train"): [86], ("books", "train"): [60, 31]}
    return write_manifest(tmp_path_factory.mktemp("shards"), sizes)


def loader(manifest: str, weights) -> Loader:
    return Loader(manifest, weights, SEQ, BATCH, SEED)


def samples_of(batches: np.ndarray, source: str) -> list[int]:
    """The windows of a source in the order of the batches, by their number in its stream."""
    first = FIRST_TOKEN[source]
    mine = batches[(batches[:, 0] >= first) & (batches[:, 0] < first + 50_000)]
    return ((mine[:, 0] - first) // SEQ).tolist()


@settings(max_examples=30, deadline=None)
@given(
    schedule=schedules(),
    step=st.integers(0, 20),
    ranks=st.sampled_from(DIVISORS),
    data=st.data(),
)
def test_any_split_of_a_step_gives_the_same_global_batch(manifest, schedule, step, ranks, data):
    micro = data.draw(st.sampled_from([n for n in DIVISORS if (BATCH // ranks) % n == 0]))
    accumulated = BATCH // ranks // micro
    parts = []
    for rank in range(ranks):
        mine = loader(manifest, schedule).batch(step, rank_rows(BATCH, rank, ranks))
        micro_batches = np.split(mine, accumulated)
        assert {len(part) for part in micro_batches} == {micro}
        parts += micro_batches
    assert np.array_equal(np.concatenate(parts), loader(manifest, schedule).batch(step))


@settings(max_examples=20, deadline=None)
@given(
    schedule=schedules(),
    stops=st.sets(st.integers(1, 15)),
    layouts=st.lists(st.sampled_from(DIVISORS), min_size=17, max_size=17),
)
def test_stopped_anywhere_and_resumed_with_other_ranks_it_goes_on(
    manifest, schedule, stops, layouts
):
    undisturbed = loader(manifest, schedule)
    whole = np.concatenate([undisturbed.batch(step) for step in range(16)])
    seen = []
    edges = [0, *sorted(stops), 16]
    for (start, end), ranks in zip(itertools.pairwise(edges), layouts, strict=False):
        resumed = [loader(manifest, schedule) for _ in range(ranks)]
        for step in range(start, end):
            seen += [resumed[r].batch(step, rank_rows(BATCH, r, ranks)) for r in range(ranks)]
    assert np.array_equal(np.concatenate(seen), whole)


@settings(max_examples=20, deadline=None)
@given(schedule=schedules(), more=mix, after=st.integers(1, 20))
def test_a_longer_schedule_changes_nothing_already_seen(manifest, schedule, more, after):
    last = schedule[-1].from_step
    longer = (*schedule, WeightsFrom(last + after, more))
    short, long = loader(manifest, schedule), loader(manifest, longer)
    for step in range(last + after):
        assert np.array_equal(short.batch(step), long.batch(step))


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.fixed_dictionaries(dict.fromkeys(SOURCES, windows)),
    schedule=schedules(),
    cut=st.sampled_from([7, 64, 1000]),
)
def test_each_epoch_visits_each_sample_once_across_changes_of_weights(sizes, schedule, cut):
    with shards_of(sizes, cut) as manifest:
        run = loader(manifest, schedule)
        batches = np.concatenate([run.batch(step) for step in range(16)])
        assert np.array_equal(batches, batches[:, :1] + np.arange(SEQ + 1))
        epochs = run.epochs(16)
        for source in run.sources:
            size, seen = sizes[source], samples_of(batches, source)
            assert epochs[source] == len(seen) / size
            for start in range(0, len(seen), size):
                epoch = seen[start : start + size]
                assert len(set(epoch)) == len(epoch)
                assert set(epoch) <= set(range(size))


@settings(max_examples=30, deadline=None)
@given(schedule=schedules())
def test_weights_change_how_often_a_source_comes_and_never_its_order(manifest, schedule):
    run = loader(manifest, schedule)
    batches = np.concatenate([run.batch(step) for step in range(16)])
    for source in run.sources:
        seen = samples_of(batches, source)
        alone = loader(manifest, {source: 1.0})
        order = np.concatenate([alone.batch(step) for step in range(16)])
        assert seen == samples_of(order, source)[: len(seen)]
        assert run.realised(16)[source] == len(seen) * SEQ
