"""A supervised fastText model asked about an Arrow array of texts: fastText's own answers, sooner.

Compiled kernels answer what they cover: models without word n-grams, with hierarchical softmax or
softmax. Each model is tried on loading: where the kernels' text vectors are not fastText's to the
bit (its build may round otherwise), and for any other model, fastText itself answers. It is asked
too where a last bit could change an answer.
"""

import fasttext
import numpy as np
import pyarrow as pa

from corpus.annotate.fasttext_file import SUPERVISED, Loss, ModelFile, read_model
from corpus.annotate.fasttext_tables import TextVectors, dense_rows, huffman_tree
from corpus.annotate.model_file import local_model
from corpus.errors import DataError
from corpus.kernels.fasttext_labels import search_tree, softmax
from corpus.ragged import utf8_bytes

_LABEL = "__label__"
_CLOSE = 1e-3  # log-probabilities nearer than this are told apart by fastText itself
_ROUNDING = 1e-5  # and so are probabilities this near to where rounding changes
_PROBE = "The 2 quick foxes «прыгают» über 素早い茶色の狐, naïve __label__x </s> never read"


def labels_of(location: str, fix: str) -> list[str]:
    """The labels of a model that is whole; DataError as of `TextClassifier`."""
    with local_model(location, fix) as path:
        return _labels(_read(path, location, fix))


def _read(path: str, location: str, fix: str) -> ModelFile:
    try:
        file = read_model(path)
    except ValueError:
        raise DataError(f"{location} is no fastText model, or cut short; {fix}") from None
    if file.task != SUPERVISED:
        raise DataError(f"{location} makes word vectors and tells no labels; {fix}")
    return file


def _labels(file: ModelFile) -> list[str]:
    return [entry.decode().removeprefix(_LABEL) for entry in file.entries[file.num_words :]]


