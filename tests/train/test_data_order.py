"""The keyed permutation and the interleaving of sources, apart from any shard."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.kernels.sample_order import permuted
from corpus.keyed import text_key
from train.order import MAX_BLOCK, interleave, shares_of, source_keys, taken

SOURCES = ("web", "c4", "code", "wiki", "books", "arxiv", "answers")
GOLDEN_PERMUTATION = [2, 4, 5, 7, 11, 10, 8, 0, 9, 6, 3, 1]  # of 12 for seed 42, web, epoch 3
LLAMA = dict(zip(SOURCES, (67.0, 15.0, 4.5, 4.5, 4.5, 2.5, 2.0), strict=True))
weight = st.integers(1, 5000).map(lambda n: n / 1000)
mixture = st.lists(weight, min_size=1, max_size=7).map(
    lambda values: dict(zip(SOURCES[: len(values)], values, strict=True))
)


def permute(index: np.ndarray, n: int, seed: int, source: str, epochs) -> np.ndarray:
    """Where each index of a source of n windows is put in an epoch."""
    numbers = np.asarray(epochs, dtype=np.int64) * n + index
    sources, sizes = np.zeros_like(numbers), np.array([n], dtype=np.int64)
    return permuted(sources, numbers, sizes, source_keys(seed, (source,)))


def scramble(z: int) -> int:
    z = (z + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def permute_in_integers(index: int, n: int, seed: int, source: str, epoch: int) -> int:
    """The same, as it is defined."""
    key = scramble(epoch ^ int(text_key(seed, f"sample order of {source}")))
    a = math.isqrt(n - 1) + 1  # the least a with a * a >= n
    b = -(-n // a)
    while True:
        left, right = divmod(index, b)
        for number in range(8):
            round_key = scramble((key + number) % 2**64)
            if number % 2:
                right = (right + scramble(left ^ round_key) % b) % b
            else:
                left = (left + scramble(right ^ round_key) % a) % a
        index = left * b + right
        if index < n:
            return index


@settings(max_examples=300, deadline=None)
@given(n=st.integers(1, 3000), seed=st.integers(0, 2**40), epoch=st.integers(0, 10**6))
def test_permutation_is_a_bijection_of_any_size(n, seed, epoch):
    found = permute(np.arange(n), n, seed, "web", epoch)
    assert np.array_equal(np.sort(found), np.arange(n))


@settings(max_examples=200, deadline=None)
@given(data=st.data(), n=st.integers(1, 2**45), seed=st.integers(0, 2**40))
def test_permutation_is_as_defined(data, n, seed):
    index, epoch = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, 2**60 // n))
    found = permute(np.array([index]), n, seed, "code", epoch)
    assert found.tolist() == [permute_in_integers(index, n, seed, "code", epoch)]


@pytest.mark.parametrize("n", [2**31 + 11, 700_000_001, 2**40, (2**20 + 1) ** 2 + 1])
def test_permutation_of_a_domain_too_large_to_list(n):
    index = np.concatenate([np.arange(50_000), n - 1 - np.arange(50_000)])
    found = permute(index, n, 1, "web", 0)
    assert len(np.unique(found)) == len(index)
    assert found.min() >= 0
    assert found.max() < n
    assert abs(found.mean() / n - 0.5) < 0.01  # neighbours are thrown over the whole domain
    assert abs(np.corrcoef(found[:-1].astype(float), found[1:].astype(float))[0, 1]) < 0.02


def test_permutations_differ_by_seed_source_and_epoch_only():
    base = permute(np.arange(1000), 1000, 1, "web", 0)
    for seed, source, epoch in ((2, "web", 0), (1, "code", 0), (1, "web", 1)):
        other = permute(np.arange(1000), 1000, seed, source, epoch)
        assert np.mean(other == base) < 0.02
    assert np.array_equal(base, permute(np.arange(1000), 1000, 1, "web", 0))


def test_every_place_is_equally_likely():
    # 4,000 permutations of 12: each of the 144 cells expects 333 hits, chi-square of 121 freedoms.
    n, trials = 12, 4000
    epochs = np.repeat(np.arange(trials), n)
    found = permute(np.tile(np.arange(n), trials), n, 7, "web", epochs).reshape(trials, n)
    hits = np.array([np.bincount(found[:, place], minlength=n) for place in range(n)])
    assert np.sum((hits - trials / n) ** 2 / (trials / n)) < 200


def test_the_order_never_changes_between_versions():
    found = permute(np.arange(12), 12, 42, "web", 3)
    assert found.tolist() == GOLDEN_PERMUTATION


def blocks_of(weights: dict[str, float]):
    return interleave(list(shares_of(weights).values()))


@settings(max_examples=60, deadline=None)
@given(weights=mixture)
def test_every_prefix_is_within_one_sample_of_its_share(weights):
    (order,) = blocks_of(weights)
    shares = np.array(list(weights.values())) / sum(weights.values())
    samples = np.arange(1, 2 * len(order) + 1)
    source = np.tile(order.source_at, 2)
    for s, share in enumerate(shares):
        counts = np.cumsum(source == s)
        assert np.abs(counts - share * samples).max() < 1 + 1e-6
        rank = order.rank_at[order.source_at == s]
        assert np.array_equal(rank, np.arange(order.quotas[s]))
    cut = 2 * len(samples) // 3
    assert taken((order,), cut).tolist() == [np.sum(source[:cut] == s) for s in range(len(shares))]


def test_the_block_is_the_shortest_that_is_exact():
    (order,) = blocks_of(LLAMA)
    assert order.quotas.tolist() == [134, 30, 9, 9, 9, 5, 4, 0]
    assert len(order) == 200
    assert [len(block) for block in blocks_of({"web": 3.0})] == [1]
    assert [len(block) for block in blocks_of({"web": 3, "code": 1})] == [4]


def test_what_the_longest_block_rounds_off_is_parted_by_the_next():
    first, second = interleave([Fraction(3, 2**18), 1 - Fraction(3, 2**18)])
    assert first.quotas.tolist() == [0, MAX_BLOCK - 1, 1]
    assert second.quotas.tolist() == [3, 1, 0]
    first, second, third = interleave([Fraction(1, 3**30), 1 - Fraction(1, 3**30)])
    assert first.quotas.tolist() == [0, MAX_BLOCK - 1, 1]
    assert second.quotas.tolist() == [0, MAX_BLOCK - 1, 1]
    assert third.quotas[0] == round(MAX_BLOCK**3 / 3**30)


@pytest.mark.parametrize("share", [2e-5, 7.7e-6, 1e-9, 1e-12])
def test_a_small_share_is_exact_however_long_the_run(share):
    shares = shares_of({"web": 1 - share, "books": share})
    blocks = interleave(list(shares.values()))
    for samples in (10**5, 684_000_000, 10**12 + 7, 10**15):
        exact = [samples * value for value in shares.values()]
        found = taken(blocks, samples).tolist()
        assert sum(found) == samples
        assert max(abs(a - b) for a, b in zip(found, exact, strict=True)) < 5


@settings(max_examples=100, deadline=None)
@given(
    weights=st.lists(st.floats(1e-9, 10), min_size=2, max_size=7),
    samples=st.integers(0, 10**12),
)
def test_weights_that_no_block_gives_are_exact_to_five_samples(weights, samples):
    shares = shares_of(dict(zip(SOURCES[: len(weights)], weights, strict=True)))
    found = taken(interleave(list(shares.values())), samples).tolist()
    assert sum(found) == samples
    for count, share in zip(found, shares.values(), strict=True):
        assert abs(count - samples * share) < 5


def test_taken_counts_whole_blocks_without_walking_them():
    blocks = blocks_of(LLAMA)
    assert taken(blocks, 200 * 10**9 + 1).sum() == 200 * 10**9 + 1
    assert taken(blocks, 200 * 10**9).tolist() == (blocks[0].quotas[:-1] * 10**9).tolist()
