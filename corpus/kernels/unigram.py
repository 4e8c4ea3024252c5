"""SentencePiece's unigram segmentation (arXiv:1804.10959), as its library does it to the bit.

The library's Viterbi search adds float32 scores from the start of a text, so that far into a long
one rounding decides between segmentations nearly as good. No piece goes over a space, so each
word's best pieces depend on what came before by rounding alone. They are remembered with the score
down to which rounding cannot undo the margin by which they won. Beyond it, and of a word too long
to remember, the search runs anew from the score so far.

A text is what `charsmap.rewrite` gives: every word begins with a space.
"""

from typing import NamedTuple

import numpy as np

from corpus.kernels import inner, kernel
from corpus.kernels.byte_trie import BASE, LABEL, LABEL_BITS, NO_KEY, NONE
from corpus.kernels.intrinsics import load64
from corpus.kernels.unigram_words import ROW_BITS, find_word, first_bytes

UNKNOWN = NONE
ROWS, ROW_BYTES = 1 << ROW_BITS, 128  # a row is two cache lines
_RESET = 100_000.0  # where the library takes the score so far off all paths
_WORD_BYTES, _WORD_PIECES = 56, 16  # what a row has room for
_PIECES_AT = 16
_WINDOW, _STEPS = 1024, 1024  # bytes and pieces: more than a word to remember has
_CHARACTER_BYTES = 4  # at most
PIECE_BITS = 24
_PIECE = (1 << PIECE_BITS) - 1


class Pieces(NamedTuple):
    """A model: a trie of the pieces, with a space for U+2581; piece i has `scores[i]`."""

    units: np.ndarray  # uint64
    ends: np.ndarray  # int64: the piece that ends at a unit, as `bytes << 24 | piece + 1`
    scores: np.ndarray  # float32
    most_bytes: int  # of a piece
    unknown_score: float
    widest: float  # no score is further from 0


class Memory(NamedTuple):
    """Words met, one buffer in three views; zeros at first.

    A row is the limit (int32), bytes and pieces of the word (uint8), from byte 8 on the word
    without its space, and from cell 16 on its pieces' ends in it, as `end << 24 | piece + 1`.
    """

    cells: np.ndarray  # int32, (ROWS, 32)
    raw: np.ndarray  # uint8, (ROWS, 128)
    blocks: np.ndarray  # uint64, (ROWS, 16)


class _Paths(NamedTuple):
    """The search's state, by places: a word's bytes and its end.

    Scores are of a window only, which moves along a long word: none is asked for again that a
    piece no longer reaches.
    """

    best: np.ndarray  # score of the best path that ends here, or minus infinity
    second: np.ndarray  # of the next best one that ends here by another piece
    last: np.ndarray  # int32: the best path's last piece, its unit, or minus the bytes of none
    path: np.ndarray  # int64: some of the best path's steps, `end << 24 | piece + 1`


@kernel
def encode(text, offsets, pieces, memory):
    """The pieces of the texts `text[offsets[i]:offsets[i + 1]]`.

    Gives ids (int32), UNKNOWN for a run of characters without a piece; the ids' offsets, one more
    than texts; and of each UNKNOWN in turn the bytes' start and end.
    """
    longest = np.int64(0)
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    width = min(longest, _WINDOW + max(pieces.most_bytes, _CHARACTER_BYTES)) + 1
    paths = _Paths(
        np.empty(width),
        np.empty(width),
        np.empty(longest + 1, np.int32),
        np.empty(_STEPS, np.int64),
    )
    ids = np.empty(len(text), np.int32)
    id_offsets = np.zeros(len(offsets), np.int64)
    runs = np.empty((64, 2), np.int64)
    out, num_runs = np.int64(0), np.int64(0)
    for row in range(len(offsets) - 1):
        at, end = offsets[row], offsets[row + 1]
        first, score = out, np.float32(0)
        while at < end:
            stop, slot = find_word(text, at)
            found, reached = np.int64(-1), 0.0
            if stop - at <= _WORD_BYTES:
                found = _find(text, at, stop, slot, memory)
                if found < 0:
                    found = _learn(text, at, stop, slot, pieces, memory, paths)
            known = found >= 0 and abs(score) <= memory.cells[found, 0]
            if not known:
                _, reached = _search(text, at, stop, np.float64(score), True, pieces, paths)
                _turn(paths, stop - at, pieces.ends)
                steps = _follow(paths, np.int64(0), stop - at, pieces.ends)
            else:
                steps = np.int64(memory.raw[found, 5])
                for step in range(steps):
                    paths.path[step] = memory.cells[found, _PIECES_AT + step]
            start = at
            while steps > 0:
                for step in range(steps):
                    code = paths.path[step]
                    piece, after = (code & _PIECE) - 1, at + (code >> PIECE_BITS)
                    if piece != UNKNOWN:
                        score = score + pieces.scores[piece]
                    else:
                        score = score + np.float32(pieces.unknown_score)
                        if out > first and ids[out - 1] == UNKNOWN:
                            out -= 1
                        else:
                            if num_runs == len(runs):
                                runs = np.concatenate((runs, np.empty_like(runs)))
                            runs[num_runs, 0] = start
                            num_runs += 1
                        runs[num_runs - 1, 1] = after
                    ids[out] = piece
                    out += 1
                    start = after
                steps = np.int64(0) if known else _follow(paths, start - at, stop - at, pieces.ends)
            if not known:
                score = np.float32(reached)  # not the sum of all where it was reset on the way
            at = stop
        id_offsets[row + 1] = out
    return ids[:out], id_offsets, runs[:num_runs]


