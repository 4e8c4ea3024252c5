"""The rows of a fastText model's matrix that a word is: its own, if the model knows it, and those
of its n-grams of characters (arXiv:1607.04606, section 3.2), hashed into buckets.

E entries of the dictionary.
"""

from typing import NamedTuple

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.fasttext_words import HASH_BASIS, hash_on, same
from corpus.kernels.intrinsics import count_bits, load64

_LABEL = np.frombuffer(b"__label__".ljust(16, b"\0"), "<u8").astype(np.uint64)
KEY_BYTES = 16
_MASKS = np.array(  # of a word's first and second 8 bytes, by its length
    [[2 ** (8 * min(n, 8)) - 1, 2 ** (8 * max(n - 8, 0)) - 1] for n in range(KEY_BYTES + 1)],
    np.uint64,
)
_MIX, _SPREAD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
_ONE, _SIX, _LOW = np.uint64(1), np.uint32(6), np.uint32(63)


class Sizes(NamedTuple):
    """A model's numbers."""

    num_words: int  # entries from there on are labels
    buckets: int  # that n-grams are hashed into
    shortest: int  # n-gram, in characters, at least 1
    longest: int  # 0: there are none


class Dictionary(NamedTuple):
    """What turns words into rows: the words' come first, then the buckets' in their order."""

    sizes: Sizes
    slots: np.ndarray  # [power of 2] int32: an entry by hash, or -1
    text: np.ndarray  # uint8
    starts: np.ndarray  # [E + 1] int64
    kept: np.ndarray  # [buckets / 64] uint64 bits of buckets that have a row, or none: all have
    ranks: np.ndarray  # [buckets / 64] int32: buckets kept before each 64


@kernel
def add_characters(line, start, end, is_ascii, characters, count):
    """Writes the characters of the word from byte `start` to `end` of `line` to `characters`,
    uint32, from `count` on; where they end. Of a character the first byte is the lowest.
    """
    if is_ascii:
        # As many whatever the word's length: a loop to its end would be mispredicted.
        for number in range(KEY_BYTES + 2):
            characters[count + number] = line[start + number]
        return count + end - start
    while start < end:
        lead = line[start]
        size = 1 + np.int64(lead >= 0xC0) + np.int64(lead >= 0xE0) + np.int64(lead >= 0xF0)
        packed = load64(line, start)
        characters[count] = np.uint32(packed & (_ONE << np.uint64(8 * size)) - _ONE)
        start += size
        count += 1
    return count


@kernel
def hash_ngrams(characters, count, sizes, codes, buckets):
    """Writes the buckets of all n-grams of `count` characters, those across words among them, to
    `buckets` [lengths, room] uint32, by their length and where they begin.

    Length by length, for so the loops are over many numbers at once in the processor's vectors.
    `codes` is room for the hashes. There must be room for `longest` more than the characters.
    """
    widest = np.uint32(0)
    for at in range(count):
        codes[at] = HASH_BASIS
        widest |= characters[at]
    divisor = np.uint64(sizes.buckets)
    inverse = np.uint64(1 << 32) // max(divisor, np.uint64(1))
    for length in range(1, sizes.longest + 1):
        last = characters[length - 1 :]
        for shift in range(0, 32, 8):
            if not widest >> np.uint32(shift):
                break
            for at in range(count):
                byte = last[at] >> np.uint32(shift)
                code = hash_on(codes[at], byte)
                codes[at] = code if byte else codes[at]
        if length < sizes.shortest:
            continue
        found = buckets[length - sizes.shortest]
        for at in range(count):
            code = np.uint64(codes[at])
            # The quotient may be one too small, for the inverse is.
            rest = code - (code * inverse >> np.uint64(32)) * divisor
            found[at] = np.uint32(min(rest, rest - divisor))


@kernel
def ngram_rows(buckets, begins, stop, first, last, sizes, kept, ranks, rows, at):
    """Writes the rows of the n-grams that begin at characters `begins` to `stop` of the word of
    characters `first` to `last` to `rows`, int32, from `at` on; where they end. There must be room
    for `longest` a character.
    """
    found, all_kept, lengths = at, len(kept) == 0, len(buckets)
    for begin in range(begins, stop):
        fitting = last - begin - sizes.shortest + 1
        is_bracket = begin == first or begin + 1 == last  # which alone is no n-gram
        for number in range(1 if is_bracket and sizes.shortest == 1 else 0, lengths):
            bucket = buckets[number, begin]
            rows[at] = bucket
            # Written in any case: a branch would be mispredicted for many.
            has_row = _ONE if all_kept else kept[bucket >> _SIX] >> np.uint64(bucket & _LOW)
            at += np.int64(has_row & _ONE) & np.int64(number < fitting)
    for place in range(found, at):
        bucket = np.uint32(rows[place])
        if not all_kept:
            below = kept[bucket >> _SIX] & ((_ONE << np.uint64(bucket & _LOW)) - _ONE)
            bucket = ranks[bucket >> _SIX] + np.int64(count_bits(below))
        rows[place] = sizes.num_words + bucket
    return at


@kernel
def mix(low, high):
    """A hash of a word's first 16 bytes as two uint64: 0 beyond its end."""
    return (low + high * _MIX) * _SPREAD


@kernel
def find_entry(low, high, text, start, end, slots, entries, starts):
    """The dictionary's entry of the word from byte `start` to `end` of `text`, or -1; `low` and
    `high` are its `first_bytes`.
    """
    slot = first_slot(mix(low, high), len(slots))
    found = -1
    while slots[slot] >= 0 and found < 0:
        entry = slots[slot]
        begin, length = starts[entry], end - start
        if starts[entry + 1] - begin == length and same(text, start, entries, begin, length):
            found = entry
        slot = (slot + 1) & (len(slots) - 1)
    return found


@kernel
def is_label(low, high):
    """Whether a word of these `first_bytes` is marked as a label, which is no word."""
    return low == _LABEL[0] and high & np.uint64(0xFF) == _LABEL[1]


@kernel
def first_slot(code, num_slots):
    return np.int64(code >> np.uint64(40)) & (num_slots - 1)


@kernel
def index_entries(text: np.ndarray, starts: np.ndarray, num_slots: int) -> np.ndarray:
    """[num_slots, a power of 2] int32: entries by hash, or -1.

    `text` uint8, with 16 bytes behind the last; `starts` [E + 1] int64.
    """
    slots = np.full(num_slots, -1, np.int32)
    for entry in range(len(starts) - 1):
        code = mix(*first_bytes(text, starts[entry], starts[entry + 1] - starts[entry]))
        slot = first_slot(code, num_slots)
        while slots[slot] >= 0:
            slot = (slot + 1) & (num_slots - 1)
        slots[slot] = entry
    return slots


@kernel
def first_bytes(text, start, size):
    """The first 16 bytes of a word of `size` as two uint64, 0 beyond its end."""
    low, high = load64(text, start), load64(text, start + 8)
    size = min(size, KEY_BYTES)
    return low & _MASKS[size, 0], high & _MASKS[size, 1]
