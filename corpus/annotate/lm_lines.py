"""Texts as the lines CCNet's language models read, in one compiled pass over their bytes.

The map of every code point is made of `normalize_for_lm` itself, which also takes the rare texts
that a map cannot: where a capital sigma's neighbours, or the order of combining marks, decide.
"""

import functools
import sys
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from corpus.dedup.normalize import normalize_for_lm
from corpus.kernels.lm_text import ASK, KEEP, PAGES, normalize
from corpus.ragged import utf8_bytes

_CAPITAL_SIGMA = "\u03a3"
_SURROGATES = range(0xD800, 0xE000)
# Blocks of ideographs and private use, which nothing changes: half of the time to make the map.
_UNCHANGED = (range(0x3400, 0xA000), range(0xE000, 0xF900), range(0x20000, 0x2F800))
_UNCHANGED_PLANES = range(0x30000, 0xE0000), range(0xE1000, sys.maxunicode + 1)


class Bytes(NamedTuple):
    """Ragged UTF-8: item i is `values[offsets[i]:offsets[i + 1]]`."""

    values: np.ndarray  # uint8
    offsets: np.ndarray  # int64

    @staticmethod
    def join(parts: Sequence[bytes]) -> "Bytes":
        offsets = np.zeros(len(parts) + 1, np.int64)
        np.cumsum([len(part) for part in parts], out=offsets[1:])
        return Bytes(np.frombuffer(bytearray(b"".join(parts)), np.uint8), offsets)

    def spans(self) -> np.ndarray:
        """(items, 2): the start and end of each."""
        return np.stack([self.offsets[:-1], self.offsets[1:]], axis=1)


class _Map(NamedTuple):
    pages: np.ndarray
    entries: np.ndarray
    output: np.ndarray
    space: np.ndarray
    widest: int


def lines_of(texts: pa.Array, rows: np.ndarray) -> Bytes:
    """`normalize_for_lm` of the texts (string or large_string) in the rows given."""
    values, offsets = utf8_bytes(texts)
    lines, ends, asked = normalize(values, offsets[rows], offsets[rows + 1], *_map())
    if asked.any():
        return _with_asked(texts, rows, Bytes(lines, ends), asked)
    return Bytes(lines, ends)


def _with_asked(texts: pa.Array, rows: np.ndarray, lines: Bytes, asked: np.ndarray) -> Bytes:
    raw = lines.values.tobytes()
    parts = [
        normalize_for_lm(texts[int(row)].as_py()).encode() if slow else raw[start:end]
        for row, slow, start, end in zip(
            rows, asked, lines.offsets[:-1].tolist(), lines.offsets[1:].tolist(), strict=True
        )
    ]
    return Bytes.join(parts)


# Made on first use: a third of a second, for all of Unicode.
@functools.cache
def _map() -> _Map:
    entries: list[np.ndarray] = [np.full(256, KEEP, np.uint32)]
    pages = np.zeros(PAGES, np.uint16)
    spaces: list[np.ndarray] = [np.zeros(256, np.bool_)]
    output = bytearray()
    starts: dict[bytes, int] = {}
    widest = 1
    for page in range((sys.maxunicode + 1) >> 8):
        codes = range(page << 8, (page + 1) << 8)
        if any(codes[0] in block for block in (*_UNCHANGED, *_UNCHANGED_PLANES, _SURROGATES)):
            continue
        row = np.full(256, KEEP, np.uint32)
        for code in codes:
            character = chr(code)
            if _place_decides(character):
                row[code & 255] = ASK
                continue
            written = _alone(character)
            if written != character:
                raw = written.encode()
                start = starts.setdefault(raw, len(output))
                if start == len(output):
                    output += raw
                row[code & 255] = start << 8 | len(raw)
                widest = max(widest, -(-len(raw) // len(character.encode())))
        space = np.array([chr(code).isspace() for code in codes])
        if (row != KEEP).any() or space.any():
            pages[page] = len(entries)
            entries.append(row)
            spaces.append(space)
    found = np.frombuffer(bytes(output), np.uint8)
    return _Map(pages, np.stack(entries), found, np.stack(spaces), widest)


def _alone(character: str) -> str:
    # Between two letters, for alone it would be stripped where it is a space.
    return normalize_for_lm(f"x{character}x")[1:-1]


def _place_decides(character: str) -> bool:
    """Sigma's form, and marks that NFD puts in order and that CCNet does not remove."""
    return character == _CAPITAL_SIGMA or any(
        unicodedata.combining(part) and unicodedata.category(part) != "Mn"
        for part in unicodedata.normalize("NFD", character.lower())
    )
