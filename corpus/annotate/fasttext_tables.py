"""A fastText model file's contents as the tables its kernels read, and the words met so far."""

import numpy as np

from corpus.annotate.fasttext_file import Matrix, ModelFile, Quantizer
from corpus.kernels.fasttext_rows import KEY_BYTES, Dictionary, Sizes, index_entries
from corpus.kernels.fasttext_vectors import CACHE_LINE, LANES, text_vectors
from corpus.kernels.fasttext_words import byte_kinds

_CACHE_WORDS = 1 << 17  # of 64 bytes each
_LINE_END = b"</s>"  # the word that ends every text


class TextVectors:
    """The text vectors of a model's input side. Not for several threads at once."""

    def __init__(self, file: ModelFile) -> None:
        self._dictionary = dictionary(file)
        self._dimensions = file.inputs.columns
        self._matrix = _matrix(file)
        words = file.entries[: file.num_words]
        self._end_rows = np.array([words.index(_LINE_END)] if _LINE_END in words else [], np.int32)
        self._cache = _aligned(_CACHE_WORDS * CACHE_LINE)

    def of(
        self, content: np.ndarray, offsets: np.ndarray, keep_newlines: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """[D, N] float32 text vectors, and [D] int64 how many rows each is the mean of.

        `content` uint8, UTF-8; `offsets` [D + 1] int64. Newlines part words, or go without a
        space put in.
        """
        vectors, num_rows = text_vectors(
            content,
            offsets,
            byte_kinds(keep_newlines),
            self._dictionary,
            self._matrix,
            self._end_rows,
            self._cache,
        )
        return vectors[:, : self._dimensions], num_rows


def dictionary(file: ModelFile) -> Dictionary:
    """The tables that turn words into rows of the input matrix."""
    text = np.frombuffer(b"".join(file.entries) + bytes(KEY_BYTES), np.uint8)
    starts = np.cumsum([0, *map(len, file.entries)], dtype=np.int64)
    kept, ranks = np.zeros(0, np.uint64), np.zeros(0, np.int32)
    if file.pruned is not None and file.longest_ngram > 0:
        marks = np.zeros(-(-file.buckets // 64) * 64, np.uint8)
        marks[file.pruned[:, 0]] = 1
        kept = np.packbits(marks, bitorder="little").view("<u8").astype(np.uint64)
        sizes = marks.reshape(-1, 64).sum(axis=1)
        ranks = (np.cumsum(sizes) - sizes).astype(np.int32)
    num_slots = 1 << (4 * len(file.entries)).bit_length()
    return Dictionary(
        sizes=Sizes(
            num_words=file.num_words,
            buckets=file.buckets,
            shortest=max(file.shortest_ngram, 1),
            longest=max(file.longest_ngram, 0),
        ),
        slots=index_entries(text, starts, num_slots),
        text=text,
        starts=starts,
        kept=kept,
        ranks=ranks,
    )


def _matrix(file: ModelFile) -> np.ndarray:
    """[R, N] float32: rows of words, then of buckets in their order; N a multiple of LANES."""
    rows = dense_rows(file.inputs)
    if file.pruned is not None and file.longest_ngram > 0:
        order = file.num_words + file.pruned[np.argsort(file.pruned[:, 0]), 1]
        rows = np.concatenate([rows[: file.num_words], rows[order]])
    matrix = _aligned(len(rows) * (-(-rows.shape[1] // LANES) * LANES), np.float32)
    matrix = matrix.reshape(len(rows), -1)
    matrix[:, : rows.shape[1]] = rows
    return matrix


def _aligned(size: int, form: type = np.int32) -> np.ndarray:
    """[size] zeros of 4 bytes each, that begin where a line of the processor's caches does."""
    room: np.ndarray = np.zeros(size + 16, form)
    first = -room.ctypes.data % 64 // 4
    return room[first : first + size]


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
