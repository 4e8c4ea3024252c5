"""Stage 4a: the perplexities that part head, middle and tail (CCNet section 3.3).

A language in the given table (CCNet's of 2019) takes its cutoffs from there. Any other takes the
percentiles of the run itself, exact by nearest rank: the smallest perplexity that at least that
share of the language's documents do not exceed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import pyarrow as pa

from corpus import schema
from corpus.annotate.cutoffs import read_cutoff_table
from corpus.batches import read_table
from corpus.errors import ConfigError
from corpus.manifest import Manifest
from corpus.output import Output, Unit, UnitRecord
from corpus.spark import Engine, watch
from corpus.stage import Stage
from corpus.storage import fingerprint

_HISTOGRAM = "language string, perplexity double, documents long"


@dataclass(frozen=True)
class BucketConfig:
    """Percentiles (0 to 99) under which a document is head or middle, and whose percentiles."""

    table: str | None = None  # a CSV in CCNet's form; none: percentiles of the run
    head: int = 30
    middle: int = 60
    # A language that the table lacks: `run` takes the run's percentiles, `all` no bucket (CCNet).
    without_row: Literal["run", "all"] = "run"

    def __post_init__(self) -> None:
        if not 0 <= self.head < self.middle <= 99:
            raise ConfigError(
                f"buckets: head={self.head} and middle={self.middle} must be percentiles with "
                "0 <= head < middle <= 99"
            )


def stage(source: str, ledger: Manifest, config: BucketConfig) -> Stage:
    inputs = {"ledger": ledger.digest}
    if config.table is not None:
        inputs["table"] = fingerprint(config.table)
    paths = tuple(ledger.path(file) for file in ledger.files)
    return Stage(
        name=f"cutoffs/{source}",
        config=replace(config, table=None),  # its content counts, not its place
        units=[Unit("cutoffs", (ledger.digest,), (paths, config))],
        inputs=inputs,
        modules=("corpus.cutoffs",),
        gather=find_cutoffs,
    )


def find_cutoffs(
    engine: Engine, stage: Stage, folder: str, keys: Mapping[str, str]
) -> list[UnitRecord]:
    """Counts perplexities by language in one Spark job and writes the cutoffs of each language."""
    from pyspark.sql import functions as F

    (unit,) = stage.units
    paths, config = unit.payload
    table = read_cutoff_table(config.table, config.head, config.middle) if config.table else {}
    frame = engine.session.range(0, len(paths), 1, len(paths)).mapInArrow(
        partial(_read_histogram, paths), _HISTOGRAM
    )
    counted = frame.groupBy("language", "perplexity").agg(F.sum("documents").alias("documents"))
    histograms: dict[str, dict[float, int]] = {}
    for row in watch(engine.session, stage.name, counted.collect):
        histograms.setdefault(row["language"], {})[row["perplexity"]] = row["documents"]
    rows = []
    for language, histogram in sorted(histograms.items()):
        if language not in table and config.without_row == "all":
            continue
        head, middle = table.get(language) or (
            nearest_rank(histogram, config.head),
            nearest_rank(histogram, config.middle),
        )
        rows.append(
            {
                "language": language,
                "head": head,
                "middle": middle,
                "documents": sum(histogram.values()),
                "origin": "table" if language in table else "run",
            }
        )
    output = Output(folder, unit, keys[unit.name])
    output.write_table([pa.RecordBatch.from_pylist(rows, schema.CUTOFFS)], schema.CUTOFFS)
    return [output.close()]


def nearest_rank(histogram: Mapping[float, int], percentile: float) -> float:
    """The smallest value at or below which lies at least `percentile` % of what is counted."""
    wanted = sum(histogram.values()) * percentile / 100
    seen = 0
    for value in sorted(histogram):
        seen += histogram[value]
        if seen >= wanted and seen > 0:
            return value
    raise ValueError("an empty histogram has no percentiles")


def _read_histogram(
    paths: tuple[str, ...], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for index in batch.column(0).to_pylist():
            table = read_table(paths[index], ["language", "perplexity"]).drop_null()
            groups = table.group_by(["language", "perplexity"]).aggregate([([], "count_all")])
            renamed = groups.rename_columns(["language", "perplexity", "documents"])
            yield from renamed.combine_chunks().to_batches()
