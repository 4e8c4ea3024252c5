"""Stage 2: CCNet's line dedup (arXiv:1911.00359, section 3.1) over any number of shards.

Three steps, each flat in memory whatever the crawl's size:
`hashes`  every shard's unique line hashes, with a flag where two of its documents share one;
`seen`    one Spark shuffle finds the hashes seen again in the group, and hands each shard its own;
`deduped` every shard again, without those lines.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.batches import counted, read_batches, read_table, unit_name
from corpus.dedup.lines import remove_lines, shard_hashes
from corpus.manifest import Manifest
from corpus.output import Output, Unit, UnitRecord
from corpus.spark import Engine, watch
from corpus.stage import Stage

HASHES = pa.schema([("hash", pa.uint64()), ("repeated", pa.bool_())])
SEEN = pa.schema([("hash", pa.uint64())])


@dataclass(frozen=True)
class LineDedupConfig:
    """Over which shards lines are compared; one seen again is removed everywhere, as CCNet does.

    `group_shards` shards in name order form a group (cc_net's published setting is 50); 0 compares
    over the whole input.
    """

    enabled: bool = True
    group_shards: int = 0


@dataclass(frozen=True)
class _Shard:
    path: str
    seen_path: str


def hashes_stage(source: str, extracted: Manifest) -> Stage:
    units = [Unit(unit_name(f), (f.sha256,), extracted.path(f)) for f in extracted.files]
    return Stage(
        name=f"line_hashes/{source}",
        config={},
        units=units,
        modules=("corpus.dedup.stages",),
        work=hash_shard,
    )


def hash_shard(unit: Unit, output: Output) -> None:
    """Writes a shard's unique line hashes, sorted, with whether two documents share each."""
    hashes, repeated = shard_hashes(batch.column("text") for batch in read_batches(unit.payload))
    output.counts.add("unique_lines", len(hashes))
    batch = pa.RecordBatch.from_arrays([pa.array(hashes), pa.array(repeated)], schema=HASHES)
    output.write_table([batch], HASHES)


def seen_stage(source: str, hashes: Manifest, config: LineDedupConfig) -> Stage:
    units = [
        Unit(unit_name(file), (file.sha256,), (hashes.path(file), _group(index, config)))
        for index, file in enumerate(hashes.files)
    ]
    return Stage(
        name=f"seen_lines/{source}",
        config={"group_shards": config.group_shards},
        units=units,
        inputs={"hashes": hashes.digest},
        modules=("corpus.dedup.stages",),
        gather=find_seen,
    )


def find_seen(
    engine: Engine, stage: Stage, folder: str, keys: Mapping[str, str]
) -> list[UnitRecord]:
    """Shuffles (hash, shard) pairs; every shard gets a sorted file of its hashes seen again."""
    from pyspark.sql import functions as F

    session = engine.session
    payloads = session.sparkContext.broadcast([unit.payload for unit in stage.units])
    pairs = session.range(0, len(stage.units), 1, len(stage.units)).mapInArrow(
        partial(_read_pairs, payloads), "group int, hash long, shard int, repeated boolean"
    )
    again = (
        pairs.groupBy("group", "hash")
        .agg(F.collect_list("shard").alias("shards"), F.max("repeated").alias("repeated"))
        .where(F.col("repeated") | (F.size("shards") > 1))
        .select(F.explode("shards").alias("shard"), "hash")
    )
    tasks = engine.config.partitions or len(stage.units)
    units = session.sparkContext.broadcast(list(stage.units))
    written = (
        again.repartition(min(tasks, len(stage.units)), "shard")
        .sortWithinPartitions("shard")
        .mapInArrow(partial(_write_seen, units, folder, dict(keys)), "record binary")
    )
    rows = watch(session, stage.name, written.collect)
    records = {r.name: r for r in (UnitRecord.from_content(row["record"]) for row in rows)}
    for unit in stage.units:
        if unit.name not in records:  # no line of the shard was seen again
            output = Output(folder, unit, keys[unit.name])
            output.write_table([], SEEN)
            records[unit.name] = output.close()
    return [records[unit.name] for unit in stage.units]


def deduped_stage(source: str, extracted: Manifest, seen: Manifest) -> Stage:
    units = [
        Unit(
            unit_name(text),
            (text.sha256, again.sha256),
            _Shard(extracted.path(text), seen.path(again)),
        )
        for text, again in zip(extracted.files, seen.files, strict=True)
    ]
    return Stage(
        name=f"deduped/{source}",
        config={},
        units=units,
        modules=("corpus.dedup.stages",),
        work=dedup_shard,
    )


def dedup_shard(unit: Unit, output: Output) -> None:
    """Writes a shard's documents without the lines that its group has seen again."""
    shard: _Shard = unit.payload
    seen = read_table(shard.seen_path).column("hash").to_numpy()
    output.write_table(
        counted(
            (remove_lines(batch, seen, output.counts) for batch in read_batches(shard.path)),
            output.counts,
        ),
        schema.DEDUPED,
    )


def _group(index: int, config: LineDedupConfig) -> int:
    return index // config.group_shards if config.group_shards else 0


def _read_pairs(payloads, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for shard in batch.column(0).to_pylist():
            path, group = payloads.value[shard]
            for part in read_batches(path):
                size = part.num_rows
                yield pa.RecordBatch.from_arrays(
                    [
                        pa.array(np.full(size, group, np.int32)),
                        pa.array(part.column("hash").to_numpy().view(np.int64)),
                        pa.array(np.full(size, shard, np.int32)),
                        part.column("repeated"),
                    ],
                    names=["group", "hash", "shard", "repeated"],
                )


def _write_seen(
    units, folder: str, keys: Mapping[str, str], batches: Iterator[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """Writes one file a shard from batches that come sorted by shard."""
    current = -1
    parts: list[np.ndarray] = []
    for batch in batches:
        shards = batch.column(0).to_numpy()
        hashes = batch.column(1).to_numpy().view(np.uint64)
        for shard in np.unique(shards):
            if shard != current and parts:
                yield _put_seen(units.value[current], folder, keys, parts)
                parts = []
            current = int(shard)
            parts.append(hashes[shards == shard])
    if parts:
        yield _put_seen(units.value[current], folder, keys, parts)


def _put_seen(
    unit: Unit, folder: str, keys: Mapping[str, str], parts: list[np.ndarray]
) -> pa.RecordBatch:
    output = Output(folder, unit, keys[unit.name])
    hashes = np.sort(np.concatenate(parts))
    output.counts.add("seen_again", len(hashes))
    batch = pa.RecordBatch.from_arrays([pa.array(hashes)], schema=SEEN)
    output.write_table([batch], SEEN)
    content = output.close().content()
    return pa.RecordBatch.from_arrays([pa.array([content])], names=["record"])