@inner
def _find(text, at, stop, slot, memory):
    """The row of a word, its own or the next, or -1."""
    for row in (slot, slot ^ 1):
        if memory.raw[row, 4] == stop - at:
            place, column = at + 1, 1
            while place + 8 <= stop and load64(text, place) == memory.blocks[row, column]:
                place += 8
                column += 1
            if place + 8 > stop and first_bytes(text, place, stop) == memory.blocks[row, column]:
                return row
    return np.int64(-1)


@inner
def _learn(text, at, stop, slot, pieces, memory, paths):
    """Writes a word's best pieces to its row and gives it; -1 where they are not for a row."""
    characters, _ = _search(text, at, stop, 0.0, False, pieces, paths)
    length = stop - at
    _turn(paths, length, pieces.ends)
    steps = _follow(paths, np.int64(0), length, pieces.ends)
    if steps > _WORD_PIECES:
        return np.int64(-1)
    margin = np.inf
    for step in range(steps):
        place = paths.path[step] >> PIECE_BITS
        margin = min(margin, paths.best[place] - paths.second[place])
    # Two sums of as many float32 terms as characters, from a score s, are each within
    # characters * (|s| + reach) / 2^24 of their exact values.
    reach = characters * pieces.widest
    limit = min(margin * 2.0**23 / characters, _RESET) - reach - 1.0
    for column in range(memory.blocks.shape[1]):
        memory.blocks[slot ^ 1, column] = memory.blocks[slot, column]
    memory.cells[slot, 0] = max(np.int64(limit), np.int64(-1))
    memory.raw[slot, 4] = length
    memory.raw[slot, 5] = steps
    place, column = at + 1, 1
    while place + 8 <= stop:
        memory.blocks[slot, column] = load64(text, place)
        place += 8
        column += 1
    memory.blocks[slot, column] = first_bytes(text, place, stop)
    for step in range(steps):
        memory.cells[slot, _PIECES_AT + step] = paths.path[step]
    return slot


@inner
def _search(text, at, stop, score, rounded, pieces, paths):
    """Fills `paths` for a word, from a score on; gives the word's characters and last score.

    `rounded`: to float32 at each step and reset as the library does; else as good as exact.
    A float64 sum of two float32, rounded to float32, is their float32 sum.
    """
    length = stop - at
    _forget(paths, np.int64(1), min(length + 1, len(paths.best)))
    paths.best[0] = score
    start = frontier = characters = base = np.int64(0)  # of the window: its first place
    while start < length:
        if start - base >= _WINDOW:
            for end in range(start, frontier + 1):
                paths.best[end - start] = paths.best[end - base]
                paths.second[end - start] = paths.second[end - base]
            _forget(paths, frontier + 1 - start, len(paths.best))
            base = start
        here = paths.best[start - base]
        if rounded and abs(here) > _RESET:
            for end in range(start - base, frontier - base + 1):
                paths.best[end] = np.float64(np.float32(paths.best[end] - here))
            here = 0.0
        after = start + min(_character_bytes(text[at + start]), length - start)
        whole = False
        place, node = start, np.int64(0)
        while place < length:
            byte = np.int64(text[at + place])
            unit = pieces.units[node ^ byte]
            if np.int64(unit & np.uint64(LABEL)) != byte:
                break
            place += 1
            bits = np.uint32(unit >> np.uint64(32))
            if bits != NO_KEY:
                whole |= place == after
                frontier = max(frontier, place)
                reached = here + bits.view(np.float32)
                _offer(paths, place, base, np.int32(node ^ byte), reached, rounded)
            node = np.int64(unit >> np.uint64(LABEL_BITS)) & BASE
        if not whole:
            frontier = max(frontier, after)
            reached = here + pieces.unknown_score
            _offer(paths, after, base, np.int32(start - after), reached, rounded)
        start = after
        characters += np.int64(1)
    return characters, paths.best[length - base]


@inner
def _forget(paths, first, last):
    for place in range(first, last):
        paths.best[place] = -np.inf
        paths.second[place] = -np.inf


@inner
def _offer(paths, place, base, piece, score, rounded):
    """A path that ends at a place; of equal ones the first stays."""
    score = np.float64(np.float32(score)) if rounded else score
    at = place - base
    if score > paths.best[at]:
        paths.second[at] = paths.best[at]
        paths.best[at] = score
        paths.last[place] = piece
    elif score > paths.second[at]:
        paths.second[at] = score


@inner
def _turn(paths, length, ends):
    """Makes the pieces of the best path, each kept where it ends, be kept where they begin."""
    place, piece = np.int64(length), paths.last[length]
    while place > 0:
        place -= ends[piece] >> PIECE_BITS if piece >= 0 else -np.int64(piece)
        before = paths.last[place]
        paths.last[place] = piece
        piece = before


@inner
def _follow(paths, place, length, ends):
    """Writes steps of the best path, turned, from a place on; gives their number."""
    steps = np.int64(0)
    while place < length and steps < len(paths.path):
        unit = np.int64(paths.last[place])
        code = ends[unit] if unit >= 0 else -unit << PIECE_BITS | UNKNOWN + 1
        place += code >> PIECE_BITS
        paths.path[steps] = place << PIECE_BITS | code & _PIECE
        steps += 1
    return steps


@inner
def _character_bytes(lead):
    """Of a UTF-8 character by its first byte, as the library reads it."""
    length = 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    return np.int64(length)
