"""Sentence scores from KenLM's probing tables (Heafield 2011), in its own float32 arithmetic.

The packed file is read in place as 32-bit cells, `cells` as integers and `floats` the same as
floats. An n-gram's key mixes its words' indices, newest first. A table is linear probing: an entry
of two key cells, the probability (log10), and below the longest order the backoff; key 0 is free.
A probability's sign bit says that no longer n-gram goes on to the left of it; a backoff of minus
zero says that none goes on to the right.
"""

import numpy as np

from corpus.kernels import inner, kernel
from corpus.kernels.intrinsics import high_product, prefetch

_MIX_OLD, _MIX_NEW = 8978948897894561157, 17894857484156487943
_NO_EXTENSION = 0x80000000
_AHEAD = 16  # words between asking memory for an n-gram and reading it
_MURMUR = 0xC6A4A7935BD1E995
_SPACE_SYMBOL = (0xE2, 0x96, 0x81)


@kernel
def score(words, offsets, cells, floats, unigrams, starts, buckets, begin, end):
    """log10 probability of each sentence `words[offsets[i]:offsets[i + 1]]`, with its end.

    `unigrams`: the cell where these begin; `starts` and `buckets`: of the tables of order 2 on.
    `begin`, `end`: the words <s> and </s>. Gives float32.
    """
    scores = np.zeros(len(offsets) - 1, np.float32)
    order = len(starts) + 1
    keys = np.empty((_AHEAD, order - 1), np.uint64)
    entries = np.empty((_AHEAD, order - 1), np.int64)
    backoffs = np.empty(order, np.float32)  # of the newest 1, 2, ... words
    fresh = np.empty(order, np.float32)
    inverses = _inverses(buckets)
    for row in range(len(offsets) - 1):
        line = np.empty(offsets[row + 1] - offsets[row] + 2, np.int64)
        line[0], line[-1] = begin, end
        line[1:-1] = words[offsets[row] : offsets[row + 1]]
        for at in range(1, min(_AHEAD + 1, len(line))):
            _ask(line, at, cells, starts, buckets, inverses, unigrams, keys, entries)
        total = np.float32(0)
        length = 1  # words before this one that an n-gram can extend
        backoffs[0] = floats[unigrams + 2 * begin + 1]
        for at in range(1, len(line)):
            entry = unigrams + 2 * line[at]
            found, kept = 1, 1 if cells[entry + 1] != _NO_EXTENSION else 0
            probability = -abs(floats[entry])
            fresh[0] = floats[entry + 1]
            left = cells[entry] < _NO_EXTENSION
            slot = at % _AHEAD
            while left and found <= length:
                step = found - 1
                width = 4 if found + 1 < order else 3
                entry = _find(
                    cells, starts[step], buckets[step], width, entries[slot, step], keys[slot, step]
                )
                if entry < 0:
                    break
                found += 1
                probability = -abs(floats[entry + 2])
                if found == order:
                    break
                left = cells[entry + 2] < _NO_EXTENSION
                fresh[found - 1] = floats[entry + 3]
                if cells[entry + 3] != _NO_EXTENSION:
                    kept = found
            for before in range(found - 1, length):
                probability += backoffs[before]
            total += probability
            for place in range(kept):
                backoffs[place] = fresh[place]
            length = kept
            if at + _AHEAD < len(line):
                _ask(line, at + _AHEAD, cells, starts, buckets, inverses, unigrams, keys, entries)
        scores[row] = total
    return scores


@inner
def _ask(line, at, cells, starts, buckets, inverses, unigrams, keys, entries):
    """Reckons where the n-grams that end at a place should be, and asks memory for them.

    Most are far apart in a file larger than any cache: the waits then pass together.
    """
    prefetch(cells, unigrams + 2 * line[at])
    key = np.uint64(line[at])
    for step in range(min(at, len(starts))):
        key = _mix(key, line[at - 1 - step])
        width = 4 if step + 1 < len(starts) else 3
        entry = starts[step] + width * _remainder(key, np.uint64(buckets[step]), inverses[step])
        prefetch(cells, entry)
        keys[at % _AHEAD, step] = key
        entries[at % _AHEAD, step] = entry


@kernel
def _inverses(buckets):
    """2^64 / n of each, rounded down."""
    inverses = np.empty(len(buckets), np.uint64)
    for step in range(len(buckets)):
        inverses[step] = np.uint64(0xFFFFFFFFFFFFFFFF) // np.uint64(buckets[step])
    return inverses


@inner
def _remainder(key, buckets, inverse):
    """`key % buckets` without a division: the quotient found may be a little too small."""
    left = key - high_product(key, inverse) * buckets
    while left >= buckets:
        left -= buckets
    return np.int64(left)


@kernel
def look_up(hashes, cells, start, buckets):
    """The words' indices in the vocabulary's table; 0 for an unknown one.

    An entry is two key cells, the hash, and the index.
    """
    words = np.zeros(len(hashes), np.int64)
    for row in range(len(hashes)):
        entry = start + 3 * np.int64(hashes[row] % np.uint64(buckets))
        entry = _find(cells, start, buckets, 3, entry, hashes[row])
        if entry >= 0:
            words[row] = cells[entry + 2]
    return words


@kernel
def hash_words(text, spans):
    """KenLM's hash of each word `text[spans[i, 0]:spans[i, 1]]`, a space for U+2581."""
    hashes = np.zeros(len(spans), np.uint64)
    longest = np.int64(0)
    for row in range(len(spans)):
        longest = max(longest, spans[row, 1] - spans[row, 0])
    raw = np.empty(3 * longest, np.uint8)
    for row in range(len(spans)):
        length = np.int64(0)
        for place in range(spans[row, 0], spans[row, 1]):
            if text[place] == 32:
                for byte in _SPACE_SYMBOL:
                    raw[length] = byte
                    length += 1
            else:
                raw[length] = text[place]
                length += 1
        hashes[row] = _murmur(raw[:length])
    return hashes


@inner
def _mix(key, word):
    return (key * np.uint64(_MIX_OLD)) ^ (np.uint64(word + 1) * np.uint64(_MIX_NEW))


@inner
def _find(cells, start, buckets, width, entry, key):
    """The first cell of a key's entry, from the place where it should be on; or -1.

    KenLM leaves every table a free entry; in a damaged file without one the search ends, too.
    """
    for _ in range(buckets):
        there = np.uint64(cells[entry]) | np.uint64(cells[entry + 1]) << np.uint64(32)
        if there == key:
            return entry
        if there == 0:
            return np.int64(-1)
        entry += width
        if entry == start + buckets * width:
            entry = start
    return np.int64(-1)


@inner
def _murmur(raw):
    """MurmurHash64A with seed 0."""
    mixed = np.uint64(len(raw)) * np.uint64(_MURMUR)
    whole = len(raw) // 8 * 8
    for at in range(0, whole, 8):
        part = np.uint64(0)
        for place in range(8):
            part |= np.uint64(raw[at + place]) << np.uint64(8 * place)
        part *= np.uint64(_MURMUR)
        part ^= part >> np.uint64(47)
        mixed = (mixed ^ part * np.uint64(_MURMUR)) * np.uint64(_MURMUR)
    if whole < len(raw):
        for place in range(len(raw) - whole):
            mixed ^= np.uint64(raw[whole + place]) << np.uint64(8 * place)
        mixed *= np.uint64(_MURMUR)
    mixed ^= mixed >> np.uint64(47)
    mixed *= np.uint64(_MURMUR)
    return mixed ^ mixed >> np.uint64(47)
