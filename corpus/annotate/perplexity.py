"""Perplexity under a language's own model, as in CCNet (arXiv:1911.00359, section 3.3).

A model is two files of one folder: `<language>.sp.model` (SentencePiece unigram) and
`<language>.arpa.bin` (a KenLM 5-gram over its pieces).
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import kenlm
import numpy as np
import pyarrow as pa
import sentencepiece

from corpus import storage
from corpus.annotate.kenlm_file import NgramModel, open_ngrams
from corpus.annotate.lm_lines import lines_of
from corpus.annotate.model_file import MisfitError, local_model
from corpus.annotate.sentencepiece_file import Encoded, UnigramModel
from corpus.dedup.normalize import normalize_for_lm
from corpus.errors import DataError
from corpus.kernels.unigram import UNKNOWN
from corpus.ragged import utf8_bytes

_PIECES = ".sp.model"
_NGRAMS = ".arpa.bin"
_FIX = "give a folder of <language>.sp.model and <language>.arpa.bin, or a reference to train on"
_BATCH_BYTES = 1 << 20  # of text: enough to leave Python behind, and its pieces stay in cache

_HEAD = 4096  # bytes
_PACKED, _TEXT = (b"mmap lm ", b"\x1f\x8b", b"BZh", b"\xfd7zXZ"), b"\\data\\"

_log = logging.getLogger(__name__)


class _Model(Protocol):
    def perplexities(self, texts: pa.Array, rows: np.ndarray) -> list[float]: ...


class CompiledModel:
    """The kernels' way: no text or piece becomes a Python object."""

    def __init__(self, pieces: UnigramModel, ngrams: NgramModel) -> None:
        self._pieces = pieces
        self._ngrams = ngrams
        self._words = ngrams.look_up(pieces.texts.values, pieces.texts.spans())

    def perplexities(self, texts: pa.Array, rows: np.ndarray) -> list[float]:
        encoded = self._pieces.encode(lines_of(texts, rows))
        lengths = np.diff(encoded.offsets)
        return list(map(_perplexity, self.scores(encoded).tolist(), lengths.tolist()))

    def scores(self, encoded: Encoded) -> np.ndarray:
        """log10 probability of each text's pieces; float32, as KenLM adds it up."""
        words = self._words[encoded.ids]
        words[encoded.ids == UNKNOWN] = self._ngrams.look_up(encoded.text, encoded.unknown)
        return self._ngrams.score(words, encoded.offsets)


class LibraryModel:
    """The libraries' own way, for models that the kernels are not made for."""

    def __init__(self, pieces: sentencepiece.SentencePieceProcessor, ngrams: kenlm.Model) -> None:
        self._pieces = pieces
        self._ngrams = ngrams

    def perplexities(self, texts: pa.Array, rows: np.ndarray) -> list[float]:
        lines = [normalize_for_lm(text) for text in texts.take(pa.array(rows)).to_pylist()]
        # One thread: the tasks beside this one have the other cores.
        encoded = self._pieces.encode(lines, out_type=str, num_threads=1)
        return [
            _perplexity(self._ngrams.score(" ".join(pieces), bos=True, eos=True), len(pieces))
            for pieces in encoded
        ]


def _perplexity(score: float, num_pieces: int) -> float:
    return round(10.0 ** (-score / (num_pieces + 1)), 1)  # score: log10; + 1 for </s>


def require_language_models(folder: str, languages: Sequence[str] = ()) -> None:
    """DataError as of `PerplexityModels`, as far as can be told without the n-grams' tables."""
    for language in _in(folder, languages):
        for suffix in (_PIECES, _NGRAMS):
            if not storage.exists(storage.join(folder, language + suffix)):
                raise DataError(f"no model file {storage.join(folder, language + suffix)}; {_FIX}")
        pieces = storage.join(folder, language + _PIECES)
        try:
            sentencepiece.SentencePieceProcessor().LoadFromSerializedProto(
                storage.read_bytes(pieces)
            )
        except (OSError, RuntimeError) as error:
            raise DataError(f"{pieces} is no SentencePiece model ({error}); {_FIX}") from None
        ngrams = storage.join(folder, language + _NGRAMS)
        with storage.open_input(ngrams) as stream:
            head = stream.read(_HEAD)
        if not head.startswith(_PACKED) and _TEXT not in head:
            raise DataError(f"{ngrams} is no KenLM model, by its first bytes; {_FIX}")


def _in(folder: str, languages: Sequence[str]) -> list[str]:
    """The languages named, or all that a folder has n-grams of, sorted; DataError for others."""
    names = storage.list_names(folder)
    found = sorted(name.removesuffix(_NGRAMS) for name in names if name.endswith(_NGRAMS))
    if not found:
        raise DataError(f"no language model in {folder}; {_FIX}")
    for language in languages:
        if language not in found:
            raise DataError(f"no model of '{language}' in {folder}, only {', '.join(found)}")
    return sorted(languages) or found


class PerplexityModels:
    """The loaded language models of a folder: of the languages named, or all it has.

    DataError where it has no model, not one of a language named, or a broken one.
    """

    def __init__(self, folder: str, languages: Sequence[str] = ()) -> None:
        self._models = {language: _load(folder, language) for language in _in(folder, languages)}

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there is a model for, sorted."""
        return tuple(self._models)

    def annotate(self, texts: pa.Array, languages: pa.Array) -> pa.Array:
        """CCNet's perplexity of each text, rounded to 1 decimal; null where no model fits."""
        rows_of: dict[str, list[int]] = {}
        for row, language in enumerate(languages.to_pylist()):
            if language in self._models:
                rows_of.setdefault(language, []).append(row)
        perplexities = np.full(len(texts), np.nan)
        sizes = np.diff(utf8_bytes(texts)[1])
        for language, rows in rows_of.items():
            for part in _batches(np.array(rows), sizes):
                perplexities[part] = self._models[language].perplexities(texts, part)
        return pa.array(perplexities, pa.float64(), from_pandas=True)


def _batches(rows: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """The rows in runs of texts that begin in the same so many bytes."""
    begins = np.cumsum(sizes[rows]) - sizes[rows]
    return iter(np.split(rows, np.flatnonzero(np.diff(begins // _BATCH_BYTES)) + 1))


def _load(folder: str, language: str) -> _Model:
    with local_model(storage.join(folder, language + _PIECES), _FIX) as path:
        try:
            library = sentencepiece.SentencePieceProcessor(model_file=path)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{path} is no SentencePiece model ({error}); {_FIX}") from None
        content = Path(path).read_bytes()
    with local_model(storage.join(folder, language + _NGRAMS), _FIX) as path:
        try:
            return CompiledModel(UnigramModel(content), open_ngrams(path))
        except MisfitError as misfit:
            reason = str(misfit)
        try:
            model = LibraryModel(library, kenlm.Model(path))
        except (OSError, RuntimeError, ValueError) as error:  # ValueError: of its message's bytes
            said = " ".join(str(error).split())
            raise DataError(f"{path} is no KenLM model ({said}); {_FIX}") from None
    _log.warning("%s: scored by the libraries, some times slower: %s", language, reason)
    return model
