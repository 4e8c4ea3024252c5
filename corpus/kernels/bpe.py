"""SentencePiece's BPE segmentation (arXiv:1508.07909), as its library does it to the id.

The library joins neighbours into pieces, always those that make the best-scored piece, of equal
ones the first. So where no piece of the model holds two characters side by side, nothing is ever
joined across a place between them, and what is left and right of it can be done apart. Texts are
cut at all such places: with LLaMA's settings these are before a run of spaces, at line ends, around
digits and between scripts. The chunks are words and signs, and recur: they are remembered by their
bytes.

In the bytes here a space stands for U+2581, which the library puts for every space.
"""

from typing import NamedTuple

import numpy as np

from corpus.kernels import inner, kernel
from corpus.kernels.bpe_merge import SMALL, merge_large, merge_small
from corpus.kernels.intrinsics import load64
from corpus.kernels.unigram_words import first_bytes

NONE = -1
ROW_BITS = 17  # of the memory's rows
ROWS, ROW_BYTES = 1 << ROW_BITS, 64  # a row is a cache line
ASCII = 128
JOINED_BITS = 20
PAGE_BITS = 8
SPACE_SYMBOL = (0xE2, 0x96, 0x81)  # U+2581
PADDING = 8  # bytes behind the texts: 8 are read at once
_CHUNK_BYTES, _CHUNK_IDS = 24, 8  # what a row has room for
_IDS_AT = 8
_HASH, _SECOND_HASH = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


class Model(NamedTuple):
    """A model's pieces. A symbol is a piece's id, or a number above for a character without one
    that is part of a piece; NONE is a character that no piece holds."""

    pages: np.ndarray  # int32: of a code point's upper bits, the first of its page in `symbols`
    symbols: np.ndarray  # int32, by page and code point's lower 8 bits
    ascii_joined: np.ndarray  # bool, (left * 128 + right): some piece holds these side by side
    joined: np.ndarray  # bool, by `joined_at`; also true for some that no piece holds
    pairs: np.ndarray  # uint64, (slots, 2): see bpe_merge
    sizes: np.ndarray  # int32, bytes of a symbol
    byte_ids: np.ndarray  # int32: the id of each byte
    vocab_size: int


class Memory(NamedTuple):
    """Chunks met, one buffer in three views; zeros at first.

    A row is the chunk's bytes and ids (both uint8), from byte 8 on the chunk, from cell 8 its ids.
    """

    cells: np.ndarray  # int32, (ROWS, 16)
    raw: np.ndarray  # uint8, (ROWS, 64)
    blocks: np.ndarray  # uint64, (ROWS, 8)


def joined_at(left, right):
    """The place of two code points, or of arrays of them, in `joined`."""
    mixed = np.uint64(left) * np.uint64(_HASH) ^ np.uint64(right) * np.uint64(_SECOND_HASH)
    return np.int64(mixed >> np.uint64(64 - JOINED_BITS))


_joined_at = inner(joined_at)


@kernel
def spaced(values, offsets):
    """Copies texts with a space before each that is not empty; gives bytes and offsets."""
    texts = len(offsets) - 1
    text = np.empty(offsets[texts] - offsets[0] + texts + PADDING, np.uint8)
    starts = np.zeros(texts + 1, np.int64)
    size = np.int64(0)
    for row in range(texts):
        start, end = offsets[row], offsets[row + 1]
        if end > start:
            text[size] = ord(" ")
            room = text[size + 1 :]  # of a view LLVM knows that no index is negative
            for at in range(end - start):
                room[at] = values[start + at]
            size += 1 + end - start
        starts[row + 1] = size
    for at in range(PADDING):
        text[size + at] = 0
    return text[: size + PADDING], starts


@kernel
def has_space_symbol(text):
    """Whether U+2581 is in a text that has PADDING behind it."""
    found = False
    for at in range(len(text) - PADDING):
        here = text[at] == SPACE_SYMBOL[0]
        found |= here & (text[at + 1] == SPACE_SYMBOL[1]) & (text[at + 2] == SPACE_SYMBOL[2])
    return found


@kernel
def encode(text, offsets, begin, end, model, memory, scratch, ids):
    """Writes the ids of the texts `text[offsets[i]:offsets[i + 1]]`, `begin` and `end` around each.

    Gives the ids' offsets, one more than texts. `ids` has room for two a text and one a byte, three
    where a space is no piece; `text` has PADDING behind it.
    """
    id_offsets = np.zeros(len(offsets), np.int64)
    out = np.int64(0)
    for row in range(len(offsets) - 1):
        ids[out] = begin
        out += 1
        at, last = offsets[row], offsets[row + 1]
        while at < last:
            stop, symbol = _chunk(text, at, last, model)
            if symbol != NONE - 1:  # one character
                out = _put(text, at, stop, symbol, model, ids, out)
                at = stop
                continue
            length = stop - at
            if length <= _CHUNK_BYTES:
                slot = _slot(text, at, stop)
                found = _find(text, at, stop, slot, memory)
                if found >= 0:
                    for step in range(np.int64(memory.raw[found, 1])):
                        ids[out + step] = memory.cells[found, _IDS_AT + step]
                    out += np.int64(memory.raw[found, 1])
                    at = stop
                    continue
            first = out
            if length <= SMALL:
                count = _symbols(text, at, stop, model, scratch.symbols)
                count = merge_small(count, model.pairs, scratch)
                out = _put_all(text, at, stop, scratch.symbols, model, ids, out)
            else:
                symbols = np.empty(length, np.int32)
                count = _symbols(text, at, stop, model, symbols)
                merge_large(count, model.pairs, symbols)
                out = _put_all(text, at, stop, symbols, model, ids, out)
            if length <= _CHUNK_BYTES and out - first <= _CHUNK_IDS:
                _keep(text, at, stop, slot, ids, first, out, memory)
            at = stop
        ids[out] = end
        out += 1
        id_offsets[row + 1] = out
    return id_offsets


