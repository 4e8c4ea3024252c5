"""KenLM models for the compiled kernels: the tables of a packed file, mapped into memory.

The file is `build_binary`'s: a header, a vocabulary and the n-grams, as probing hash tables (its
default type) or as a trie (Heafield 2011, section 3). The mapping is read-only, so that all
processes of a machine share one copy.
"""

import struct
from typing import NamedTuple, Protocol

import numpy as np

from corpus.annotate.lm_lines import Bytes
from corpus.annotate.model_file import MisfitError
from corpus.errors import DataError
from corpus.kernels import ngram_trie, ngrams
from corpus.kernels.ngrams import hash_words

_MAGIC = b"mmap lm http://kheafield.com/code format version 5\n\0"
_TEST_VALUES = struct.pack("<3f3IQ", 0, 1, -0.5, 1, 0xFFFFFFFF, 0, 1)
_FIXED = "<B3xfi?3xI"  # order, probing multiplier, type, has words, version of the type
_LONGEST_HEAD = 4096  # of orders up to 255
_PROBING, _TRIE, _QUANTISED, _ARRAY = 0, 2, 1, 2  # the last two are added to a trie's type
_MARKS = Bytes.join([b"<s>", b"</s>"])


class NgramModel(Protocol):
    """A model of words, which are numbers; 0 is any unknown one."""

    def look_up(self, text: np.ndarray, spans: np.ndarray) -> np.ndarray:
        """The number of each word `text[start:end]`, where a space stands for U+2581."""

    def score(self, words: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """log10 probability of each sentence, between <s> and </s>; float32."""


class Head(NamedTuple):
    """What a packed file says of itself; `size` is of the header, in bytes."""

    size: int
    counts: tuple[int, ...]
    multiplier: float
    kind: int
    has_words: bool


def open_ngrams(path: str) -> NgramModel:
    """A packed model. MisfitError where only KenLM itself can read it, or say what is wrong."""
    with open(path, "rb") as stream:
        try:
            head = _head(stream.read(_LONGEST_HEAD))
        except struct.error:
            raise MisfitError("its head is cut short") from None
    return _Probing(path, head) if head.kind == _PROBING else _Trie(path, head)


def _head(content: bytes) -> Head:
    sane = _MAGIC.ljust(_aligned(len(_MAGIC) + 1), b"\0") + _TEST_VALUES
    if not content.startswith(sane):
        raise MisfitError("it is not packed, or not in format 5")
    order, multiplier, kind, has_words, version = struct.unpack_from(_FIXED, content, len(sane))
    tries = range(_TRIE, _TRIE + _QUANTISED + _ARRAY + 1)
    if (kind, version) != (_PROBING, 0) and not (kind in tries and version == 1):
        raise MisfitError(f"it is packed in a way of its own, {kind} in version {version}")
    if kind in tries and order < 3:
        raise MisfitError(f"it is a trie of order {order}, and compiled code reads those from 3 on")
    at = len(sane) + struct.calcsize(_FIXED)
    counts = struct.unpack_from(f"<{order}Q", content, at)
    return Head(_aligned(at + 8 * order), counts, multiplier, kind, has_words)


def _check_end(path: str, content: np.ndarray, head: Head, end: int) -> None:
    """DataError where the file has no room for its tables."""
    if len(content) < end:
        raise DataError(f"{path} is no whole KenLM model: its head says it has {end} bytes")
    # Where the words are written out, the first is where the tables should end.
    if head.has_words and content[end : end + 6].tobytes() != b"<unk>\0":
        raise MisfitError("its tables are not laid out as this KenLM's")


class _Probing:
    def __init__(self, path: str, head: Head) -> None:
        buckets = [_buckets(count, head.multiplier) for count in head.counts]
        vocabulary = head.size + 8
        unigrams = vocabulary + 12 * buckets[0]
        starts = [unigrams + 8 * (head.counts[0] + 1)]
        for size in buckets[1:-1]:
            starts.append(starts[-1] + 16 * size)
        end = starts[-1] + 12 * buckets[-1]
        content = np.memmap(path, np.uint8, "r")
        _check_end(path, content, head, end)
        self._cells = content[:end].view(np.uint32)
        self._floats = self._cells.view(np.float32)
        self._vocabulary = vocabulary // 4, buckets[0]
        self._unigrams = unigrams // 4
        self._starts, self._buckets = np.array(starts) // 4, np.array(buckets[1:])
        self._marks = self.look_up(_MARKS.values, _MARKS.spans()).tolist()

    def look_up(self, text: np.ndarray, spans: np.ndarray) -> np.ndarray:
        return ngrams.look_up(hash_words(text, spans), self._cells, *self._vocabulary)

    def score(self, words: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        tables = self._cells, self._floats, self._unigrams, self._starts, self._buckets
        return ngrams.score(words, offsets, *tables, *self._marks)


class _Trie:
    def __init__(self, path: str, head: Head) -> None:
        self._file = np.memmap(path, np.uint8, "r")
        self._levels: list[list[int]] = []
        vocabulary = head.size + 8, head.size + 8 * (head.counts[0] + 1)
        at, quantised = vocabulary[1], (head.kind - _TRIE) & _QUANTISED
        probability, backoff = self._quantised_bits(at) if quantised else (31, 32)
        num_words = head.counts[0] + 1  # the unknown one among them
        widths = [head.counts[0].bit_length(), probability, backoff]
        self._widths = np.array([*widths, num_words])
        tables = at + 8 if quantised else 0
        if quantised:
            num_levels = len(head.counts) - 1
            at += 8 + 4 * ((num_levels << probability) + ((num_levels - 1) << backoff))
        self._unigrams = at
        end = self._lay_out(head, at + 16 * (head.counts[0] + 2), tables)
        _check_end(path, self._file, head, end)
        pairs = np.zeros((ngram_trie.PAIRS, 4), np.uint64)
        self._tables = np.array(self._levels), self._widths, self._unigrams, pairs
        hashes = self._file[slice(*vocabulary)].view(np.uint64)
        self._hashes = hashes[: int.from_bytes(self._file[head.size :][:8].tobytes(), "little")]
        self._marks = self.look_up(_MARKS.values, _MARKS.spans()).tolist()

    def _quantised_bits(self, at: int) -> tuple[int, int]:
        version, probability, backoff = bytes(self._file[at : at + 3]).ljust(3, b"\0")
        if version != 2:
            raise MisfitError(f"it is quantised in version {version}")
        return probability, backoff

    def _lay_out(self, head: Head, at: int, tables: int) -> int:
        """Where the orders from 2 on are; gives the byte where they end."""
        word, probability, backoff, _ = self._widths.tolist()
        version, longest_cut = bytes(self._file[at : at + 2]).ljust(2, b"\0")
        for entries, below in zip(head.counts[1:-1], head.counts[2:], strict=True):
            pointer, uppers, uppers_at = below.bit_length(), 0, 0
            if (head.kind - _TRIE) & _ARRAY:
                if version:
                    raise MisfitError(f"its pointers are cut in version {version}")
                pointer -= _cut(entries + 1, below, longest_cut)
                uppers, uppers_at = (below >> pointer) + 1, _aligned(at) + 8
                at += 8 * (1 + uppers) + 7
            bits = word + probability + backoff + pointer
            backoffs = tables + (4 << probability) if tables else 0
            self._levels.append([8 * at, bits, pointer, uppers_at, uppers, tables, backoffs])
            at += ((1 + entries) * bits + 7) // 8 + 8
            tables = backoffs + (4 << backoff) if tables else 0
        bits = word + probability
        self._levels.append([8 * at, bits, 0, 0, 0, tables, 0])
        return at + ((1 + head.counts[-1]) * bits + 7) // 8 + 8

    def look_up(self, text: np.ndarray, spans: np.ndarray) -> np.ndarray:
        hashes = hash_words(text, spans)
        places = np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.where(self._hashes[places] == hashes, places + 1, 0)

    def score(self, words: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        return ngram_trie.score(words, offsets, self._file, *self._tables, *self._marks)


def _cut(entries: int, below: int, longest: int) -> int:
    """The upper bits of pointers that KenLM keeps apart, which is where the sum is least."""
    bits = below.bit_length()
    return min(
        range(min(bits, longest) + 1),
        key=lambda cut: (below >> (bits - cut)) * 64 - entries * cut,
    )


def _aligned(size: int) -> int:
    return -(-size // 8) * 8


def _buckets(entries: int, multiplier: float) -> int:
    # In float32, as KenLM reckons.
    return max(entries + 1, int(np.float32(multiplier) * np.float32(entries)))
