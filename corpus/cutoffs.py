"""Stage 4a: the perplexities that part head, middle and tail (CCNet section 3.3).

A language in the given table (CCNet's of 2019) takes its cutoffs from there. Any other takes the
percentiles of the run itself, by nearest rank: the smallest perplexity that at least that share of
the language's documents do not exceed (exact as far as corpus/percentiles.py counts exactly).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import pyarrow as pa

from corpus import schema
from corpus.annotate.cutoffs import read_cutoff_table
from corpus.errors import ConfigError
from corpus.manifest import Manifest
from corpus.output import Output, Unit, UnitRecord
from corpus.percentiles import histograms
from corpus.spark import Engine
from corpus.stage import Stage
from corpus.storage import fingerprint


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
    (unit,) = stage.units
    paths, config = unit.payload
    table = read_cutoff_table(config.table, config.head, config.middle) if config.table else {}
    rows = []
    for language, (tenths, documents) in histograms(engine, stage.name, paths).items():
        if language not in table and config.without_row == "all":
            continue
        counts = dict(zip((tenths / 10).tolist(), documents.tolist(), strict=True))
        head, middle = table.get(language) or (
            nearest_rank(counts, config.head),
            nearest_rank(counts, config.middle),
        )
        rows.append(
            {
                "language": language,
                "head": head,
                "middle": middle,
                "documents": sum(counts.values()),
                "origin": "table" if language in table else "run",
            }
        )
    with Output(folder, unit, keys[unit.name]) as output:
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
