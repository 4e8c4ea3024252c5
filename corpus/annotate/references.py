"""How likely a page is one that Wikipedia would cite (LLaMA, arXiv:2302.13971, section 2.1).

The model is fastText's, with the labels `__label__reference` and `__label__random`, as
`altiplano references train` makes it. A text becomes one line here for training and asking alike.
"""

from collections.abc import Sequence

import fasttext
import pyarrow as pa
import pyarrow.compute as pc

from corpus.annotate.fasttext_file import is_whole
from corpus.annotate.model_file import local_model
from corpus.errors import DataError

PREFIX = "__label__"
REFERENCE, RANDOM = "reference", "random"
_REFERENCE = PREFIX + REFERENCE
_FIX = "train one by `altiplano references train` (corpus.models.references)"


def one_line(text: str) -> str:
    """A text as fastText takes it: newlines to spaces, and nothing it reads as a command.

    Its end mark `</s>` would end the text there, its label prefix would make a class of a word, and
    it takes NUL for white space, as nothing else does.
    """
    line = text.replace("\n", " ").replace("\0", " ")
    return line.replace("</s>", "< /s>").replace(PREFIX, "__ label__")


class ReferenceClassifier:
    """A loaded classifier; DataError where the file is missing or holds other labels.

    Texts shorter than `min_chars` characters, or of another language than `languages` (none named:
    every language), are not measured.
    """

    def __init__(self, location: str, languages: Sequence[str] = (), min_chars: int = 0) -> None:
        with local_model(location, _FIX) as path:
            if not is_whole(path):
                raise DataError(f"{location} is no fastText model, or cut short; {_FIX}")
            self._model = fasttext.load_model(path)
        labels = sorted(self._model.get_labels())
        if labels != sorted((_REFERENCE, PREFIX + RANDOM)):
            known = ", ".join(labels[:4])
            raise DataError(
                f"{location} has the labels {known}, not {_REFERENCE} and {PREFIX}{RANDOM}; {_FIX}"
            )
        self._languages = tuple(languages)
        self._min_chars = min_chars

    def annotate(self, texts: pa.Array, languages: pa.Array) -> pa.Array:
        """Probability of being a reference, [0, 1]; null where it is not measured, or no word."""
        wanted = pc.greater_equal(pc.utf8_length(texts), self._min_chars)
        if self._languages:
            known = pa.array(self._languages, languages.type)
            wanted = pc.and_(wanted, pc.is_in(languages, value_set=known))
        wanted = pc.fill_null(wanted, False)
        found = self.probabilities([one_line(text) for text in texts.filter(wanted).to_pylist()])
        rows = iter(found)
        values = [next(rows) if asked else None for asked in wanted.to_pylist()]
        return pa.array(values, pa.float64())

    def probabilities(self, lines: Sequence[str]) -> list[float | None]:
        """The same of lines that `one_line` has made."""
        if not lines:
            return []
        asked = [line if line.strip() else "" for line in lines]
        # The list form: predicting one text at a time fails in fastText 0.9.3 on NumPy 2.
        labels, probabilities = self._model.predict(asked, k=2)
        found: list[float | None] = []
        for line, names, values in zip(asked, labels, probabilities, strict=True):
            # fastText adds 1e-5 to every probability before it takes the logarithm.
            found.append(min(float(values[names.index(_REFERENCE)]), 1.0) if line else None)
        return found