class TextClassifier:
    """A loaded model; DataError where the file is missing or no supervised fastText model.

    `fix` says how to get the file. With `keep_newlines` a newline parts words, else it goes with
    no space put in. Not for several threads at once.
    """

    def __init__(self, location: str, fix: str, keep_newlines: bool) -> None:
        self._keep_newlines = keep_newlines
        with local_model(location, fix) as path:
            file = _read(path, location, fix)
            self._model = fasttext.load_model(path)
            self.labels = _labels(file)
            self._kernels = _Kernels(file) if _covered(file) else None
        if self._kernels is not None and not self._agrees(self._kernels):
            self._kernels = None

    def likeliest(self, texts: pa.Array, decimals: int) -> tuple[np.ndarray, np.ndarray]:
        """[D] int32 likeliest labels, -1 where a text has no word known, and [D] float64 their
        rounded probabilities, 0 where no label. Null counts as empty.
        """
        if self._kernels is None:
            labels, probabilities = self._ask_fasttext(texts)
        else:
            labels, best, second = self._kernels.likeliest(texts, self._keep_newlines)
            probabilities = np.exp(best)
            steps = probabilities * 10.0**decimals
            near = np.abs(steps - np.floor(steps) - 0.5) < _ROUNDING * 10.0**decimals
            doubtful = np.flatnonzero((labels >= 0) & (near | (best - second < _CLOSE)))
            labels[doubtful], probabilities[doubtful] = self._ask_fasttext(
                texts.take(pa.array(doubtful))
            )
        return labels, rounded(probabilities, decimals)

    def probability(self, texts: pa.Array, label: str) -> np.ndarray:
        """[D] float32: the probability of one label for each text, 0 where a text has no word
        known; DataError where the model has no such label.
        """
        if label not in self.labels:
            raise DataError(
                f"label '{label}' is not of the model, only {', '.join(self.labels[:20])}"
            )
        wanted = self.labels.index(label)
        if self._kernels is None or self._kernels.tree is not None:
            return self._ask_fasttext_for(texts, wanted)
        return self._kernels.probability(texts, self._keep_newlines, wanted)

    def _agrees(self, kernels: "_Kernels") -> bool:
        """Whether the kernels' text vectors are fastText's; the cached rows, too."""
        texts = [_PROBE, f"{_PROBE[:40]} {_PROBE}", _PROBE[20:]]
        vectors, _ = kernels.vectors(pa.array(texts), False)
        theirs = [self._model.get_sentence_vector(text) for text in texts]
        return np.array_equal(vectors, np.array(theirs, np.float32))

    def _ask_fasttext(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        labels = np.full(len(texts), -1, np.int32)
        probabilities = np.zeros(len(texts), np.float32)
        for row, (names, values) in enumerate(self._predictions(texts, 1)):
            if names:
                labels[row] = self.labels.index(names[0].removeprefix(_LABEL))
                probabilities[row] = values[0]
        return labels, probabilities

    def _ask_fasttext_for(self, texts: pa.Array, wanted: int) -> np.ndarray:
        probabilities = np.zeros(len(texts), np.float32)
        name = _LABEL + self.labels[wanted]
        for row, (names, values) in enumerate(self._predictions(texts, len(self.labels))):
            if name in names:
                probabilities[row] = values[names.index(name)]
        return probabilities

    def _predictions(self, texts: pa.Array, k: int) -> list[tuple[list[str], np.ndarray]]:
        if not len(texts):
            return []
        newline = " " if self._keep_newlines else ""
        lines = [(text or "").replace("\n", newline) for text in texts.to_pylist()]
        # The list form: predicting one text at a time fails in fastText 0.9.3 on NumPy 2.
        return list(zip(*self._model.predict(lines, k=k), strict=True))


def rounded(probabilities: np.ndarray, decimals: int) -> np.ndarray:
    """float32 probabilities as CCNet rounds them: by NumPy, and as float64.

    In float32 a value just beside the middle of a step falls on it, and goes to the even side.
    """
    return probabilities.astype(np.float64).round(decimals)


def _covered(file: ModelFile) -> bool:
    has_ngrams = file.longest_ngram > 0
    return (
        file.word_ngrams == 1
        and file.loss in (Loss.HIERARCHICAL_SOFTMAX, Loss.SOFTMAX)
        and file.outputs.dense is not None
        and len(file.entries) - file.num_words > 1
        and (file.buckets > 0 or not has_ngrams)
    )


class _Kernels:
    """A model's input side and output side."""

    def __init__(self, file: ModelFile) -> None:
        self._vectors = TextVectors(file)
        self._outputs = dense_rows(file.outputs)
        self.tree = None
        if file.loss == Loss.HIERARCHICAL_SOFTMAX:
            self.tree = huffman_tree(file.counts[file.num_words :])

    def vectors(self, texts: pa.Array, keep_newlines: bool) -> tuple[np.ndarray, np.ndarray]:
        return self._vectors.of(*utf8_bytes(texts), keep_newlines)

    def likeliest(
        self, texts: pa.Array, keep_newlines: bool
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Labels, and log-probabilities of each and of its runner-up."""
        vectors, num_rows = self.vectors(texts, keep_newlines)
        if self.tree is not None:
            labels, best, second = search_tree(vectors, self._outputs, *self.tree)
        else:
            logs = softmax(vectors, self._outputs)
            labels = logs.argmax(axis=1).astype(np.int32)
            second, best = np.sort(logs, axis=1)[:, -2:].T
        labels[num_rows == 0] = -1
        return labels, np.where(num_rows == 0, -np.inf, best), second

    def probability(self, texts: pa.Array, keep_newlines: bool, wanted: int) -> np.ndarray:
        vectors, num_rows = self.vectors(texts, keep_newlines)
        probabilities = np.exp(softmax(vectors, self._outputs)[:, wanted])
        probabilities[num_rows == 0] = 0
        return probabilities
