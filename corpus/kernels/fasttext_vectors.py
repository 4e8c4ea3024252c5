"""fastText's text vector, to the bit: the mean of the rows of a text's words
(arXiv:1607.01759, section 2).

Rows are added one by one in fastText's order, as float32 sums depend on it, so a word's sum cannot
be kept. Its rows are: most words came before. Words are taken in blocks: what they wait for of
memory they wait for together, and the n-grams of those new are hashed together. A block is
bounded in bytes too, and a word longer than that is taken in pieces: so no text makes more than
its own copy and its words' bounds grow.

D texts, N dimensions, R rows of the matrix, C words of the cache.
"""

from typing import NamedTuple

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.fasttext_rows import (
    KEY_BYTES,
    Dictionary,
    add_characters,
    find_entry,
    first_bytes,
    hash_ngrams,
    is_label,
    mix,
    ngram_rows,
)
from corpus.kernels.fasttext_words import split
from corpus.kernels.intrinsics import load64, prefetch, sum_rows

LANES = 16  # dimensions that are summed at once; a matrix has a multiple of them
CACHE_LINE = 16  # int32 of a word in the cache: its bytes (4), how many rows, and those
_MOST_ROWS = 11  # that there is room for
BLOCK_BYTES = 1 << 14  # that are worked out together, at most
_BLOCK = 64  # words, too
_LINE_END = np.uint64(int.from_bytes(b"</s>", "little"))  # a word that ends any text
_NOT_ASCII, _HALF = np.uint64(0x8080808080808080), np.uint64(32)
_NO_WORD = np.uint64(2**64 - 1)  # no UTF-8


class _Room(NamedTuple):
    """What a block of words is worked out in."""

    keys: np.ndarray  # [words, 2] uint64, their first bytes
    places: np.ndarray  # [words] int64, in the cache
    new: np.ndarray  # [words + 1] int64, those that are not there
    rows: np.ndarray  # int32
    spans: np.ndarray  # [words, 2] int64, where rows of new words begin and end
    ends: np.ndarray  # [words + 1] int64, of new words' characters
    characters: np.ndarray  # uint32
    codes: np.ndarray  # uint32, hashes of n-grams
    buckets: np.ndarray  # [lengths, characters] uint32, of n-grams


