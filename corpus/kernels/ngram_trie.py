"""Sentence scores from KenLM's packed tries (Heafield 2011), in its own float32 arithmetic.

An n-gram is a path from its newest word back: a word's weights, then for each order an array of
entries sorted by the word before, packed to the bit: the word, its weights, where its own children
begin in the next order. A word without children goes on to the left of nothing.

Weights may be quantised, into numbers of rows in a table of floats; pointers may be cut short, to
their lower bits, by a table of the entries at which each upper part begins. `levels` has a row of
these numbers for each order from 2 on.
"""

import numpy as np

from corpus.kernels import inlined, inner, kernel
from corpus.kernels.intrinsics import load64, prefetch

# Columns of `levels`, in bits, bytes and 8-byte cells from the file's start. An order without
# quantised weights has 0 in both tables, one with whole pointers 0 in uppers.
FIRST_BIT, ENTRY_BITS, POINTER_BITS, UPPERS_AT, UPPERS, PROBABILITIES_AT, BACKOFFS_AT = range(7)
_NO_EXTENSION, _LOW = 0x80000000, 0xFFFFFFFF
_HASH = 0x9E3779B97F4A7C15
_PAIR_BITS = 17
_AHEAD = 4  # words between asking memory for something and reading it
PAIRS = 1 << _PAIR_BITS


@kernel
def score(words, offsets, file, levels, widths, unigrams, pairs, begin, end):
    """log10 probability of each sentence `words[offsets[i]:offsets[i + 1]]`, with its end.

    `file`: its bytes. `widths`: bits of a word, a probability and a backoff; then the words in
    all. `unigrams`: the byte where these begin. `pairs`: (PAIRS, 4) uint64, zeros at first,
    remembers the two words of each row, their weights and where their children are. `begin`,
    `end`: the words <s> and </s>.
    Gives float32.
    """
    scores = np.zeros(len(offsets) - 1, np.float32)
    order = len(levels) + 1
    cells = pairs.reshape(-1)
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
            found, kept = 1, 1 if weights >> np.uint64(32) != _NO_EXTENSION else 0
            low, high = np.int64(0), np.int64(0)
            _look_ahead(words, at, last, file, levels, widths, unigrams, pairs, cells)
            if length:
                key = _key(word, words[at - 1] if at > first else begin)
                pair = _row(key)
                if pairs[pair, 0] != key:
                    _learn(file, levels, widths, unigrams, key, pair, pairs)
                low, high = np.int64(pairs[pair, 2]), np.int64(pairs[pair, 3])
                if low <= high:
                    found = 2
                    probability = _float(pairs[pair, 1])
                    fresh[1] = _float(pairs[pair, 1] >> np.uint64(32))
                    if pairs[pair, 1] >> np.uint64(32) != _NO_EXTENSION:
                        kept = 2
            while low < high and found <= length:
                before = np.int64(words[at - found]) if at - found >= first else begin
                step = found - 1
                entry = _search(file, levels, step, widths, low, high, before)
                if entry < 0:
                    break
                found += 1
                weights = _weights(file, levels, step, widths, entry)
                probability = _float(weights)
                if found == order:
                    break
                fresh[found - 1] = _float(weights >> np.uint64(32))
                if weights >> np.uint64(32) != _NO_EXTENSION:
                    kept = found
                if found <= length:
                    low, high = _children(file, levels, step, widths, entry)
            for place in range(found - 1, length):
                probability += backoffs[place]
            total += probability
            for place in range(kept):
                backoffs[place] = fresh[place]
            length = kept
        scores[row] = total
    return scores


@inlined
def _look_ahead(words, at, last, file, levels, widths, unigrams, pairs, cells):
    """Asks memory for what words to come read, each time for what the answer before leads to.

    First a pair's row and its newest word; then, for a row that is another's, where the pair may be
    in the file; then, for that is now in its row, where the three words may be.
    """
    near, far = at + _AHEAD, at + 2 * _AHEAD
    if far + _AHEAD < last:
        prefetch(cells, pairs.shape[1] * _row(_key(words[far + _AHEAD], words[far + _AHEAD - 1])))
        prefetch(file, unigrams + 16 * np.int64(words[far + _AHEAD]))
    if far < last:
        key = _key(words[far], words[far - 1])
        if pairs[_row(key), 0] != key:
            low, high = _before(file, unigrams, key)
            _ask(file, levels, 0, widths, low, high, words[far - 1])
    if near < last:
        key = _key(words[near], words[near - 1])
        row = _row(key)
        if pairs[row, 0] != key:
            _learn(file, levels, widths, unigrams, key, row, pairs)
        low, high = np.int64(pairs[row, 2]), np.int64(pairs[row, 3])
        if low < high:
            _ask(file, levels, 1, widths, low, high, words[near - 2])


@inner
def _before(file, unigrams, key):
    """Where the words before a pair's newest one begin and end among those of order 2."""
    place = unigrams + 16 * np.int64(key >> np.uint64(32))
    return np.int64(load64(file, place + 8)), np.int64(load64(file, place + 24))


