"""A KenLM model for the compiled kernels: the tables of a packed file, mapped into memory.

The file is `build_binary`'s with its default type, probing (Heafield 2011, section 3.1): a header,
the vocabulary's hash table, the words' own weights, then a hash table for each longer order. The
mapping is read-only, so that all processes of a machine share one copy.
"""

import os
import struct

import numpy as np

from corpus.annotate.lm_lines import Bytes
from corpus.annotate.model_file import MisfitError
from corpus.errors import DataError
from corpus.kernels.ngrams import look_up_words, score

_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_TEST_VALUES = struct.pack("<3f3IQ", 0, 1, -0.5, 1, 0xFFFFFFFF, 0, 1)
_FIXED = "<B3xfi?3xI"  # order, probing multiplier, type, has words, version of the type
_PROBING = 0
_LONGEST_HEAD = 4096  # of orders up to 255
_VOCABULARY_HEADER, _ENTRY, _LONGEST_ENTRY, _WEIGHTS = 8, 16, 12, 8  # bytes


class NgramModel:
    """The tables of a packed model; MisfitError where it is of another type, or not packed."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as stream:
            head = stream.read(_LONGEST_HEAD)
            try:
                has_words = self._lay_out(head)
            except struct.error:
                raise MisfitError("its head is cut short") from None
            if os.path.getsize(path) < 4 * self._end:
                raise DataError(
                    f"{path} is no whole KenLM model: its head says it has {4 * self._end} bytes"
                )
            stream.seek(4 * self._end)
            # Where the words are written out, the first is where the tables should end.
            if has_words and stream.read(6) != b"<unk>\0":
                raise MisfitError("its tables are not laid out as this KenLM's")
        self._cells = np.memmap(path, np.uint32, "r", shape=(self._end,))
        self._floats = self._cells.view(np.float32)
        marks = Bytes.join([b"<s>", b"</s>"])
        self._ends = self.look_up(marks.values, marks.spans()).tolist()

    def _lay_out(self, head: bytes) -> bool:
        """Where each table is, in cells of 4 bytes from the file's start; and if words follow."""
        sane = _MAGIC.ljust(_aligned(len(_MAGIC) + 1), b"\0") + _TEST_VALUES
        if not head.startswith(sane):
            raise MisfitError("it is not packed, or not in format 5")
        order, multiplier, kind, has_words, version = struct.unpack_from(_FIXED, head, len(sane))
        if (kind, version) != (_PROBING, 0):
            raise MisfitError("it is not packed as probing hash tables")
        at = len(sane) + struct.calcsize(_FIXED)
        counts = struct.unpack_from(f"<{order}Q", head, at)
        at = _aligned(at + 8 * order) + _VOCABULARY_HEADER
        self._vocabulary = at // 4
        self._vocabulary_buckets = _buckets(counts[0], multiplier)
        at += _LONGEST_ENTRY * self._vocabulary_buckets
        self._unigrams = at // 4
        at += _WEIGHTS * (counts[0] + 1)
        starts, buckets = [], []
        for count in counts[1:]:
            starts.append(at // 4)
            buckets.append(_buckets(count, multiplier))
            at += (_ENTRY if len(starts) < len(counts) - 1 else _LONGEST_ENTRY) * buckets[-1]
        self._starts, self._buckets = np.array(starts), np.array(buckets)
        self._end = at // 4
        return has_words

    def look_up(self, text: np.ndarray, spans: np.ndarray) -> np.ndarray:
        """The index of each word `text[start:end]`, a space for U+2581; 0 for an unknown one."""
        return look_up_words(text, spans, self._cells, self._vocabulary, self._vocabulary_buckets)

    def score(self, words: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """log10 probability of each sentence of words' indices, between <s> and </s>; float32."""
        return score(
            words,
            offsets,
            self._cells,
            self._floats,
            self._unigrams,
            self._starts,
            self._buckets,
            *self._ends,
        )


def _aligned(size: int) -> int:
    return -(-size // 8) * 8


def _buckets(entries: int, multiplier: float) -> int:
    # In float32, as KenLM reckons.
    return max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))
