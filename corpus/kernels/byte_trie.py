"""A trie of scored byte strings as a double array (Aoe 1989): a step down is one read.

A unit is `score << 32 | base << 9 | label`: the child that a byte leads to is unit `base ^ byte`,
and there where that has the byte for a label. The root's base is 0. The score is float32's bits,
NO_KEY where no key ends. No two nodes share a base, but leaves, whose base leads to none.
"""

import numpy as np

from corpus.kernels import kernel

LABEL_BITS, BASE_BITS = 9, 23
LABEL, BASE = (1 << LABEL_BITS) - 1, (1 << BASE_BITS) - 1
NO_KEY = 0x7FC00000  # not a number
NONE = -1
_FREE = 256  # no byte
_BLOCK = 256  # a base and the units it leads to are in one


def build_trie(values: np.ndarray, offsets: np.ndarray, scores: np.ndarray) -> tuple:
    """A trie of the keys `values[offsets[i]:offsets[i + 1]]`, which rise.

    Of equal keys the last one counts. Gives the units (uint64) and the key (int32) that ends at
    each, or NONE; more than BASE units are no trie that can be walked.
    """
    parents, labels, keys = _nodes(values, offsets)
    counts = np.bincount(parents[1:], minlength=len(parents))
    edges = 1 + np.argsort(parents[1:], kind="stable")
    counts[0] += len(parents)  # the root comes first, to have base 0
    order = np.argsort(-counts, kind="stable")
    counts[0] -= len(parents)
    starts = np.cumsum(counts) - counts
    bases, size = _bases(labels[edges], starts, counts, order[: np.count_nonzero(counts)])
    bases[counts == 0] = size
    units = np.full(size + _BLOCK, _FREE, np.uint64)
    ends = np.full(size + _BLOCK, NONE, np.int32)
    places = bases[parents[1:]] ^ labels[1:]
    ends[places] = keys[1:]
    score = np.where(keys[1:] == NONE, np.uint32(NO_KEY), scores.view(np.uint32)[keys[1:]])
    unit = score.astype(np.uint64) << np.uint64(32)
    units[places] = unit | (bases[1:] << LABEL_BITS | labels[1:]).astype(np.uint64)
    return units, ends


@kernel
def _nodes(values, offsets):
    """Of each node its parent, the byte that leads to it, and the key that ends there or NONE."""
    parents = np.zeros(len(values) + 1, np.int64)
    labels = np.zeros(len(values) + 1, np.int64)
    keys = np.full(len(values) + 1, NONE, np.int32)
    path = np.zeros(len(values) + 1, np.int64)  # the last key's nodes, the root's first
    depth, nodes = np.int64(0), np.int64(1)
    for item in range(len(offsets) - 1):
        first, length = offsets[item], offsets[item + 1] - offsets[item]
        shared = np.int64(0)
        while shared < min(depth, length) and labels[path[shared + 1]] == values[first + shared]:
            shared += 1
        for place in range(shared, length):
            parents[nodes], labels[nodes] = path[place], values[first + place]
            path[place + 1] = nodes
            nodes += 1
        depth = length
        keys[path[depth]] = item
    return parents[:nodes].copy(), labels[:nodes].copy(), keys[:nodes].copy()


@kernel
def _bases(labels, starts, counts, order):
    """A base for each node of the order given, and the units they take, in whole blocks.

    Its children are `labels[starts[node]:][:counts[node]]`; those with most of them come first.
    """
    bases = np.zeros(len(counts), np.int64)
    taken = np.zeros(_BLOCK, np.bool_)
    used = np.zeros(_BLOCK, np.bool_)  # as a base
    unit, last = np.int64(0), np.int64(0)
    for node in order:
        if counts[node] != last:  # else what is before the unit has no room for as many
            unit, last = np.int64(0), counts[node]
        children = labels[starts[node] : starts[node] + counts[node]]
        if len(order) and node == order[0]:
            unit = children[0]
        while True:
            if unit == len(taken):
                taken = np.concatenate((taken, np.zeros_like(taken)))
                used = np.concatenate((used, np.zeros_like(used)))
            base = unit ^ children[0]
            room = not used[base]
            for label in children:
                room = room and not taken[base ^ label]
            if room:
                break
            unit += 1
        used[base] = True
        bases[node] = base
        for label in children:
            taken[base ^ label] = True
    size = len(taken)
    while size > _BLOCK and not taken[size - _BLOCK : size].any():
        size -= _BLOCK
    return bases, size