@inner
def _chunk(text, at, last, model):
    """Where a chunk ends; and its symbol where it is one character, else NONE - 1."""
    left, stop = _character(text, at)
    after = stop
    while after < last:
        right = np.int64(text[after])
        if left < ASCII and right < ASCII:
            if not model.ascii_joined[left * ASCII + right]:
                break
            after += 1
        else:
            right, beyond = _character(text, after)
            if not model.joined[_joined_at(left, right)]:
                break
            after = beyond
        left = right
    if after == stop:
        page = model.pages[left >> PAGE_BITS]
        return after, np.int64(model.symbols[page + (left & ((1 << PAGE_BITS) - 1))])
    return after, np.int64(NONE - 1)


@inner
def _character(text, at):
    """The code point at a place, and where it ends."""
    lead = np.int64(text[at])
    if lead < 0x80:
        return lead, at + 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | (text[at + 1] & 0x3F), at + 2
    second = np.int64(text[at + 1] & 0x3F)
    third = np.int64(text[at + 2] & 0x3F)
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | second << 6 | third, at + 3
    return (lead & 7) << 18 | second << 12 | third << 6 | np.int64(text[at + 3] & 0x3F), at + 4


@inner
def _symbols(text, at, stop, model, symbols):
    """Writes the symbols of a chunk's characters; gives their number."""
    count = np.int64(0)
    while at < stop:
        code, at = _character(text, at)
        page = model.pages[code >> PAGE_BITS]
        symbols[count] = model.symbols[page + (code & ((1 << PAGE_BITS) - 1))]
        count += 1
    return count


@inner
def _put_all(text, at, stop, symbols, model, ids, out):
    """Writes the ids of a chunk's symbols, one after another; gives where they end."""
    step = np.int64(0)
    while at < stop:
        symbol = np.int64(symbols[step])
        if symbol == NONE:
            _, after = _character(text, at)
        else:
            after = at + model.sizes[symbol]
        out = _put(text, at, after, symbol, model, ids, out)
        at = after
        step += 1
    return out


@inner
def _put(text, at, stop, symbol, model, ids, out):
    """Writes a symbol's id, or those of its bytes; gives where they end."""
    if NONE < symbol < model.vocab_size:
        ids[out] = symbol
        return out + 1
    if text[at] == ord(" "):
        for byte in SPACE_SYMBOL:
            ids[out] = model.byte_ids[byte]
            out += 1
        return out
    for place in range(at, stop):
        ids[out] = model.byte_ids[text[place]]
        out += 1
    return out


@inner
def _slot(text, at, stop):
    """A chunk's row in the memory."""
    mixed = np.uint64(stop - at)
    while at + 8 <= stop:
        mixed = np.uint64((mixed ^ load64(text, at)) * np.uint64(_HASH))
        mixed = np.uint64(mixed ^ mixed >> np.uint64(32))
        at += 8
    mixed = np.uint64((mixed ^ first_bytes(text, at, stop)) * np.uint64(_HASH))
    return np.int64(mixed >> np.uint64(64 - ROW_BITS))


@inner
def _find(text, at, stop, slot, memory):
    """The row of a chunk, its own or the next, or -1."""
    for row in (slot, slot ^ 1):
        if memory.raw[row, 0] == stop - at:
            place, column = at, 1
            while place + 8 <= stop and load64(text, place) == memory.blocks[row, column]:
                place += 8
                column += 1
            if place == stop:
                return row
            if place + 8 > stop and first_bytes(text, place, stop) == memory.blocks[row, column]:
                return row
    return np.int64(-1)


@inner
def _keep(text, at, stop, slot, ids, first, out, memory):
    """Writes a chunk's ids to its row; what was there goes to the next."""
    for column in range(memory.blocks.shape[1]):
        memory.blocks[slot ^ 1, column] = memory.blocks[slot, column]
    memory.raw[slot, 0] = stop - at
    memory.raw[slot, 1] = out - first
    column = 1
    while at + 8 <= stop:
        memory.blocks[slot, column] = load64(text, at)
        at += 8
        column += 1
    if at < stop:
        memory.blocks[slot, column] = first_bytes(text, at, stop)
    for step in range(out - first):
        memory.cells[slot, _IDS_AT + step] = ids[first + step]
