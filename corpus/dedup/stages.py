"""Stage 2: CCNet's line dedup (arXiv:1911.00359, section 3.1) over any number of shards.

Three steps, each flat in memory whatever the crawl's size:
`hashes`  every shard's unique line hashes, with a flag where two of its documents share one;
`seen`    two Spark shuffles: blobs of hashes to the bucket that finds those seen again in the
          group, and these back to their shards;
`deduped` every shard again, without those lines.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from operator import itemgetter

import pyarrow as pa

from corpus import schema
from corpus.batches import counted, read_batches, read_table, unit_name
from corpus.dedup.exchange import Blob, Seen, bucket_bits, find_shared, receive, schemas, send
from corpus.dedup.line_table import SharedLines
from corpus.dedup.lines import LineDedupConfig, Policy, SeenLines, remove_lines, shard_hashes
from corpus.manifest import Manifest
from corpus.output import Output, Unit, UnitRecord
from corpus.spark import Engine, watch
from corpus.stage import Stage

_ROW_GROUP_ROWS = 1 << 17  # of hashes, 1 MB


@dataclass(frozen=True)
class _Sorted:
    """A shard's table of lines, in its group."""

    path: str
    rows: int
    group: int


@dataclass(frozen=True)
class _Shard:
    path: str
    seen_path: str


def hashes_stage(source: str, extracted: Manifest, config: LineDedupConfig) -> Stage:
    units = [Unit(unit_name(f), (f.sha256,), extracted.path(f)) for f in extracted.files]
    return Stage(
        name=f"line_hashes/{source}",
        config={"policy": config.policy},
        units=units,
        modules=("corpus.dedup.stages",),
        work=partial(hash_shard, config.policy),
    )


def hash_shard(policy: Policy, unit: Unit, output: Output) -> None:
    """Writes a shard's unique line hashes, sorted, with whether two documents share each."""
    lines = shard_hashes(read_batches(unit.payload, ["doc_id", "text"]), policy)
    write_lines(lines, policy, output)


def write_lines(lines: SharedLines, policy: Policy, output: Output) -> None:
    """Writes what a shard tells the others as its table, which `seen_stage` reads."""
    output.counts.add("unique_lines", len(lines.hashes))
    table = schemas(policy)[0]
    columns = [pa.array(column) for column in lines[: len(table)]]
    batch = pa.RecordBatch.from_arrays(columns, schema=table)
    output.write_table([batch], table, row_group_rows=_ROW_GROUP_ROWS)


def seen_stage(
    source: str, hashes: Manifest, config: LineDedupConfig, step: str = "seen_lines"
) -> Stage:
    """What of the shards' tables is seen again in their group, by the shuffle."""
    size = config.group_shards or len(hashes.files)
    units = [
        Unit(unit_name(f), (f.sha256,), _Sorted(hashes.path(f), f.rows, index // size))
        for index, f in enumerate(hashes.files)
    ]
    return Stage(
        name=f"{step}/{source}",
        config={"group_shards": config.group_shards, "policy": config.policy},
        units=units,
        inputs={"hashes": hashes.digest},
        modules=("corpus.dedup.stages",),
        gather=partial(find_seen, config.policy),
    )


def find_seen(
    policy: Policy, engine: Engine, stage: Stage, folder: str, keys: Mapping[str, str]
) -> list[UnitRecord]:
    """Shuffles blobs of hashes; every shard gets a sorted file of its lines seen again."""
    context = engine.session.sparkContext
    units = context.broadcast(list(stage.units))
    lines: dict[int, int] = {}  # by group
    for unit in stage.units:
        lines[unit.payload.group] = lines.get(unit.payload.group, 0) + unit.payload.rows
    bits = bucket_bits(max(lines.values(), default=0))
    shards = len(stage.units)
    tasks = engine.readers(shards)
    written = (
        context.parallelize(range(shards), tasks)
        .flatMap(partial(_send, units, bits))
        .partitionBy(max(len(lines) << bits, 1), int)
        .mapPartitions(partial(_return, policy))
        .repartitionAndSortWithinPartitions(tasks, itemgetter(0))
        .mapPartitions(partial(_write_seen, policy, units, folder, dict(keys)))
    )
    records = {r.name: r for r in watch(engine.session, stage.name, written.collect)}
    for unit in stage.units:
        if unit.name not in records:  # no line of the shard was seen again
            with Output(folder, unit, keys[unit.name]) as output:
                records[unit.name] = _put_seen(policy, output, iter(()))
    return [records[unit.name] for unit in stage.units]


def deduped_stage(
    source: str, extracted: Manifest, seen: Manifest, config: LineDedupConfig
) -> Stage:
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
        config={"zero_hash": config.zero_hash, "blank_lines": config.blank_lines},
        units=units,
        modules=("corpus.dedup.stages",),
        work=partial(dedup_shard, config),
    )


def dedup_shard(config: LineDedupConfig, unit: Unit, output: Output) -> None:
    """Writes a shard's documents without the lines that its group has seen again."""
    shard: _Shard = unit.payload
    seen = read_seen(shard.seen_path)
    kept = (remove_lines(batch, seen, output.counts, config) for batch in read_batches(shard.path))
    output.write_table(counted(kept, output.counts), schema.DEDUPED)


def read_seen(path: str) -> SeenLines:
    """A shard's file of `seen_stage`."""
    return SeenLines(*(column.to_numpy() for column in read_table(path).columns))


def _send(units, bits: int, shard: int) -> Iterator[tuple[int, Blob]]:
    table: _Sorted = units.value[shard].payload
    return send(table.path, shard, table.group, bits)


def _return(
    policy: Policy, sent: Iterator[tuple[int, Blob]]
) -> Iterator[tuple[tuple[int, int], Seen]]:
    """One bucket's lines seen again, each blob under its place in the crawl."""
    for blob in find_shared([blob for _, blob in sent], policy):
        yield (blob.shard, blob.start), blob


def _write_seen(
    policy: Policy,
    units,
    folder: str,
    keys: Mapping[str, str],
    returned: Iterator[tuple[tuple[int, int], Seen]],
) -> Iterator[UnitRecord]:
    """Writes one file a shard from blobs that come sorted by shard."""
    for shard, lines in receive((blob for _, blob in returned), policy):
        unit = units.value[shard]
        with Output(folder, unit, keys[unit.name]) as output:
            yield _put_seen(policy, output, lines)


def _put_seen(policy: Policy, output: Output, lines: Iterator[pa.RecordBatch]) -> UnitRecord:
    def counting() -> Iterator[pa.RecordBatch]:
        for batch in lines:
            output.counts.add("seen_again", batch.num_rows)
            yield batch

    output.write_table(counting(), schemas(policy)[1], row_group_rows=_ROW_GROUP_ROWS)
    return output.close()
