"""Sentence scores from KenLM's packed tries (Heafield 2011), in its own float32 arithmetic.

An n-gram is a path from its newest word back: a word's weights, then for each order an array of
entries sorted by the word before, packed to the bit: the word, its weights, where its own children
begin in the next order. A word without children goes on to the left of nothing.

Weights may be quantised, into numbers of rows in a table of floats; pointers may be cut short, to
their lower bits, by a table of the entries at which each upper part begins. `levels` has a row of
these numbers for each order from 2 on.
"""

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.intrinsics import load64

# Columns of `levels`, in bits, bytes and 8-byte cells from the file's start. An order without
# quantised weights has 0 in both tables, one with whole pointers 0 in uppers.
FIRST_BIT, ENTRY_BITS, POINTER_BITS, UPPERS_AT, UPPERS, PROBABILITIES_AT, BACKOFFS_AT = range(7)
_NO_EXTENSION = 0x80000000


@kernel
def score(words, offsets, file, levels, widths, unigrams, begin, end):
    """log10 probability of each sentence `words[offsets[i]:offsets[i + 1]]`, with its end.

    `file`: its bytes. `widths`: bits of a word, a probability and a backoff. `unigrams`: the byte
    where these begin. `begin`, `end`: the words <s> and </s>. Gives float32.
    """
    scores = np.zeros(len(offsets) - 1, np.float32)
    order = len(levels) + 1
    backoffs = np.empty(order, np.float32)  # of the newest 1, 2, ... words
    fresh = np.empty(order, np.float32)
    for row in range(len(offsets) - 1):
        first, last = offsets[row], offsets[row + 1]
        total = np.float32(0)
        length = 1  # words before this one that an n-gram can extend
        backoffs[0] = _float(load64(file, unigrams + 16 * begin) >> np.uint64(32))
        for at in range(first, last + 1):
            word = np.int64(words[at]) if at < last else end
            place = unigrams + 16 * word
            weights = load64(file, place)
            probability = _float(weights)
            fresh[0] = _float(weights >> np.uint64(32))
            low = np.int64(load64(file, place + 8))
            high = np.int64(load64(file, place + 24))
            found, kept = 1, 1 if weights >> np.uint64(32) != _NO_EXTENSION else 0
            while low < high:
                before = np.int64(words[at - found]) if at - found >= first else begin
                level = levels[found - 1]
                entry = _search(file, level, widths[0], low, high, before)
                if entry < 0:
                    break
                found += 1
                bit = level[FIRST_BIT] + entry * level[ENTRY_BITS] + widths[0]
                if found == order:
                    probability = _probability(file, bit, level, widths)
                    break
                backoff = _backoff(file, bit, level, widths)
                after = bit + widths[2] if level[BACKOFFS_AT] else bit
                probability = _probability(file, after, level, widths)
                fresh[found - 1] = _float(backoff)
                if backoff != _NO_EXTENSION:
                    kept = found
                if found > length:
                    break
                low, high = _children(file, level, entry, bit + widths[1] + widths[2])
            for place in range(found - 1, length):
                probability += backoffs[place]
            total += probability
            for place in range(kept):
                backoffs[place] = fresh[place]
            length = kept
        scores[row] = total
    return scores


@kernel
def _search(file, level, word_bits, low, high, word):
    """The entry of a word among those from low to below high, which rise; or -1."""
    mask = (np.uint64(1) << np.uint64(word_bits)) - np.uint64(1)
    while low < high:
        middle = (low + high) >> 1
        there = np.int64(_bits(file, level[FIRST_BIT] + middle * level[ENTRY_BITS]) & mask)
        if there == word:
            return middle
        if there < word:
            low = middle + 1
        else:
            high = middle
    return np.int64(-1)


@kernel
def _children(file, level, entry, bit):
    """Where an entry's children begin and end in the next order."""
    mask = (np.uint64(1) << np.uint64(level[POINTER_BITS])) - np.uint64(1)
    low = np.int64(_bits(file, bit) & mask)
    high = np.int64(_bits(file, bit + level[ENTRY_BITS]) & mask)
    if level[UPPERS]:
        upper = _last_up_to(file, level, entry)
        low |= upper << level[POINTER_BITS]
        if upper + 1 < level[UPPERS]:
            upper = _last_up_to(file, level, entry + 1)
        high |= upper << level[POINTER_BITS]
    return low, high


@kernel
def _last_up_to(file, level, entry):
    """The last upper part that begins at an entry or before it; the first begins at 0."""
    low, high = np.int64(0), level[UPPERS]
    while high - low > 1:
        middle = (low + high) // 2
        if np.int64(load64(file, level[UPPERS_AT] + 8 * middle)) <= entry:
            low = middle
        else:
            high = middle
    return low


@kernel
def _probability(file, bit, level, widths):
    packed = _bits(file, bit)
    if not level[PROBABILITIES_AT]:
        return _float(packed | np.uint64(_NO_EXTENSION))  # stored without its sign
    number = np.int64(packed & ((np.uint64(1) << np.uint64(widths[1])) - np.uint64(1)))
    return _float(load64(file, level[PROBABILITIES_AT] + 4 * number))


@kernel
def _backoff(file, bit, level, widths):
    """The backoff's 32 bits, in float32's form."""
    if not level[BACKOFFS_AT]:
        return _bits(file, bit + widths[1]) & np.uint64(0xFFFFFFFF)
    number = _bits(file, bit) & ((np.uint64(1) << np.uint64(widths[2])) - np.uint64(1))
    place = level[BACKOFFS_AT] + 4 * np.int64(number)
    return load64(file, place) & np.uint64(0xFFFFFFFF)


@kernel
def _bits(file, bit):
    """57 bits or more from a bit on."""
    return load64(file, bit >> 3) >> np.uint64(bit & 7)


@kernel
def _float(bits):
    return np.uint32(bits & np.uint64(0xFFFFFFFF)).view(np.float32)
