"""Which window of which source each training sample is: interleaving and keyed permutation.

Bit for bit what `tests/train/test_data_order.py` spells out in plain integers.
"""

import math

import numpy as np

from corpus.kernels import inner, kernel

_ROUNDS = 8


@kernel
def spread(quotas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A block with quotas [sources] int64 of samples: source and rank in it of each, [block] int64.

    Earliest deadline first: sample j of a source may not come before its share has reached j and
    must come before its share has passed j + 1, so no prefix is off by a whole sample.
    """
    block = quotas.sum()
    taken = np.zeros_like(quotas)
    source_at = np.empty(block, dtype=np.int64)
    rank_at = np.empty(block, dtype=np.int64)
    for position in range(block):
        source, due = -1, 0
        for s in range(len(quotas)):
            if taken[s] * block < quotas[s] * (position + 1):
                deadline = ((taken[s] + 1) * block + quotas[s] - 1) // quotas[s]
                if source < 0 or deadline < due:
                    source, due = s, deadline
        source_at[position] = source
        rank_at[position] = taken[source]
        taken[source] += 1
    return source_at, rank_at


@kernel
def interleaved(
    samples: np.ndarray,
    starts: np.ndarray,
    firsts: np.ndarray,
    source_at: np.ndarray,
    rank_at: np.ndarray,
    quotas: np.ndarray,
    before: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Maps sample numbers [N] int64 to their source [N] and their number within the source [N].

    starts [segments]: first sample of each. firsts [segments + 1]: where in source_at and rank_at
    its block lies. quotas, before [segments, sources]: samples in a block, and before the segment.
    """
    sources, numbers = np.empty_like(samples), np.empty_like(samples)
    segment = 0
    for i in range(len(samples)):
        while segment + 1 < len(starts) and samples[i] >= starts[segment + 1]:
            segment += 1
        while samples[i] < starts[segment]:
            segment -= 1
        inside = samples[i] - starts[segment]
        block = firsts[segment + 1] - firsts[segment]
        blocks = inside // block
        at = firsts[segment] + inside - blocks * block
        source = source_at[at]
        sources[i] = source
        numbers[i] = before[segment, source] + blocks * quotas[segment, source] + rank_at[at]
    return sources, numbers


@kernel
def permuted(
    sources: np.ndarray, numbers: np.ndarray, sizes: np.ndarray, keys: np.ndarray
) -> np.ndarray:
    """Maps samples, by source [N] and number within it [N], to windows [N] int64 of the source.

    sizes [sources] int64: windows of each. keys [sources] uint64. Every `sizes[s]` samples on end
    are an epoch, which visits each window once, in an order of its own.
    """
    windows = np.empty_like(numbers)
    for i in range(len(numbers)):
        size = sizes[sources[i]]
        epoch = numbers[i] // size
        key = _scramble(np.uint64(epoch) ^ keys[sources[i]])
        a = _ceil_sqrt(size)
        b = (size + a - 1) // a
        found = np.uint64(numbers[i] - epoch * size)
        found = _feistel(found, np.uint64(a), np.uint64(b), key)
        while found >= np.uint64(size):
            found = _feistel(found, np.uint64(a), np.uint64(b), key)
        windows[i] = np.int64(found)
    return windows


@inner
def _ceil_sqrt(n: np.int64) -> np.int64:
    root = np.int64(math.sqrt(n))
    while root * root < n:
        root += 1
    while (root - 1) * (root - 1) >= n:
        root -= 1
    return root


@inner
def _feistel(index: np.uint64, a: np.uint64, b: np.uint64, key: np.uint64) -> np.uint64:
    left, right = index // b, index % b
    for number in range(_ROUNDS):
        round_key = _scramble(key + np.uint64(number))
        if number % 2:
            right = (right + _scramble(left ^ round_key) % b) % b
        else:
            left = (left + _scramble(right ^ round_key) % a) % a
    return left * b + right


@inner
def _scramble(z: np.uint64) -> np.uint64:
    # The finaliser of SplitMix64.
    z += np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
