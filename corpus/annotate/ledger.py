"""The fused pass: everything that is measured on a text, cheap measures first, into the ledger.

The language model, by far the dearest, is asked only about texts of a language it was made for.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.annotate.heuristics import heuristics
from corpus.annotate.language import LanguageIdentifier
from corpus.annotate.perplexity import PerplexityModels
from corpus.errors import ConfigError
from corpus.schema import LEDGER


@dataclass(frozen=True)
class AnnotateConfig:
    """What is measured, and on how much text at once."""

    perplexity: bool = True  # false: no language model is loaded or asked
    perplexity_languages: tuple[str, ...] = ()  # none named: every language there is a model for
    slice_bytes: int = 4 << 20  # of text; memory in use is about 20 times this

    def __post_init__(self) -> None:
        if self.slice_bytes < 1:
            raise ConfigError(f"slice_bytes={self.slice_bytes} must be at least 1")


class Annotator:
    """The loaded models of a run. `lm` is a folder of language models, or None for none."""

    def __init__(self, lid: str, lm: str | None, config: AnnotateConfig) -> None:
        self._config = config
        self._identifier = LanguageIdentifier(lid)
        self._models: PerplexityModels | None = None
        if lm is not None and config.perplexity:
            self._models = PerplexityModels(lm, config.perplexity_languages)

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Measures a batch of DOCUMENT or DEDUPED; one row of LEDGER a document, in order."""
        slices = _slices(batch, self._config.slice_bytes)
        return pa.concat_batches([self._annotate(part) for part in slices])

    def _annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = batch.column("text")
        columns = heuristics(texts)
        columns["language"], columns["language_score"] = self._identifier.annotate(texts)
        if self._models is None:
            columns["perplexity"] = pa.nulls(len(texts), pa.float64())
        else:
            columns["perplexity"] = self._models.annotate(texts, columns["language"])
        for name in ("doc_id", "source", "url", "origin"):
            columns[name] = batch.column(name)
        return pa.RecordBatch.from_arrays([columns[name] for name in LEDGER.names], schema=LEDGER)


def _slices(batch: pa.RecordBatch, slice_bytes: int) -> Iterator[pa.RecordBatch]:
    """Runs of rows that begin in the same `slice_bytes` of text, at least one document each."""
    lengths = pc.fill_null(pc.binary_length(batch.column("text")), 0).to_numpy()
    slot = (np.cumsum(lengths, dtype=np.int64) - lengths) // slice_bytes
    starts = [0, *(np.flatnonzero(np.diff(slot)) + 1).tolist(), len(slot)]
    for start, end in itertools.pairwise(starts):
        yield batch.slice(start, end - start)