@kernel
def text_vectors(
    content: np.ndarray,
    offsets: np.ndarray,
    kinds: np.ndarray,
    dictionary: Dictionary,
    matrix: np.ndarray,
    end_rows: np.ndarray,
    cache: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """[D, N] float32 means of texts' rows, and [D] int64 numbers of rows; the mean of none is 0.

    `content` [bytes] uint8, `offsets` [D + 1] int64, `kinds` of fasttext_words.byte_kinds,
    `matrix` [R, N] float32, `end_rows` int32: rows of the word that ends every text. `cache`
    [C * CACHE_LINE] int32 is 0 at first and then as the last call left it.
    """
    num_texts, dimensions = len(offsets) - 1, matrix.shape[1]
    vectors = np.zeros((num_texts, dimensions), np.float32)
    num_rows = np.zeros(num_texts, np.int64)
    longest_text = np.diff(offsets).max() if num_texts else 0
    line = np.empty(2 * longest_text + 3 + KEY_BYTES, np.uint8)
    bounds = np.empty(longest_text // 2 + 3, np.int64)
    longest, shortest = dictionary.sizes.longest, dictionary.sizes.shortest
    block_bytes = min(max(BLOCK_BYTES, 8 * longest), len(line))
    hashed = block_bytes + longest  # characters
    room = _Room(
        np.empty((_BLOCK, 2), np.uint64),
        np.empty(_BLOCK, np.int64),
        np.empty(_BLOCK + 1, np.int64),
        np.empty((longest + 1) * hashed + _MOST_ROWS, np.int32),
        np.empty((_BLOCK, 2), np.int64),
        np.zeros(_BLOCK + 1, np.int64),
        np.empty(hashed + KEY_BYTES + 2 + longest, np.uint32),
        np.empty(hashed, np.uint32),
        np.empty((max(longest - shortest + 1, 0), hashed), np.uint32),
    )
    for text in range(num_texts):
        count = split(content, offsets[text], offsets[text + 1], kinds, line, bounds)
        count = _add_words(line, bounds, count, dictionary, cache, room, matrix, vectors, text)
        _add(matrix, end_rows, len(end_rows), vectors, text)
        count += len(end_rows)
        num_rows[text] = count
        if count:
            vectors[text] *= np.float32(1.0 / count)
    return vectors, num_rows


@kernel
def _add(matrix, rows, count, vectors, text):
    for first in range(0, matrix.shape[1], LANES):
        sum_rows(matrix, rows, count, first, vectors, text)


@kernel
def _add_words(line, bounds, count, dictionary, cache, room, matrix, vectors, text):
    """Adds the rows of a text's words to its vector; how many."""
    # Arrays leave their tuples once a text: Numba counts references each time, dearer than a word.
    slots, entries, starts = dictionary.slots, dictionary.text, dictionary.starts
    kept, ranks, sizes = dictionary.kept, dictionary.ranks, dictionary.sizes
    keys, places, new, spans, ends = room.keys, room.places, room.new, room.spans, room.ends
    characters, codes, buckets, rows = room.characters, room.codes, room.buckets, room.rows
    block_bytes = len(codes) - sizes.longest
    total = first = 0
    while first < count:
        last = min(first + _BLOCK, count)
        while bounds[last] - bounds[first] > block_bytes and last > first + 1:
            last -= 1
        if bounds[last] - bounds[first] > block_bytes:
            total += _add_long_word(
                line, bounds[first], bounds[last], dictionary, room, matrix, vectors, text
            )
            first = last
            continue
        num_new = _look_up(line, bounds, first, last, cache, keys, places, new)
        spelled = _spell(line, bounds, first, keys, new, num_new, characters, ends)
        if spelled < num_new:
            last = count = new[spelled]
        hash_ngrams(characters, ends[spelled], sizes, codes, buckets)
        new[spelled] = last
        at = number = 0
        for word in range(first, last):
            if word != new[number]:
                # All at once: a loop over as many as there are would be mispredicted.
                place = places[word - first]
                for item in range(_MOST_ROWS):
                    rows[at + item] = cache[place + 5 + item]
                at += cache[place + 4]
                continue
            spans[number, 0] = at
            start, end = bounds[word] + 1, bounds[word + 1] - 1
            low, high = first_bytes(line, start, end - start)
            entry = find_entry(low, high, line, start, end, slots, entries, starts)
            if 0 <= entry < sizes.num_words:
                rows[at] = entry
                at += 1
            if entry < sizes.num_words and (entry >= 0 or not is_label(low, high)):
                begin, stop = ends[number], ends[number + 1]
                at = ngram_rows(buckets, begin, stop, begin, stop, sizes, kept, ranks, rows, at)
            spans[number, 1] = at
            number += 1
        _add(matrix, rows, at, vectors, text)
        total += at
        for number in range(spelled):
            word = new[number] - first
            begin, stop = spans[number, 0], spans[number, 1]
            if keys[word, 0] != _NO_WORD and stop - begin <= _MOST_ROWS:
                _remember(keys[word, 0], keys[word, 1], rows, begin, stop, cache, places[word])
        first = last
    return total


@kernel
def _add_long_word(line, start, end, dictionary, room, matrix, vectors, text):
    """Adds the rows of the word `<word>` from byte `start` to `end`, piece by piece; how many.

    The last `longest` characters of a piece begin the next one, for n-grams that go over its end.
    """
    slots, entries, starts = dictionary.slots, dictionary.text, dictionary.starts
    kept, ranks, sizes = dictionary.kept, dictionary.ranks, dictionary.sizes
    characters, codes, buckets, rows = room.characters, room.codes, room.buckets, room.rows
    low, high = first_bytes(line, start + 1, end - start - 2)
    entry = find_entry(low, high, line, start + 1, end - 1, slots, entries, starts)
    if entry >= sizes.num_words or (entry < 0 and is_label(low, high)):
        return 0
    total = 0
    if entry >= 0:
        rows[0] = entry
        total = 1
        _add(matrix, rows, 1, vectors, text)
    block_bytes = len(codes) - sizes.longest
    word_begin = carried = 0
    while start < end and sizes.longest > 0:
        cut = min(start + block_bytes, end)
        for _ in range(3):  # a character is not cut
            cut -= np.int64(cut < end and line[cut] & 0xC0 == 0x80)
        num = add_characters(line, start, cut, False, characters, carried)
        hash_ngrams(characters, num, sizes, codes, buckets)
        stop = num if cut == end else num - sizes.longest
        count = ngram_rows(buckets, 0, stop, word_begin, num, sizes, kept, ranks, rows, 0)
        _add(matrix, rows, count, vectors, text)
        total += count
        carried = num - stop
        characters[:carried] = characters[stop:num]
        start, word_begin = cut, -1
    return total


@kernel
def _look_up(line, bounds, first, last, cache, keys, places, new):
    """Writes words' first bytes to `keys`, their places in the cache to `places` and those which
    are not there to `new`; how many.
    """
    num_lines = np.uint64(len(cache) // CACHE_LINE)
    for word in range(first, last):
        start, size = bounds[word] + 1, bounds[word + 1] - bounds[word] - 2
        low, high = first_bytes(line, start, size)
        code = mix(low, high)
        place = np.int64((code >> _HALF) * num_lines >> _HALF) * CACHE_LINE
        prefetch(cache, place)
        places[word - first] = place
        keys[word - first, 0] = low if size <= KEY_BYTES else _NO_WORD
        keys[word - first, 1] = high
    num_new = 0
    for word in range(last - first):
        low, high = load64(cache, places[word]), load64(cache, places[word] + 2)
        new[num_new] = first + word
        num_new += (low != keys[word, 0]) | (high != keys[word, 1])
    return num_new


@kernel
def _spell(line, bounds, first, keys, new, num_new, characters, ends):
    """Writes the characters of new words, and to `ends` where each word's do; how many words
    there are before one that ends the text.
    """
    number = 0
    while number < num_new:
        word = new[number]
        low, high = keys[word - first, 0], keys[word - first, 1]
        if low == _LINE_END and high == 0:
            break
        is_ascii = not (low | high) & _NOT_ASCII
        ends[number + 1] = add_characters(
            line, bounds[word], bounds[word + 1], is_ascii, characters, ends[number]
        )
        number += 1
    return number


@kernel
def _remember(low, high, rows, begin, stop, cache, place):
    for half in range(2):
        cache[place + half] = np.int32(low >> np.uint64(32 * half))
        cache[place + 2 + half] = np.int32(high >> np.uint64(32 * half))
    cache[place + 4] = stop - begin
    for number in range(stop - begin):
        cache[place + 5 + number] = rows[begin + number]
