"""How well a tokenizer fits a corpus: tokens a word and bytes a token, by source and language.

A tokenizer that cuts one language into more tokens than another makes its text dearer to train on
and its contexts shorter. It is counted while the shards are written, of every document, train and
valid; begin and end are not counted. A word is what stands between white space, so of a language
that writes none (Chinese, Thai) tokens a word say nothing; characters a token do.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.counts import Counts
from corpus.kernels.words import num_words
from corpus.ragged import utf8_bytes

_NAME = "fertility"
_NO_LANGUAGE = "-"  # nothing could be said of the text's
_AROUND = 2  # begin and end


class Fertility(NamedTuple):
    """What all documents of one language in one source hold."""

    source: str
    language: str
    documents: int
    words: int
    characters: int
    bytes: int  # of UTF-8
    tokens: int

    def ratios(self) -> dict[str, float]:
        """The figures that compare languages and tokenizers, by name."""
        return {
            "tokens_per_word": self.tokens / max(self.words, 1),
            "bytes_per_token": self.bytes / max(self.tokens, 1),
            "characters_per_token": self.characters / max(self.tokens, 1),
        }


_COUNTED = Fertility._fields[2:]


def count_fertility(
    counts: Counts, source: str, languages: pa.Array, texts: pa.Array, offsets: np.ndarray
) -> None:
    """Adds encoded documents [D] of a source; offsets [D + 1] are those of their tokens."""
    if not len(texts):
        return
    coded = pc.fill_null(languages, _NO_LANGUAGE).dictionary_encode()
    rows = coded.indices.to_numpy()
    each = {
        "documents": np.ones(len(texts)),
        "words": num_words(*utf8_bytes(texts)),
        "characters": pc.utf8_length(texts).to_numpy(),
        "bytes": pc.binary_length(texts).to_numpy(),
        "tokens": np.diff(offsets) - _AROUND,
    }
    for what, values in each.items():
        sums = np.bincount(rows, values, len(coded.dictionary))
        for language, total in zip(coded.dictionary.to_pylist(), sums.tolist(), strict=True):
            counts.add(f"{_NAME} {source} {language} {what}", int(total))


def fertility(counts: Counts) -> list[Fertility]:
    """What shards' counts say, by source and then tokens; empty where none were counted."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for name, total in counts.totals.items():
        if name.startswith(f"{_NAME} "):
            source, language, what = name.removeprefix(f"{_NAME} ").rsplit(" ", 2)
            found.setdefault((source, language), {})[what] = total
    rows = [
        Fertility(source, language, *(totals.get(what, 0) for what in _COUNTED))
        for (source, language), totals in found.items()
    ]
    return sorted(rows, key=lambda row: (row.source, -row.tokens, row.language))


def summed(rows: list[Fertility], source: str, language: str) -> Fertility:
    """Several rows as one of the names given."""
    return Fertility(source, language, *map(sum, zip(*(row[2:] for row in rows), strict=True)))