@inlined
def _ask(file, levels, step, widths, low, high, word):
    """Asks memory for the entry that a search for a word reads first."""
    entry = low + _share(word, high - low, widths[3])
    prefetch(file, (levels[step, FIRST_BIT] + entry * levels[step, ENTRY_BITS]) >> 3)


@inner
def _share(word, entries, words):
    """How many of the entries a word comes after, were they spread evenly over all words."""
    return np.int64(np.uint64(word) * np.uint64(entries) // np.uint64(words))


@inner
def _key(word, before):
    return np.uint64(word) << np.uint64(32) | np.uint64(before + 1)


@inner
def _row(key):
    return np.int64(np.uint64(key * np.uint64(_HASH)) >> np.uint64(64 - _PAIR_BITS))


@inner
def _learn(file, levels, widths, unigrams, key, row, pairs):
    """Looks a pair up in the file and writes it to a row."""
    low, high = _before(file, unigrams, key)
    before = np.int64(key & np.uint64(_LOW)) - 1
    entry = _search(file, levels, 0, widths, low, high, before)
    pairs[row, 0] = key
    if entry < 0:
        pairs[row, 2], pairs[row, 3] = 1, 0
    else:
        low, high = _children(file, levels, 0, widths, entry)
        pairs[row, 1] = _weights(file, levels, 0, widths, entry)
        pairs[row, 2], pairs[row, 3] = low, high


@inner
def _search(file, levels, step, widths, low, high, word):
    """The entry of a word among those from low to below high, which rise; or -1.

    Words are numbered by their hashes, so that a word's share of all tells its place nearly.
    """
    mask = (np.uint64(1) << np.uint64(widths[0])) - np.uint64(1)
    first, size = levels[step, FIRST_BIT], levels[step, ENTRY_BITS]
    least, most = np.int64(0), np.int64(widths[3])
    while low < high:
        middle = low + _share(word - least, high - low, most - least)
        there = np.int64(_bits(file, first + middle * size) & mask)
        if there == word:
            return middle
        if there < word:
            low, least = middle + 1, there + 1
        else:
            high, most = middle, there
    return np.int64(-1)


@inner
def _children(file, levels, step, widths, entry):
    """Where an entry's children begin and end in the next order."""
    bit = (
        levels[step, FIRST_BIT]
        + entry * levels[step, ENTRY_BITS]
        + widths[0]
        + widths[1]
        + widths[2]
    )
    mask = (np.uint64(1) << np.uint64(levels[step, POINTER_BITS])) - np.uint64(1)
    low = np.int64(_bits(file, bit) & mask)
    high = np.int64(_bits(file, bit + levels[step, ENTRY_BITS]) & mask)
    if levels[step, UPPERS]:
        upper = _last_up_to(file, levels, step, entry)
        low |= upper << levels[step, POINTER_BITS]
        if upper + 1 < levels[step, UPPERS]:
            upper = _last_up_to(file, levels, step, entry + 1)
        high |= upper << levels[step, POINTER_BITS]
    return low, high


@inner
def _last_up_to(file, levels, step, entry):
    """The last upper part that begins at an entry or before it; the first begins at 0."""
    low, high = np.int64(0), levels[step, UPPERS]
    while high - low > 1:
        middle = (low + high) // 2
        if np.int64(load64(file, levels[step, UPPERS_AT] + 8 * middle)) <= entry:
            low = middle
        else:
            high = middle
    return low


@inner
def _weights(file, levels, step, widths, entry):
    """An entry's probability, and above it its backoff where it has one, in float32's bits."""
    bit = levels[step, FIRST_BIT] + entry * levels[step, ENTRY_BITS] + widths[0]
    packed = _bits(file, bit)
    if not levels[step, PROBABILITIES_AT]:  # stored without its sign
        backoff = _bits(file, bit + widths[1])
        return (packed | np.uint64(_NO_EXTENSION)) & np.uint64(_LOW) | backoff << np.uint64(32)
    backoff = np.uint64(0)
    if levels[step, BACKOFFS_AT]:
        number = packed & ((np.uint64(1) << np.uint64(widths[2])) - np.uint64(1))
        backoff = load64(file, levels[step, BACKOFFS_AT] + 4 * np.int64(number))
        packed >>= np.uint64(widths[2])
    number = packed & ((np.uint64(1) << np.uint64(widths[1])) - np.uint64(1))
    probability = load64(file, levels[step, PROBABILITIES_AT] + 4 * np.int64(number))
    return probability & np.uint64(_LOW) | backoff << np.uint64(32)


@inner
def _bits(file, bit):
    """57 bits or more from a bit on."""
    return load64(file, bit >> 3) >> np.uint64(bit & 7)


@inner
def _float(bits):
    return np.uint32(bits & np.uint64(_LOW)).view(np.float32)
