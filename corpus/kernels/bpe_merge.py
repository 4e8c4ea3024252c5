"""The joins of one chunk of characters by byte pair encoding, best pair first.

Which two symbols make a piece is a hash table: a row of `pairs` is `left << 32 | right` and
`rank << 32 | piece`, or EMPTY; rank 0 is the best score, equal scores have equal ranks.
"""

from typing import NamedTuple

import numpy as np

from corpus.kernels import inner, kernel

EMPTY = 0xFFFFFFFFFFFFFFFF
SMALL = 64  # bytes of a chunk for which looking at all pairs each time is the fastest
RANK_BITS = 23
_RANK_AT = 40  # in the heap's keys, above a symbol's place
_NO_PAIR = (1 << 63) - 1
_PIECE = (1 << 32) - 1
_HASH = 0x9E3779B97F4A7C15
_GONE = -2


class Scratch(NamedTuple):
    """What `merge_small` works in."""

    symbols: np.ndarray  # int32, SMALL + 1
    codes: np.ndarray  # int64, SMALL + 1: of a symbol and its next, `rank << 32 | piece`


def pair_slot(left, right, slots):
    """Where the search for a pair, or for pairs in arrays, begins; `slots` is a power of two."""
    mixed = (np.uint64(left) << np.uint64(32) | np.uint64(right)) * np.uint64(_HASH)
    return np.int64(mixed >> np.uint64(32)) & (slots - 1)


_slot = inner(pair_slot)


@inner
def _pair(left, right, pairs):
    if left < 0 or right < 0:
        return np.int64(_NO_PAIR)
    key = np.uint64(left) << np.uint64(32) | np.uint64(right)
    slot = _slot(left, right, len(pairs))
    while pairs[slot, 0] != key:
        if pairs[slot, 0] == np.uint64(EMPTY):
            return np.int64(_NO_PAIR)
        slot = (slot + 1) & (len(pairs) - 1)
    return np.int64(pairs[slot, 1])


@inner
def merge_small(count, pairs, scratch):
    """Joins the first `count` of the scratch's symbols, in their place; gives how many remain."""
    symbols, codes = scratch.symbols, scratch.codes
    for place in range(count - 1):
        codes[place] = _pair(symbols[place], symbols[place + 1], pairs)
    while count > 1:
        best, at = np.int64(_NO_PAIR) >> 32, np.int64(-1)
        for place in range(count - 1):
            if codes[place] >> 32 < best:
                best, at = codes[place] >> 32, np.int64(place)
        if at < 0:
            break
        symbols[at] = codes[at] & _PIECE
        count -= 1
        for place in range(at + 1, count):
            symbols[place] = symbols[place + 1]
            codes[place] = codes[place + 1]
        if at + 1 < count:
            codes[at] = _pair(symbols[at], symbols[at + 1], pairs)
        if at > 0:
            codes[at - 1] = _pair(symbols[at - 1], symbols[at], pairs)
    return count


@kernel
def merge_large(count, pairs, symbols):
    """Joins the first `count` of the symbols, in their place; O(count * log(count)).

    What was joined into another is taken out, so that those that remain are the first ones. Takes
    12 bytes a symbol beside it: whether a key in the heap still holds is looked up as it comes up.
    """
    widths = np.ones(count, np.int32)  # of what was joined: at its first place, and at its last
    heap = np.empty(count + 8, np.int64)  # `rank << 40 | place`, also of pairs that are no more
    size = _fill(count, pairs, symbols, widths, heap)
    while size > 0:
        key = heap[0]
        at = key & ((np.int64(1) << _RANK_AT) - 1)
        size -= 1
        _sink(heap, size, np.int64(0), heap[size])
        code = _pair_at(at, count, pairs, symbols, widths)
        if code >> 32 != key >> _RANK_AT:
            continue
        gone = at + widths[at]
        beyond = gone + widths[gone]
        symbols[at], symbols[gone] = code & _PIECE, _GONE
        widths[at] = widths[beyond - 1] = beyond - at
        if size + 2 > len(heap):
            size = _fill(count, pairs, symbols, widths, heap)
            continue
        size = _push(at, count, pairs, symbols, widths, heap, size)
        if at > 0:
            size = _push(at - widths[at - 1], count, pairs, symbols, widths, heap, size)
    kept = np.int64(0)
    for place in range(count):
        if symbols[place] != _GONE:
            symbols[kept] = symbols[place]
            kept += 1
    return kept


@inner
def _fill(count, pairs, symbols, widths, heap):
    """Makes the heap anew of the pairs there are; gives its size.

    They are fewer than the symbols left, so the room for the next pairs doubles each time.
    """
    size = np.int64(0)
    for place in range(count):
        code = _pair_at(place, count, pairs, symbols, widths)
        if code != _NO_PAIR:
            heap[size] = (code >> 32) << _RANK_AT | place
            size += 1
    for item in range(size // 2 - 1, -1, -1):
        _sink(heap, size, item, heap[item])
    return size


@inner
def _pair_at(place, count, pairs, symbols, widths):
    """What the symbol at a place makes with the next."""
    if symbols[place] < 0:
        return np.int64(_NO_PAIR)
    after = place + widths[place]
    if after >= count:
        return np.int64(_NO_PAIR)
    return _pair(symbols[place], symbols[after], pairs)


@inner
def _push(place, count, pairs, symbols, widths, heap, size):
    """Adds the pair at a place, if it is one; gives the new size."""
    code = _pair_at(place, count, pairs, symbols, widths)
    if code == _NO_PAIR:
        return size
    return _rise(heap, size, (code >> 32) << _RANK_AT | place)


@inner
def _sink(heap, size, item, key):
    """Puts a key where an item was, and lets it go down."""
    while True:
        child = 2 * item + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[item] = heap[child]
        item = child
    heap[item] = key


@inner
def _rise(heap, size, key):
    """Adds a key; gives the new size."""
    item = size
    while item > 0 and heap[(item - 1) >> 1] > key:
        heap[item] = heap[(item - 1) >> 1]
        item = (item - 1) >> 1
    heap[item] = key
    return size + 1
