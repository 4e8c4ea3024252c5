"""fastText's text vector, to the bit: the mean of the rows of a text's words and their n-grams
(arXiv:1607.01759, section 2; n-grams of characters from arXiv:1607.04606, section 3.2).

Rows are added one by one in fastText's order: float32 sums depend on it. D texts, T words in all
of them, E entries of the dictionary, R rows of the matrix, N dimensions.
"""

from typing import NamedTuple

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.fasttext_words import HASH_BASIS, LINE_END, hash_on, same

_LABEL = np.frombuffer(b"__label__", np.uint8)  # begins a label, which is no word


class Dictionary(NamedTuple):
    """What turns words into rows."""

    slots: np.ndarray  # [power of 2] int32: an entry by hash, or -1
    text: np.ndarray  # uint8
    starts: np.ndarray  # [E + 1] int64
    num_words: int  # entries from there on are labels
    buckets: int  # that n-grams are hashed into
    shortest: int  # n-gram, in characters
    longest: int
    kept: np.ndarray  # [buckets / 8] uint8 bits, or none: every bucket has a row
    bucket_rows: np.ndarray  # [buckets] int32, or none: rows follow the words'


@kernel
def find_rows(
    text: np.ndarray,
    starts: np.ndarray,
    codes: np.ndarray,
    first: int,
    last: int,
    dictionary: Dictionary,
    rows: np.ndarray,
    row_starts: np.ndarray,
) -> None:
    """Writes the rows of the known words from `first` to `last`: of word w to `rows`, int32, from
    `row_starts[w]`, int64. There must be room.
    """
    # Arrays leave their tuple once: Numba counts references each time, dearer than a word is.
    slots, entries, entry_starts = dictionary.slots, dictionary.text, dictionary.starts
    kept, bucket_rows = dictionary.kept, dictionary.bucket_rows
    num_words, lengths = dictionary.num_words, (dictionary.shortest, dictionary.longest)
    buckets = np.uint32(dictionary.buckets)
    for word in range(first, last):
        at, start, end = row_starts[word], starts[word], starts[word + 1]
        entry = _entry(text, start + 1, end - 1, codes[word], slots, entries, entry_starts)
        if 0 <= entry < num_words:
            rows[at] = entry
            at += 1
        is_label = entry >= num_words or (
            entry < 0
            and end - start - 2 >= len(_LABEL)
            and same(text, start + 1, _LABEL, 0, len(_LABEL))
        )
        if not is_label and word != LINE_END:
            found = at
            at = _ngram_buckets(text, start, end, lengths, buckets, kept, rows, at)
            for place in range(found, at):
                bucket = rows[place]
                rows[place] = bucket_rows[bucket] if len(kept) else num_words + bucket
        row_starts[word + 1] = at


@kernel
def mean_rows(
    words: np.ndarray,
    word_offsets: np.ndarray,
    rows: np.ndarray,
    row_starts: np.ndarray,
    matrix: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """[D, N] float32 means of texts' rows, and [D] int64 numbers of rows; the mean of none is 0.

    `words` [T] int32, `word_offsets` [D + 1] int64, `matrix` [R, N] float32.
    """
    num_texts, dimensions = len(word_offsets) - 1, matrix.shape[1]
    vectors = np.zeros((num_texts, dimensions), np.float32)
    num_rows = np.zeros(num_texts, np.int64)
    for document in range(num_texts):
        total = vectors[document]
        count = 0
        for at in range(word_offsets[document], word_offsets[document + 1]):
            word = words[at]
            count += row_starts[word + 1] - row_starts[word]
            for place in range(row_starts[word], row_starts[word + 1]):
                row = rows[place]
                for n in range(dimensions):
                    total[n] += matrix[row, n]
        num_rows[document] = count
        if count:
            scale = np.float32(1.0 / count)
            for n in range(dimensions):
                total[n] *= scale
    return vectors, num_rows


@kernel
def _entry(text, start, end, code, slots, entries, entry_starts):
    """The dictionary's entry of a word, or -1."""
    slot = code & (len(slots) - 1)
    while slots[slot] >= 0:
        entry = slots[slot]
        begin, length = entry_starts[entry], end - start
        if entry_starts[entry + 1] - begin == length and same(text, start, entries, begin, length):
            return entry
        slot = (slot + 1) & (len(slots) - 1)
    return -1


@kernel
def _ngram_buckets(text, start, end, lengths, buckets, kept, found, at):
    """Writes the buckets that have a row of the n-grams of `<word>` from byte `start` to `end`."""
    shortest, longest = lengths
    for begin in range(start, end):
        if (text[begin] & 0xC0) == 0x80:
            continue
        code, next_byte = HASH_BASIS, begin
        for length in range(1, longest + 1):
            if next_byte >= end:
                break
            code = hash_on(code, text[next_byte])
            next_byte += 1
            while next_byte < end and (text[next_byte] & 0xC0) == 0x80:
                code = hash_on(code, text[next_byte])
                next_byte += 1
            bracket = length == 1 and (begin == start or next_byte == end)
            if length >= shortest and not bracket:
                bucket = code % buckets
                found[at] = bucket
                # Written in any case: a branch would be mispredicted for many.
                at += not len(kept) or kept[bucket >> 3] >> (bucket & 7) & 1
    return at
