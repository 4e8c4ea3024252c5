"""Where a word of a text for the unigram search ends, and its place in the memory of words.

A text has spaces behind it: 8 bytes are read at once.
"""

import numpy as np

from corpus.kernels import inner
from corpus.kernels.intrinsics import load64

ROW_BITS = 16  # of the memory's rows
_HASH, _ONES, _SPACES = 0x9E3779B97F4A7C15, 0x0101010101010101, 0x2020202020202020


@inner
def find_word(text, at):
    """Where the word that begins at a place ends, and its row in the memory."""
    stop, mixed = at + 1, np.uint64(0)
    block = load64(text, stop)
    spaces = _spaces(block)
    while spaces == 0:
        mixed = np.uint64((mixed ^ block) * np.uint64(_HASH))
        mixed = np.uint64(mixed ^ mixed >> np.uint64(32))
        stop += 8
        block = load64(text, stop)
        spaces = _spaces(block)
    before = ((spaces & (~spaces + np.uint64(1))) >> np.uint64(7)) - np.uint64(1)
    stop += np.int64((before & np.uint64(_ONES)) * np.uint64(_ONES) >> np.uint64(56))
    mixed = np.uint64((mixed ^ (block & before)) * np.uint64(_HASH))
    return stop, np.int64(mixed >> np.uint64(64 - ROW_BITS))


@inner
def _spaces(block):
    """Bit 7 of each of 8 bytes that is a space, and maybe of some after the first of these."""
    other = block ^ np.uint64(_SPACES)
    return (other - np.uint64(_ONES)) & ~other & np.uint64(_ONES << 7)


@inner
def first_bytes(text, at, stop):
    """Fewer than 8 bytes, as a number."""
    return load64(text, at) & ((np.uint64(1) << np.uint64(8 * (stop - at))) - np.uint64(1))
