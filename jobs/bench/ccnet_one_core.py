"""All of CCNet in one process on one core, no Spark: the build's functions in its own order.

Extracted texts go to disk and come back, and documents go to disk; line hashes, deduped texts and
the ledger, which a build writes too, stay in memory. What CCNet measures is measured: language and
perplexity, no heuristics.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.annotate.cutoffs import read_cutoff_table
from corpus.annotate.ledger import AnnotateConfig, Annotator
from corpus.batches import read_batches
from corpus.counts import Counts
from corpus.decide import buckets
from corpus.dedup.lines import SeenLines, remove_lines, shard_hashes
from corpus.parquet import write_parquet
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile

THRESHOLD = 0.5


def all_of_ccnet(files: list[Path], lid: Path, lm: Path, cutoffs: Path, output: Path) -> None:
    """From WET files to documents in Parquet."""
    table = read_cutoff_table(str(cutoffs), 30, 60)
    parsed = [output / f"{file.name}.parquet" for file in files]
    shards = []
    for file, path in zip(files, parsed, strict=True):
        source = InputFile(str(file), file.name, file.stat().st_size)
        write_parquet(path, read(source, "web", WetConfig(), Counts()), schema.DOCUMENT)
        shards.append(shard_hashes(read_batches(str(path))))
    hashes, index, in_shards = np.unique(
        np.concatenate([shard.hashes for shard in shards]), return_inverse=True, return_counts=True
    )
    again = in_shards > 1
    again |= np.bincount(index, weights=np.concatenate([shard.again for shard in shards])) > 0
    seen = SeenLines(hashes[again])
    annotator = Annotator(str(lid), str(lm), AnnotateConfig(heuristics=False))
    for path in parsed:
        batches = (remove_lines(batch, seen, Counts()) for batch in read_batches(str(path)))
        kept = (_kept(batch, annotator, table) for batch in batches)
        write_parquet(path.with_suffix(".documents"), kept, schema.KEPT)


def _kept(
    batch: pa.RecordBatch, annotator: Annotator, table: dict[str, tuple[float, float]]
) -> pa.RecordBatch:
    ledger = pa.Table.from_batches([annotator.annotate(batch)])
    new = {name: ledger.column(name) for name in ("language", "language_score", "perplexity")}
    new["bucket"] = pa.chunked_array([buckets(ledger, table)])
    columns = [new[name] if name in new else batch.column(name) for name in schema.KEPT.names]
    joined = pa.Table.from_arrays(columns, schema=schema.KEPT)
    score = np.nan_to_num(ledger.column("language_score").to_numpy())
    return joined.filter(pa.array(score >= THRESHOLD)).combine_chunks().to_batches()[0]
