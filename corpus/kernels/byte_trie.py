"""A trie of byte strings in one hash table.

A cell is `(node << 8 | byte) << 32 | child`, or 0 where it is free; the root is node 0.
"""

import numpy as np

from corpus.kernels import kernel

NONE = -1
_HASH = 0x9E3779B97F4A7C15


@kernel
def build_trie(values, offsets, cells):
    """A trie of the keys `values[offsets[i]:offsets[i + 1]]` that are not empty.

    `cells`: a power of two above the number of nodes. Gives the table and, of each node, the key
    that ends there, or NONE.
    """
    trie = np.zeros(cells, np.uint64)
    ends = np.full(len(values) + 1, NONE, np.int32)
    nodes = np.uint64(1)
    for item in range(len(offsets) - 1):
        node = np.uint64(0)
        for place in range(offsets[item], offsets[item + 1]):
            key = node << np.uint64(8) | np.uint64(values[place])
            cell = _cell(trie, key)
            if trie[cell] == 0:
                trie[cell] = key << np.uint64(32) | nodes
                nodes += np.uint64(1)
            node = trie[cell] & np.uint64(0xFFFFFFFF)
        if offsets[item] < offsets[item + 1]:
            ends[node] = item
    return trie, ends[:nodes].copy()


@kernel
def find_node(trie, key):
    """The node a key's bytes lead to from the root, or -1."""
    node = np.int64(0)
    for byte in key:
        node = find_child(trie, node, byte) if node >= 0 else node
    return node


@kernel
def _cell(trie, key):
    """Where a key is in the hash table, or would be."""
    last = np.int64(len(trie) - 1)
    cell = np.int64(key * np.uint64(_HASH) >> np.uint64(32)) & last
    while trie[cell] != 0 and trie[cell] >> np.uint64(32) != key:
        cell = (cell + 1) & last
    return cell


@kernel
def find_child(trie, node, byte):
    """The node that a byte leads to, or -1."""
    found = trie[_cell(trie, np.uint64(node) << np.uint64(8) | np.uint64(byte))]
    return np.int64(found & np.uint64(0xFFFFFFFF)) if found else np.int64(-1)
