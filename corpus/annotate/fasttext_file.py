"""What a fastText model file holds, and whether it is whole (fastText's binary format 11 and 12).

fastText itself does not look: of a file cut short it dies of a segmentation fault, or works on
with what memory held. So a file is first walked by its own counts.
"""

import mmap
import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

_MAGIC, _VERSIONS = 793712314, (11, 12)
_CENTROIDS = 256  # a product quantizer's, for each of its dimensions
SUPERVISED = 3


class Loss(IntEnum):
    """How a model was trained, and so how labels are told apart."""

    HIERARCHICAL_SOFTMAX = 1
    NEGATIVE_SAMPLING = 2
    SOFTMAX = 3
    ONE_VS_ALL = 4


@dataclass(frozen=True)
class Quantizer:
    """A product quantizer: every `width` dimensions of a row are one of 256 centroids."""

    dimensions: int
    width: int  # the last part may be narrower
    centroids: np.ndarray  # [256 * dimensions] float32, part by part


@dataclass(frozen=True)
class Matrix:
    """[rows, columns] of float32, either `dense` or as codes of a quantizer.

    With `norms`, a row is its codes' centroids times its norm code's centroid.
    """

    rows: int
    columns: int
    dense: np.ndarray | None = None
    codes: np.ndarray | None = None
    quantizer: Quantizer | None = None
    norm_codes: np.ndarray | None = None
    norms: Quantizer | None = None


@dataclass(frozen=True)
class ModelFile:
    """The contents of a model file; arrays are views of the mapped file."""

    task: int  # SUPERVISED, or one of two that make word vectors only
    loss: int
    word_ngrams: int
    buckets: int  # that character n-grams are hashed into
    shortest_ngram: int
    longest_ngram: int
    entries: list[bytes]  # words, then labels
    counts: list[int]  # of each entry, in the training text
    num_words: int
    pruned: np.ndarray | None  # [N, 2] int32: a bucket kept, its row; None where all are
    inputs: Matrix
    outputs: Matrix


def read_model(path: str) -> ModelFile:
    """Reads a model file; ValueError where it is none, or does not end where its counts say."""
    with open(path, "rb") as stream:
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    walk = _Walk(content)
    try:
        model = walk.model()
    except struct.error:
        raise ValueError("ends inside a count") from None
    if walk.at != len(content):
        raise ValueError(f"has {len(content)} bytes and not {walk.at}")
    return model


class _Walk:
    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self.at = 0

    def model(self) -> ModelFile:
        magic, version = self._take("<ii")
        if magic != _MAGIC or version not in _VERSIONS:
            raise ValueError("no fastText model")
        _, _, _, _, _, word_ngrams, loss, task, buckets, shortest, longest, _, _ = self._take(
            "<12id"
        )
        num_entries, num_words, _, _, pruned = self._take("<3i2q")
        entries, counts = self._entries(num_entries)
        kept = self._array("<i4", 2 * max(pruned, 0)).reshape(-1, 2)
        (quantized,) = self._take("<?")
        inputs = self._matrix(quantized)
        (quantized_output,) = self._take("<?")
        outputs = self._matrix(quantized and quantized_output)
        has_buckets = longest > 0 and version != _VERSIONS[0]
        rows = num_words + (len(kept) if pruned >= 0 else buckets if has_buckets else 0)
        outside = len(kept) > 0 and not 0 <= kept[:, 1].min() <= kept[:, 1].max() < len(kept)
        if task == SUPERVISED and (
            inputs.rows < rows or outputs.rows < num_entries - num_words or outside
        ):  # a kernel would read past the end of its tables
            raise ValueError(f"has {inputs.rows} and {outputs.rows} vectors, fewer than it names")
        return ModelFile(
            task=task,
            loss=loss,
            word_ngrams=word_ngrams,
            buckets=buckets,
            shortest_ngram=shortest,
            # Supervised models of format 11 were trained without n-grams, whatever they say.
            longest_ngram=0 if version == 11 and task == SUPERVISED else longest,
            entries=entries,
            counts=counts,
            num_words=num_words,
            pruned=None if pruned < 0 else kept,
            inputs=inputs,
            outputs=outputs,
        )

    def _entries(self, number: int) -> tuple[list[bytes], list[int]]:
        entries, counts = [], []
        for _ in range(number):  # word, 0, count, type
            end = self._content.find(b"\0", self.at)
            if end < 0:
                raise ValueError("ends inside its dictionary")
            entries.append(self._content[self.at : end])
            self.at = end + 1
            count, _ = self._take("<qb")
            counts.append(count)
        return entries, counts

    def _matrix(self, quantized: bool) -> Matrix:
        (with_norms,) = self._take("<?") if quantized else (False,)
        rows, columns = self._take("<qq")
        if not quantized:
            return Matrix(rows, columns, self._array("<f4", rows * columns).reshape(rows, columns))
        (num_codes,) = self._take("<i")
        codes = self._array("u1", num_codes).reshape(rows, -1)
        quantizer = self._quantizer()
        if not with_norms:
            return Matrix(rows, columns, codes=codes, quantizer=quantizer)
        norm_codes = self._array("u1", rows)
        return Matrix(rows, columns, None, codes, quantizer, norm_codes, self._quantizer())

    def _quantizer(self) -> Quantizer:
        dimensions, _, width, _ = self._take("<4i")
        return Quantizer(dimensions, width, self._array("<f4", dimensions * _CENTROIDS))

    def _array(self, form: str, number: int) -> np.ndarray:
        start, size = self.at, np.dtype(form).itemsize * number
        self.at += size
        if number < 0 or self.at > len(self._content):
            raise ValueError("ends inside a matrix")
        return np.frombuffer(self._content, form, number, start)

    def _take(self, form: str) -> tuple:
        values = struct.unpack_from(form, self._content, self.at)
        self.at += struct.calcsize(form)
        return values
