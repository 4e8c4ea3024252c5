"""Language identification as in CCNet (arXiv:1911.00359, section 3.2): fastText's lid.176."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from corpus.annotate.text_classifier import TextClassifier, labels_of
from corpus.errors import DataError

_FIX = "get it by `altiplano models fetch lid` (corpus.models.lid)"
_LANGUAGE = re.compile("[a-z]{2,3}([_-].*)?")  # a label
_DECIMALS = 2
# One character that is not white space to Python; Arrow's own classes differ from those.
_VISIBLE = (
    "[^\\t-\\r\\x1c- \\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
    "\\x{205f}\\x{3000}]"
)


def require_identifier(location: str) -> None:
    """DataError where the file is missing or no such model; it is read, and not loaded."""
    labels = labels_of(location, _FIX)
    if not any(map(_LANGUAGE.fullmatch, labels)):
        known = ", ".join(labels[:4])
        raise DataError(f"{location} has the labels {known}, which are no languages; {_FIX}")


class LanguageIdentifier:
    """A loaded fastText model; DataError where the file is missing or no such model."""

    def __init__(self, location: str) -> None:
        self._classifier = TextClassifier(location, _FIX, keep_newlines=False)
        self._names = pa.array(self._classifier.labels, pa.string())

    def annotate(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        """The likeliest language of each text and its probability, rounded to 2 decimals.

        Newlines are removed with no space put in, as CCNet does. Both are null where a text has
        nothing but white space.
        """
        labels, scores = self._classifier.likeliest(texts, _DECIMALS)
        visible = pc.fill_null(pc.match_substring_regex(texts, _VISIBLE), False)
        silent = (labels < 0) | ~visible.to_numpy(zero_copy_only=False)
        return (
            self._names.take(pa.array(labels, mask=silent)),
            pa.array(scores, pa.float64(), mask=silent),
        )
