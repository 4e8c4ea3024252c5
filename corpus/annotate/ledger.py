"""The fused pass: everything that is measured on a text, cheap measures first, into the ledger.

The language model, by far the dearest, is asked only about texts of a language it was made for.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.annotate.heuristics import heuristics, sizes
from corpus.annotate.language import LanguageIdentifier
from corpus.annotate.perplexity import PerplexityModels
from corpus.annotate.references import ReferenceClassifier
from corpus.errors import ConfigError
from corpus.schema import LEDGER


@dataclass(frozen=True)
class AnnotateConfig:
    """What is measured, and on how much text at once.

    `fused_lines` is a defect of cc_net: it removes newlines with no space put in before it asks
    for the language and the perplexity, so the last word of a line and the first of the next become
    one. `exact` does as it does, for its published cutoffs were made so; `fixed` puts a space in.
    """

    heuristics: bool = True  # false: of them only num_chars and num_bytes, the others are null
    perplexity: bool = True  # false: no language model is loaded or asked
    perplexity_languages: tuple[str, ...] = ()  # none named: every language there is a model for
    references: bool = True  # false: no reference classifier is loaded or asked
    references_languages: tuple[str, ...] = ()  # none named: every language
    references_min_chars: int = 0  # shorter texts are not measured
    fused_lines: Literal["exact", "fixed"] = "exact"
    slice_bytes: int = 4 << 20  # of text; memory in use is about 20 times this

    def __post_init__(self) -> None:
        if self.slice_bytes < 1:
            raise ConfigError(f"slice_bytes={self.slice_bytes} must be at least 1")


class Annotator:
    """The loaded models of a run. `lm` is a folder of language models, or None for none.

    `references` is the file of a reference classifier, or None for none.
    """

    def __init__(
        self, lid: str, lm: str | None, config: AnnotateConfig, references: str | None = None
    ) -> None:
        self._config = config
        self._identifier = LanguageIdentifier(lid)
        self._models: PerplexityModels | None = None
        if lm is not None and config.perplexity:
            self._models = PerplexityModels(lm, config.perplexity_languages)
        self._classifier: ReferenceClassifier | None = None
        if references is not None and config.references:
            self._classifier = ReferenceClassifier(
                references, config.references_languages, config.references_min_chars
            )

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures a batch of DOCUMENT or DEDUPED; one row of LEDGER a document, in order.

        Null are the columns that stages over the whole source measure (`duplicate_of`, `overlap`).
        """
        slices = _slices(batch, self._config.slice_bytes)
        return pa.concat_batches([self._annotate(part) for part in slices])

    def _annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch.column("text")
        columns = heuristics(texts) if self._config.heuristics else sizes(texts)
        read = texts
        if self._config.fused_lines == "fixed":
            read = pc.replace_substring(texts, "\n", " ")
        columns["language"], columns["language_score"] = self._identifier.annotate(read)
        if self._models is not None:
            columns["perplexity"] = self._models.annotate(read, columns["language"])
        if self._classifier is not None:
            columns["reference_probability"] = self._classifier.annotate(texts, columns["language"])
        for name in ("doc_id", "source", "url", "origin", "c4"):
            if name in batch.schema.names:
                columns[name] = batch.column(name)
        for field in LEDGER:  # what was not measured, or by a stage of its own
            columns.setdefault(field.name, pa.nulls(len(texts), field.type))
        return pa.RecordBatch.from_arrays([columns[name] for name in LEDGER.names], schema=LEDGER)


def _slices(batch: pa.RecordBatch, slice_bytes: int) -> Iterator[pa.RecordBatch]:
    """Runs of rows that begin in the same `slice_bytes` of text, at least one document each."""
    lengths = pc.fill_null(pc.binary_length(batch.column("text")), 0).to_numpy()
    slot = (np.cumsum(lengths, dtype=np.int64) - lengths) // slice_bytes
    starts = [0, *(np.flatnonzero(np.diff(slot)) + 1).tolist(), len(slot)]
    for start, end in itertools.pairwise(starts):
        yield batch.slice(start, end - start)
