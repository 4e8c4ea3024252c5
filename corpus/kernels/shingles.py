"""Hashes of a text's word shingles: runs of words, which editions of a book share.

A word is a run of letters and digits: a to z, 0 to 9, and what is not ASCII but for the signs of
U+0080 to U+00BF, U+2000 to U+207F, U+3000 to U+303F and full-width punctuation. A character of
U+3040 to U+9FFF, Chinese and Japanese, is a word of its own, for they are written without spaces.
"""

import numpy as np

from corpus.kernels import inner, kernel

_SIGN, _LETTER, _LEAD = 0, 1, 2  # a lead byte's next ones decide
_KINDS = np.zeros(256, np.uint8)
_KINDS[ord("0") : ord("9") + 1] = _LETTER
_KINDS[ord("a") : ord("z") + 1] = _LETTER
_KINDS[0x80:] = _LETTER  # bytes within a character belong to what it began
_KINDS[[0xC2, 0xE2, 0xEF, *range(0xE3, 0xEA)]] = _LEAD

_SEED = np.uint64(0xCBF29CE484222325)  # FNV-1a over the bytes of a word
_PRIME = np.uint64(0x100000001B3)
_BASE = np.uint64(0x9E3779B97F4A7C15)  # a shingle is a polynomial of its words in this
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)  # SplitMix64's end
_MIX_2 = np.uint64(0x94D049BB133111EB)


@inner
def _mixed(value):
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


@inner
def _lead(data, at):
    """Of a character with a lead byte: 0 for a letter, its bytes for a sign, -3 for a word."""
    first = data[at]
    second = data[at + 1]
    if first == 0xC2:
        return 2
    if first == 0xE2:
        return 3 if second == 0x80 or second == 0x81 else 0
    if first == 0xE3 and second == 0x80:
        return 3
    if first == 0xEF:
        third = data[at + 2]
        wide = second == 0xBC and (third <= 0x8F or 0x9A <= third <= 0xA0)
        return 3 if wide else 0
    return -3


@inner
def _rolled(state, word, recent, words, leaving):
    """The polynomial of the last words with one more; `recent` holds as many as a shingle has."""
    slot = words % len(recent)
    word = _mixed(word)
    state = state * _BASE + word - recent[slot] * leaving
    recent[slot] = word
    return state


@kernel
def shingle_hashes(data, start, end, size):
    """Hashes of all shingles of `size` words of `data[start:end]`, UTF-8 in lower case, in order.

    A text of fewer words is one shingle, one of none has none.
    """
    hashes = np.empty((end - start + 1) // 2, np.uint64)
    recent = np.zeros(size, np.uint64)
    leaving = np.uint64(1)  # what a word is worth once `size` others have come
    for _ in range(size):
        leaving *= _BASE
    state = np.uint64(0)
    word = _SEED
    inside = False
    words = 0
    at = start
    while at <= end:
        step = 1
        kind = _SIGN if at == end else _KINDS[data[at]]
        if kind == _LEAD:
            step = _lead(data, at)
            kind = _LETTER if step == 0 else _SIGN
        if kind == _LETTER:
            word = (word ^ np.uint64(data[at])) * _PRIME
            inside = True
            at += 1
            continue
        if inside:
            state = _rolled(state, word, recent, words, leaving)
            words += 1
            if words >= size:
                hashes[words - size] = _mixed(state)
        word = _SEED
        inside = False
        if step < 0:
            step = -step
            for place in range(at, at + step):
                word = (word ^ np.uint64(data[place])) * _PRIME
            state = _rolled(state, word, recent, words, leaving)
            word = _SEED
            words += 1
            if words >= size:
                hashes[words - size] = _mixed(state)
        at += step
    if 0 < words < size:
        hashes[0] = _mixed(state)
        return hashes[:1].copy()
    return hashes[: max(words - size + 1, 0)].copy()


@kernel
def count_common(left, right):
    """How many values two ascending arrays of distinct values share."""
    common = i = j = 0
    while i < len(left) and j < len(right):
        if left[i] == right[j]:
            common += 1
            i += 1
            j += 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    return common
