"""How likely a page is one that Wikipedia would cite (LLaMA, arXiv:2302.13971, section 2.1).

The model is fastText's, with the labels `__label__reference` and `__label__random`, as
`altiplano references train` makes it. A text becomes one line here for training and asking alike.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from corpus.annotate.text_classifier import TextClassifier, labels_of
from corpus.errors import DataError

PREFIX = "__label__"
REFERENCE, RANDOM = "reference", "random"
_FIX = "train one by `altiplano references train` (corpus.models.references)"
# Newlines part words. NUL does too, for fastText alone; `</s>` would end the text there, and its
# label prefix would make a class of a word.
_MEANT = (("\n", " "), ("\0", " "), ("</s>", "< /s>"), (PREFIX, "__ label__"))


def one_line(texts: pa.Array) -> pa.Array:
    """Texts as fastText takes them: newlines to spaces, and nothing it reads as a command."""
    for written, taken in _MEANT:
        texts = pc.replace_substring(texts, written, taken)
    return texts


def require_classifier(location: str) -> None:
    """DataError where the file is missing or no such classifier; it is read, and not loaded."""
    _require_labels(location, labels_of(location, _FIX))


def _require_labels(location: str, labels: Sequence[str]) -> None:
    if sorted(labels) != sorted((REFERENCE, RANDOM)):
        known = ", ".join(sorted(labels)[:4])
        raise DataError(f"{location} has the labels {known}, not {REFERENCE} and {RANDOM}; {_FIX}")


class ReferenceClassifier:
    """A loaded classifier; DataError where the file is missing or holds other labels.

    Texts shorter than `min_chars` characters, or of another language than `languages` (none named:
    every language), are not measured.
    """

    def __init__(self, location: str, languages: Sequence[str] = (), min_chars: int = 0) -> None:
        self._classifier = TextClassifier(location, _FIX, keep_newlines=True)
        _require_labels(location, self._classifier.labels)
        self._languages = tuple(languages)
        self._min_chars = min_chars

    def annotate(self, texts: pa.Array, languages: pa.Array) -> pa.Array:
        """Probability of being a reference, [0, 1]; null where it is not measured, or blank."""
        wanted = pc.greater_equal(pc.utf8_length(texts), self._min_chars)
        if self._languages:
            known = pa.array(self._languages, languages.type)
            wanted = pc.and_(wanted, pc.is_in(languages, value_set=known))
        wanted = pc.fill_null(pc.and_(wanted, pc.match_substring_regex(texts, r"\S")), False)
        found = self.probabilities(one_line(texts.filter(wanted)))
        return pc.replace_with_mask(pa.nulls(len(texts), pa.float64()), wanted, found)

    def probabilities(self, lines: pa.Array) -> pa.Array:
        """The same of lines that `one_line` has made."""
        found = self._classifier.probability(lines, REFERENCE).astype("float64")
        return pa.array(found.clip(0, 1))  # fastText adds 1e-5 before it takes the logarithm
