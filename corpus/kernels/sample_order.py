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
    before: np.ndarray,
    blocks: np.ndarray,
    firsts: np.ndarray,
    quotas: np.ndarray,
    source_at: np.ndarray,
    rank_at: np.ndarray,
    places: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Maps sample numbers [N] int64 to their source [N] and their number within the source [N].

    starts [segments]: first sample of each. before [segments, sources]: samples before it.
    blocks [segments + 1]: its first block. firsts [blocks + 1]: where a block lies in source_at,
    rank_at and places, which has the places of each source's samples in it, source after source.
    quotas [blocks, sources + 1]: how many those are; the last is what the next block parts.
    """
    sources, numbers = np.empty_like(samples), np.empty_like(samples)
    rest = quotas.shape[1] - 1
    segment = 0
    for i in range(len(samples)):
        while segment + 1 < len(starts) and samples[i] >= starts[segment + 1]:
            segment += 1
        while samples[i] < starts[segment]:
            segment -= 1
        first, last = blocks[segment], blocks[segment + 1]
        source = rest
        inside, block = samples[i] - starts[segment], first
        while source == rest:
            size = firsts[block + 1] - firsts[block]
            rounds = inside // size
            at = firsts[block] + inside - rounds * size
            source = source_at[at]
            inside = rounds * quotas[block, source] + rank_at[at]
            block += 1
        if last == first + 1:  # no other block has any of the source
            sources[i], numbers[i] = source, before[segment, source] + inside
            continue
        number = before[segment, source]
        inside = samples[i] - starts[segment]
        for block in range(first, last):
            number += _taken(inside, source, block, firsts, quotas, source_at, rank_at, places)
            if block + 1 < last:
                inside = _taken(inside, rest, block, firsts, quotas, source_at, rank_at, places)
        sources[i], numbers[i] = source, number
    return sources, numbers


@inner
def _taken(
    samples: np.int64,
    source: np.int64,
    block: np.int64,
    firsts: np.ndarray,
    quotas: np.ndarray,
    source_at: np.ndarray,
    rank_at: np.ndarray,
    places: np.ndarray,
) -> np.int64:
    # How many of a block's first samples, which repeat, are of a source.
    size = firsts[block + 1] - firsts[block]
    rounds = samples // size
    inside = samples - rounds * size
    if source_at[firsts[block] + inside] == source:
        return rounds * quotas[block, source] + rank_at[firsts[block] + inside]
    low = firsts[block]
    for other in range(source):
        low += quotas[block, other]
    begin, high = low, low + quotas[block, source]
    while low < high:
        middle = (low + high) // 2
        if places[middle] < inside:
            low = middle + 1
        else:
            high = middle
    return rounds * quotas[block, source] + low - begin


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
