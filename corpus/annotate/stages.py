"""Stage 3: everything measured on a text, in one fused pass, into the ledger."""

import functools
from collections.abc import Iterator, Sequence

import pyarrow as pa

from corpus import schema
from corpus.annotate.ledger import AnnotateConfig, Annotator
from corpus.batches import read_batches, read_table, unit_name
from corpus.manifest import Manifest
from corpus.models import ModelFiles
from corpus.output import Output, Unit
from corpus.stage import Stage


def ledger_stage(
    source: str,
    text: Manifest,
    models: ModelFiles,
    config: AnnotateConfig,
    beside: Sequence[Manifest] = (),
) -> Stage:
    """The ledger of a source. `beside` are stages that measured some columns, file by file."""
    used = models.used(config.perplexity, config.references)
    units = []
    for file, *others in zip(text.files, *(m.files for m in beside), strict=True):
        shas = (file.sha256, *(other.sha256 for other in others))
        paths = [m.path(other) for m, other in zip(beside, others, strict=True)]
        units.append(Unit(unit_name(file), shas, (text.path(file), paths, used, config)))
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
    path, beside, models, config = unit.payload
    annotator = _annotator(models, config)
    measured = [read_table(other).combine_chunks() for other in beside]
    output.write_table(_annotated(annotator, path, measured, output), schema.LEDGER)


def _annotated(
    annotator: Annotator, path: str, measured: Sequence[pa.Table], output: Output
) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in read_batches(path):
        output.counts.add("documents", batch.num_rows)
        rows = annotator.annotate(batch)
        for table in measured:
            for name in table.column_names:
                values = table.column(name).slice(start, batch.num_rows).combine_chunks()
                rows = rows.set_column(rows.schema.get_field_index(name), rows.field(name), values)
        start += batch.num_rows
        yield rows
    assert all(table.num_rows == start for table in measured), "rows out of step"


@functools.lru_cache(maxsize=2)
def _annotator(models: ModelFiles, config: AnnotateConfig) -> Annotator:
    """One loaded set of models a Python worker, whatever the number of its tasks."""
    return Annotator(models.lid, models.lm, config, models.references)
