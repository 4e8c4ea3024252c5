"""A SentencePiece unigram model for the compiled kernels, read from its file.

The file is a protocol buffer (sentencepiece_model.proto); the few fields read are named below.
CCNet's models, and all that SentencePiece's trainer makes by default, fit the kernels. For one that
does not, UnigramModel says why; the library itself then segments.
"""

import struct
from typing import NamedTuple

import numpy as np

from corpus import sentencepiece_model as sp
from corpus.annotate.lm_lines import Bytes
from corpus.annotate.model_file import MisfitError
from corpus.kernels.byte_trie import BASE, build_trie
from corpus.kernels.charsmap import OTHER, PLAIN, SPACE, rewrite
from corpus.kernels.unigram import (
    PIECE_BITS,
    ROW_BYTES,
    ROWS,
    Memory,
    Pieces,
    encode,
)

_SPACE_SYMBOL = "\u2581".encode()
_UNKNOWN_PENALTY = np.float32(10)
_LABEL, _HAS_LEAF = 0x800000FF, 0x100  # of a unit of the character map


class Encoded(NamedTuple):
    """Pieces of normalised texts, and the bytes of those that are unknown."""

    ids: np.ndarray
    offsets: np.ndarray
    unknown: np.ndarray  # (n, 2): start and end in text, of each UNKNOWN in turn
    text: np.ndarray


class UnigramModel:
    """The pieces of a model; MisfitError where only the library can encode with it.

    `content` is the bytes of a file that the library has loaded.
    """

    def __init__(self, content: bytes) -> None:
        rows, trainer, normalizer = sp.read_model_file(content)
        _check(trainer, normalizer)
        self.texts = Bytes.join([row[sp.TEXT] for row in rows])
        self._units, self._replacements = _charsmap(normalizer.get(sp.CHARSMAP, b""))
        self._kinds = _kinds(self._units)
        self._pieces = _pieces(rows)
        raw = np.zeros((ROWS, ROW_BYTES), np.uint8)
        self._memory = Memory(raw.view(np.int32), raw, raw.view(np.uint64))

    def encode(self, lines: Bytes) -> Encoded:
        text, offsets = rewrite(
            lines.values, lines.offsets, self._units, self._replacements, self._kinds
        )
        ids, id_offsets, unknown = encode(text, offsets, self._pieces, self._memory)
        return Encoded(ids, id_offsets, unknown, text)


def _check(trainer: dict, normalizer: dict) -> None:
    if trainer.get(sp.MODEL_TYPE, sp.UNIGRAM) != sp.UNIGRAM:
        raise MisfitError("it is no unigram model")
    if trainer.get(sp.BYTE_FALLBACK):
        raise MisfitError("it falls back to bytes")
    if trainer.get(sp.SUFFIX):
        raise MisfitError("it has spaces after words")
    if not all(normalizer.get(field, 1) for field in (sp.DUMMY_PREFIX, sp.EXTRA_SPACES, sp.ESCAPE)):
        raise MisfitError("it keeps white space as it is")


def _pieces(rows: list[dict]) -> Pieces:
    keys, scores = [], np.zeros(len(rows), np.float32)
    for piece, row in enumerate(rows):
        kind, text = row.get(sp.TYPE, sp.NORMAL), row[sp.TEXT]
        if kind in (sp.USER_DEFINED, sp.BYTE):
            raise MisfitError("it has pieces of its own making, or bytes")
        if _SPACE_SYMBOL in text[1:]:
            raise MisfitError("it has pieces that go over a space")
        # A plain space stands for the symbol here, and no text has one of its own.
        mine = kind == sp.NORMAL and b" " not in text
        keys.append(text.replace(_SPACE_SYMBOL, b" ") if mine else b"")
        if sp.SCORE in row:
            (scores[piece],) = struct.unpack("<f", row[sp.SCORE])
    normal = scores[[len(key) > 0 for key in keys]]
    if not len(normal) or not np.isfinite(normal).all():
        raise MisfitError("its scores are no numbers")
    unknown = normal.min() - _UNKNOWN_PENALTY
    widest = float(max(abs(unknown), np.abs(normal).max()))
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), np.int32)
    units, ends = build_trie(*Bytes.join([keys[piece] for piece in order]), scores[order])
    if len(units) > BASE:
        raise MisfitError("it has too many pieces")
    sizes = np.array(list(map(len, keys)), np.int64)
    found = order[ends].astype(np.int64)
    codes = np.where(ends < 0, 0, sizes[found] << PIECE_BITS | found + 1)
    return Pieces(units, codes, scores, int(sizes.max()), float(unknown), widest)


def _charsmap(blob: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The double array, and the zero-ended strings its values are places in."""
    size = int.from_bytes(blob[:4], "little")
    units = np.frombuffer(bytearray(blob[4 : 4 + size]), np.uint32)
    replacements = blob[4 + size :]
    if _SPACE_SYMBOL in replacements:
        raise MisfitError("it normalises to a space symbol")
    return units, np.frombuffer(bytearray(replacements), np.uint8)


def _kinds(units: np.ndarray) -> np.ndarray:
    """PLAIN or SPACE of each ASCII byte that no key is alone, or begins with before another."""
    kinds = np.full(256, OTHER, np.uint8)
    kinds[1:128] = PLAIN
    kinds[ord(" ")] = SPACE
    if len(units):
        root = _children(units[0])
        for byte in range(1, 128):
            unit = units[root ^ byte]
            if unit & _LABEL == byte:
                below = root ^ byte ^ _children(unit)
                longer = any(units[below ^ label] & _LABEL == label for label in range(1, 128))
                if longer or unit & _HAS_LEAF:
                    kinds[byte] = OTHER
    return kinds


def _children(unit: np.uint32) -> int:
    return (int(unit) >> 10) << ((int(unit) & 1 << 9) >> 6)
