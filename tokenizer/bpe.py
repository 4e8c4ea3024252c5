"""A SentencePiece BPE model for the compiled kernels, read from its file.

LLaMA's model, and all that tokenizer/train.py makes, fit the kernels. For one that does not,
BpeModel says why; the library itself then encodes.
"""

import struct

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import sentencepiece_model as sp
from corpus.annotate.model_file import MisfitError
from corpus.errors import DataError
from corpus.kernels.bpe import (
    ASCII,
    JOINED_BITS,
    NONE,
    PAGE_BITS,
    ROW_BYTES,
    ROWS,
    SPACE_SYMBOL,
    Memory,
    Model,
    encode,
    has_space_symbol,
    joined_at,
    spaced,
)
from corpus.kernels.bpe_merge import EMPTY, RANK_BITS, SMALL, Scratch, pair_slot
from corpus.ragged import utf8_bytes

_SPACE = "\u2581"
_CODE_POINTS = 0x110000
_MOST_BYTES = 2**31 - 1  # of a text: places in a chunk are int32


class BpeModel:
    """The pieces of a model; MisfitError where only the library can encode with it.

    `content` is the bytes of a file that the library has loaded. Holds 8 MB of remembered chunks,
    which grow no further; one thread at a time.
    """

    def __init__(self, content: bytes) -> None:
        rows, trainer, normalizer = sp.read_model_file(content)
        _check(trainer, normalizer)
        self._model = _model(rows)
        self._has_space = 0 <= self._model.symbols[self._model.pages[0] + 32] < len(rows)
        raw = np.zeros((ROWS, ROW_BYTES), np.uint8)
        self._memory = Memory(raw.view(np.int32), raw, raw.view(np.uint64))
        self._scratch = Scratch(np.empty(SMALL + 1, np.int32), np.empty(SMALL + 1, np.int64))

    def encode(
        self, texts: pa.Array, begin: int, end: int, dtype: np.dtype
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ids of valid UTF-8 texts without nulls, and offsets; `begin` and `end` around each."""
        text, starts = spaced(*utf8_bytes(texts))
        if len(starts) > 1 and np.diff(starts).max() > _MOST_BYTES:
            raise DataError(f"a text has over {_MOST_BYTES:,} bytes; cut it before")
        if has_space_symbol(text):
            texts = pc.replace_substring(texts, _SPACE, " ")
            text, starts = spaced(*utf8_bytes(texts))
        room = len(text) if self._has_space else len(SPACE_SYMBOL) * len(text)
        ids = np.empty(room + 2 * len(texts), dtype)
        id_offsets = encode(text, starts, begin, end, self._model, self._memory, self._scratch, ids)
        return ids[: id_offsets[-1]].copy(), id_offsets


def _check(trainer: dict, normalizer: dict) -> None:
    if trainer.get(sp.MODEL_TYPE) != sp.BPE:
        raise MisfitError("it is no BPE model")
    if not trainer.get(sp.BYTE_FALLBACK):
        raise MisfitError("it does not fall back to bytes")
    if trainer.get(sp.SUFFIX):
        raise MisfitError("it has spaces after words")
    if normalizer.get(sp.CHARSMAP) or normalizer.get(sp.EXTRA_SPACES, 1):
        raise MisfitError("it normalises texts")
    if not (normalizer.get(sp.DUMMY_PREFIX, 1) and normalizer.get(sp.ESCAPE, 1)):
        raise MisfitError("it puts no space before a text, or no symbol for spaces")


def _model(rows: list[dict]) -> Model:
    pieces: dict[str, int] = {}
    byte_ids = np.full(256, NONE, np.int32)
    scores = np.zeros(len(rows), np.float32)
    for piece, row in enumerate(rows):
        kind, text = row.get(sp.TYPE, sp.NORMAL), _text(piece, row)
        if kind == sp.NORMAL:
            if " " in text:
                raise MisfitError("a piece has a plain space")
            pieces[text.replace(_SPACE, " ")] = piece
            if sp.SCORE in row:
                (scores[piece],) = struct.unpack("<f", row[sp.SCORE])
        elif kind == sp.BYTE:
            byte_ids[int(text[1:-1], 16)] = piece
        elif kind not in (sp.UNKNOWN, sp.CONTROL) or len(text) == 1:
            raise MisfitError("it has pieces of its own making, or unused ones")
    if (byte_ids == NONE).any() or not np.isfinite(scores).all():
        raise MisfitError("it lacks the piece of a byte, or a score")
    if len(rows) >= 1 << RANK_BITS:
        raise MisfitError("it has too many pieces")
    symbols = dict(pieces)  # and the characters of pieces that are none themselves
    for text in pieces:
        for character in text:
            symbols.setdefault(character, len(rows) + len(symbols) - len(pieces))
    pages, page_symbols = _pages(symbols)
    ascii_joined, joined = _joined(pieces)
    sizes = np.zeros(len(rows) + len(symbols) - len(pieces), np.int32)
    for text, symbol in symbols.items():
        sizes[symbol] = len(text.encode())
    pairs = _pairs(pieces, symbols, scores)
    return Model(pages, page_symbols, ascii_joined, joined, pairs, sizes, byte_ids, len(rows))


def _text(piece: int, row: dict) -> str:
    try:
        return row[sp.TEXT].decode()
    except UnicodeDecodeError:
        raise MisfitError(f"its piece {piece} ({row[sp.TEXT]!r}) is no valid UTF-8") from None


def _pages(symbols: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """By code points' upper bits the place of their page; and the pages, the first all NONE."""
    width = 1 << PAGE_BITS
    pages = np.zeros(_CODE_POINTS >> PAGE_BITS, np.int32)
    characters = {ord(text): symbol for text, symbol in symbols.items() if len(text) == 1}
    upper = sorted({code >> PAGE_BITS for code in characters})
    pages[upper] = np.arange(1, len(upper) + 1) * width
    page_symbols = np.full((len(upper) + 1) * width, NONE, np.int32)
    for code, symbol in characters.items():
        page_symbols[pages[code >> PAGE_BITS] + code % width] = symbol
    return pages, page_symbols


def _joined(pieces: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Which characters some piece holds side by side."""
    both = {text[at : at + 2] for text in pieces for at in range(len(text) - 1)}
    codes = np.array([[ord(pair[0]), ord(pair[1])] for pair in both], np.int64).reshape(-1, 2)
    ascii_joined = np.zeros(ASCII * ASCII, np.bool_)
    plain = codes[(codes < ASCII).all(axis=1)]
    ascii_joined[plain[:, 0] * ASCII + plain[:, 1]] = True
    joined = np.zeros(1 << JOINED_BITS, np.bool_)
    joined[joined_at(codes[:, 0], codes[:, 1])] = True
    return ascii_joined, joined


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Places of scores, the best 0; equal ones share theirs. To the library 0.0 is above -0.0."""
    bits = scores.view(np.int32).astype(np.int64)
    ordered = np.where(bits < 0, -(bits & 0x7FFFFFFF) - 1, bits)
    return np.unique(-ordered, return_inverse=True)[1]


def _pairs(pieces: dict[str, int], symbols: dict[str, int], scores: np.ndarray) -> np.ndarray:
    """The hash table of the two symbols that any piece can be joined of."""
    ranks = _ranks(scores)
    found = []
    for text, piece in pieces.items():
        for cut in range(1, len(text)):
            left, right = symbols.get(text[:cut]), symbols.get(text[cut:])
            if left is not None and right is not None:
                found.append((left, right, int(ranks[piece]) << 32 | piece))
    rows = np.array(found, np.int64).reshape(-1, 3).astype(np.uint64)
    slots = 1 << (2 * len(rows) + 1).bit_length()
    table = np.full((slots, 2), EMPTY, np.uint64)
    taken = [NONE] * slots
    for row, slot in enumerate(pair_slot(rows[:, 0], rows[:, 1], slots).tolist()):
        while taken[slot] != NONE:
            slot = (slot + 1) % slots
        taken[slot] = row
    filled = np.array(taken) != NONE
    order = np.array(taken)[filled]
    table[filled, 0] = rows[order, 0] << np.uint64(32) | rows[order, 1]
    table[filled, 1] = rows[order, 2]
    return table
