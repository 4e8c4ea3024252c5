"""Language identification as in CCNet (arXiv:1911.00359, section 3.2): fastText's lid.176."""

import fasttext
import pyarrow as pa

from corpus.annotate.fasttext_file import is_whole
from corpus.annotate.model_file import local_model
from corpus.errors import DataError

_FIX = "get it by `altiplano models fetch lid`"
_LABEL = "__label__"


class LanguageIdentifier:
    """A loaded fastText model; DataError where the file is missing or no such model."""

    def __init__(self, location: str) -> None:
        with local_model(location, _FIX) as path:
            if not is_whole(path):
                raise DataError(f"{location} is no fastText model, or cut short; {_FIX}")
            self._model = fasttext.load_model(path)

    def annotate(self, texts: pa.Array) -> tuple[pa.Array, pa.Array]:
        """The likeliest language of each text and its probability, rounded to 2 decimals.

        Newlines are removed with no space put in, as CCNet does. Both are null where a text has
        nothing but white space.
        """
        lines = [(text or "").replace("\n", "") for text in texts.to_pylist()]
        rows = [row for row, line in enumerate(lines) if line and not line.isspace()]
        languages: list[str | None] = [None] * len(lines)
        scores: list[float | None] = [None] * len(lines)
        if rows:
            # The list form: predicting one text at a time fails in fastText 0.9.3 on NumPy 2.
            labels, probabilities = self._model.predict([lines[row] for row in rows], k=1)
            for row, label, probability in zip(rows, labels, probabilities, strict=True):
                if label:
                    languages[row] = label[0].removeprefix(_LABEL)
                    scores[row] = round(float(probability[0]), 2)
        return pa.array(languages, pa.string()), pa.array(scores, pa.float64())
