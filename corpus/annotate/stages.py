"""Stage 3: everything measured on a text, in one fused pass, into the ledger."""

import functools
from collections.abc import Iterator

import pyarrow as pa

from corpus import schema
from corpus.annotate.ledger import AnnotateConfig, Annotator
from corpus.batches import read_batches, unit_name
from corpus.manifest import Manifest
from corpus.models import ModelFiles
from corpus.output import Output, Unit
from corpus.stage import Stage


def ledger_stage(source: str, text: Manifest, models: ModelFiles, config: AnnotateConfig) -> Stage:
    used = models.used(config.perplexity, config.references)
    units = [
        Unit(unit_name(file), (file.sha256,), (text.path(file), used, config))
        for file in text.files
    ]
    return Stage(
        name=f"ledger/{source}",
        config=config,
        units=units,
        inputs=dict(used.fingerprints),
        modules=("corpus.annotate.stages",),
        work=annotate_shard,
    )


def annotate_shard(unit: Unit, output: Output) -> None:
    """Writes one ledger row a document of a shard."""
    path, models, config = unit.payload
    annotator = _annotator(models, config)
    output.write_table(_annotated(annotator, path, output), schema.LEDGER)


def _annotated(annotator: Annotator, path: str, output: Output) -> Iterator[pa.RecordBatch]:
    for batch in read_batches(path):
        output.counts.add("documents", batch.num_rows)
        yield annotator.annotate(batch)


@functools.lru_cache(maxsize=2)
def _annotator(models: ModelFiles, config: AnnotateConfig) -> Annotator:
    """One loaded set of models a Python worker, whatever the number of its tasks."""
    return Annotator(models.lid, models.lm, config, models.references)
