"""A fastText model file's contents as the tables its kernels read, and the words met so far."""

import numpy as np

from corpus.annotate.fasttext_file import Matrix, ModelFile, Quantizer
from corpus.kernels.fasttext_rows import Dictionary, find_rows, mean_rows
from corpus.kernels.fasttext_words import find_words, hash_words, index_words

_REMEMBERED = 1 << 18  # words; past that they are forgotten before the next batch
_LINE_END = np.frombuffer(b"<</s>>", np.uint8)


class TextVectors:
    """The text vectors of a model's input side. Not for several threads at once."""

    _num_known: int
    _text: np.ndarray  # the words known, as `find_words` keeps them
    _starts: np.ndarray
    _codes: np.ndarray
    _slots: np.ndarray
    _rows: np.ndarray
    _row_starts: np.ndarray

    def __init__(self, file: ModelFile) -> None:
        self._dictionary = dictionary(file)
        self._matrix = dense_rows(file.inputs)
        self._forget()

    def of(
        self, content: np.ndarray, offsets: np.ndarray, keep_newlines: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """[D, N] float32 text vectors, and [D] int64 how many rows each is the mean of.

        `content` uint8, UTF-8; `offsets` [D + 1] int64. Newlines part words, or go without a
        space put in.
        """
        if self._num_known > _REMEMBERED:
            self._forget()
        known, room = self._num_known, int(offsets[-1] - offsets[0]) + len(offsets)
        self._text = _with_room(self._text, self._starts[known], 2 * room)
        self._starts = _with_room(self._starts, known + 1, room)
        self._codes = _with_room(self._codes, known, room)
        words, word_offsets, self._slots, self._num_known = find_words(
            content,
            offsets,
            keep_newlines,
            self._text,
            self._starts,
            self._codes,
            self._slots,
            known,
        )
        self._find_rows(known)
        return mean_rows(words, word_offsets, self._rows, self._row_starts, self._matrix)

    def _forget(self) -> None:
        self._text = _LINE_END.copy()
        self._starts = np.array([0, len(_LINE_END)], np.int64)
        self._codes = hash_words(_LINE_END, np.array([1, len(_LINE_END) - 1]))
        self._slots = index_words(self._codes, 1, 1 << 16)
        self._rows, self._row_starts = np.zeros(0, np.int32), np.zeros(1, np.int64)
        self._num_known = 1
        self._find_rows(0)

    def _find_rows(self, first: int) -> None:
        """Of the words known from `first` on."""
        last = self._num_known
        num_bytes = self._starts[last] - self._starts[first]
        room = num_bytes * max(self._dictionary.longest, 0) + last - first
        self._row_starts = _with_room(self._row_starts, first + 1, last - first)
        self._rows = _with_room(self._rows, self._row_starts[first], room)
        find_rows(
            self._text,
            self._starts,
            self._codes,
            first,
            last,
            self._dictionary,
            self._rows,
            self._row_starts,
        )


def _with_room(array: np.ndarray, used: int, more: int) -> np.ndarray:
    """The array, or a copy of what is used of it with room for more; twice that, to copy rarely."""
    if len(array) >= used + more:
        return array
    larger = np.empty(2 * (used + more), array.dtype)  # memory not touched costs nothing
    larger[:used] = array[:used]
    return larger


def dictionary(file: ModelFile) -> Dictionary:
    """The tables that turn words into rows of the input matrix."""
    text = np.frombuffer(b"".join(file.entries), np.uint8)
    starts = np.cumsum([0, *map(len, file.entries)], dtype=np.int64)
    kept, bucket_rows = np.zeros(0, np.uint8), np.zeros(0, np.int32)
    if file.pruned is not None and file.longest_ngram > 0:
        marks = np.zeros(file.buckets, np.uint8)
        bucket_rows = np.zeros(file.buckets, np.int32)
        marks[file.pruned[:, 0]] = 1
        bucket_rows[file.pruned[:, 0]] = file.num_words + file.pruned[:, 1]
        kept = np.packbits(marks, bitorder="little")
    num_slots = 1 << (2 * len(file.entries)).bit_length()
    return Dictionary(
        slots=index_words(hash_words(text, starts), len(file.entries), num_slots),
        text=text,
        starts=starts,
        num_words=file.num_words,
        buckets=file.buckets,
        shortest=file.shortest_ngram,
        longest=file.longest_ngram,
        kept=kept,
        bucket_rows=bucket_rows,
    )


def dense_rows(matrix: Matrix) -> np.ndarray:
    """[rows, columns] float32, each value rounded as fastText rounds it when it adds the row."""
    if matrix.dense is not None:
        return np.array(matrix.dense, np.float32)
    assert matrix.codes is not None
    assert matrix.quantizer is not None
    rows = _decoded(matrix.codes, matrix.quantizer)
    if matrix.norms is not None and matrix.norm_codes is not None:
        rows *= matrix.norms.centroids[matrix.norm_codes][:, np.newaxis]
    return rows


def _decoded(codes: np.ndarray, quantizer: Quantizer) -> np.ndarray:
    parts = []
    for part, first in enumerate(range(0, quantizer.dimensions, quantizer.width)):
        width = min(quantizer.width, quantizer.dimensions - first)
        centroids = quantizer.centroids[256 * first : 256 * (first + width)].reshape(256, width)
        parts.append(centroids[codes[:, part]])
    return np.ascontiguousarray(np.concatenate(parts, axis=1), np.float32)


def huffman_tree(counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The left and right children, [L - 1] int32, of a Huffman tree's inner nodes, bottom up.

    `counts` of the L labels descend, as in a model file; inner node i is child L + i.
    """
    num_labels = len(counts)
    weights = [*counts, *[10**15] * (num_labels - 1)]
    children = np.zeros((2, num_labels - 1), np.int32)
    leaf, inner = num_labels - 1, num_labels
    for node in range(num_labels, 2 * num_labels - 1):
        for side in range(2):
            if leaf >= 0 and weights[leaf] < weights[inner]:
                children[side, node - num_labels], leaf = leaf, leaf - 1
            else:
                children[side, node - num_labels], inner = inner, inner + 1
        weights[node] = sum(weights[child] for child in children[:, node - num_labels])
    return children[0], children[1]
