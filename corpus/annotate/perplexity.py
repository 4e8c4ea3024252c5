"""Perplexity under a language's own model, as in CCNet (arXiv:1911.00359, section 3.3).

A model is two files of one folder: `<language>.sp.model` (SentencePiece unigram) and
`<language>.arpa.bin` (a KenLM 5-gram over its pieces).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import kenlm
import pyarrow as pa
import sentencepiece

from corpus import storage
from corpus.annotate.model_file import local_model
from corpus.dedup.normalize import normalize_for_lm
from corpus.errors import DataError

_PIECES = ".sp.model"
_NGRAMS = ".arpa.bin"
_FIX = "give a folder of <language>.sp.model and <language>.arpa.bin, or a reference to train on"
_BATCH = 64  # texts: enough to leave Python behind, few enough to keep their pieces in memory


@dataclass(frozen=True)
class _Model:
    pieces: sentencepiece.SentencePieceProcessor
    ngrams: kenlm.Model

    def perplexities(self, texts: list[str]) -> list[float]:
        # One thread: the tasks beside this one have the other cores.
        encoded = self.pieces.encode(
            [normalize_for_lm(text) for text in texts], out_type=str, num_threads=1
        )
        return [self._perplexity(pieces) for pieces in encoded]

    def _perplexity(self, pieces: list[str]) -> float:
        score = self.ngrams.score(" ".join(pieces), bos=True, eos=True)  # log10
        return round(10.0 ** (-score / (len(pieces) + 1)), 1)  # + 1 for </s>


class PerplexityModels:
    """The loaded language models of a folder: of the languages named, or all it has.

    DataError where it has no model, not one of a language named, or a broken one.
    """

    def __init__(self, folder: str, languages: Sequence[str] = ()) -> None:
        names = storage.list_names(folder)
        found = sorted(name.removesuffix(_NGRAMS) for name in names if name.endswith(_NGRAMS))
        if not found:
            raise DataError(f"no language model in {folder}; {_FIX}")
        for language in languages:
            if language not in found:
                raise DataError(f"no model of '{language}' in {folder}, only {', '.join(found)}")
        languages = sorted(languages) or found
        self._models = {language: _load(folder, language) for language in languages}

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
        perplexities: list[float | None] = [None] * len(texts)
        for language, rows in rows_of.items():
            for start in range(0, len(rows), _BATCH):
                part = rows[start : start + _BATCH]
                found = self._models[language].perplexities(texts.take(pa.array(part)).to_pylist())
                for row, perplexity in zip(part, found, strict=True):
                    perplexities[row] = perplexity
        return pa.array(perplexities, pa.float64())


def _load(folder: str, language: str) -> _Model:
    with local_model(storage.join(folder, language + _PIECES), _FIX) as path:
        try:
            pieces = sentencepiece.SentencePieceProcessor(model_file=path)
        except (OSError, RuntimeError) as error:
            raise DataError(f"{path} is no SentencePiece model ({error}); {_FIX}") from None
    with local_model(storage.join(folder, language + _NGRAMS), _FIX) as path:
        try:
            ngrams = kenlm.Model(path)
        except (OSError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise DataError(f"{path} is no KenLM model ({reason}); {_FIX}") from None
    return _Model(pieces, ngrams)
