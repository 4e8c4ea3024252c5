"""The stage `duplicates/<source>`: a row a document beside each file of text, in its order.

One Spark shuffle: a key of 32 bytes a document to the bucket it meets its copies in, and the copies
back to their shard. A shard sends one row a key, so a bucket is about BUCKET_DOCUMENTS however many
there are and however alike, and memory is flat.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from corpus import schema
from corpus.batches import read_batches, unit_name
from corpus.dedup.duplicates import Blob, DuplicatesConfig, column, find_copies, send
from corpus.manifest import Manifest
from corpus.output import Output, Unit, UnitRecord
from corpus.spark import Engine, watch
from corpus.stage import Stage

BUCKET_DOCUMENTS = 1 << 20  # about 100 MB in the task that holds the bucket


def stage(source: str, text: Manifest, config: DuplicatesConfig) -> Stage:
    units = [Unit(unit_name(f), (f.sha256,), (text.path(f), f.rows)) for f in text.files]
    return Stage(
        name=f"duplicates/{source}",
        config=config,
        units=units,
        modules=("corpus.dedup.duplicates_stage",),
        gather=partial(find_duplicates, config),
    )


def find_duplicates(
    config: DuplicatesConfig, engine: Engine, stage: Stage, folder: str, keys: Mapping[str, str]
) -> list[UnitRecord]:
    """Shuffles the documents' keys; every shard gets a file that says which of it are copies."""
    context = engine.session.sparkContext
    units = context.broadcast(list(stage.units))
    shards = range(len(stage.units))
    documents = sum(rows for _, rows in (unit.payload for unit in stage.units))
    bits = max((documents - 1) // BUCKET_DOCUMENTS, 0).bit_length()
    tasks = engine.readers(len(shards))
    returned = (
        context.parallelize(shards, tasks)
        .flatMap(partial(_send, units, config, bits))
        .partitionBy(1 << bits, int)
        .mapPartitions(_meet)
    )
    # every shard is there, so that one without a copy gets its file too
    empty = context.parallelize([(shard, Blob(shard, b"")) for shard in shards], tasks)
    written = (
        returned.union(empty).groupByKey(tasks, int).map(partial(_write, units, folder, dict(keys)))
    )
    records = {record.name: record for record in watch(engine.session, stage.name, written.collect)}
    return [records[unit.name] for unit in stage.units]


def _send(units, config: DuplicatesConfig, bits: int, shard: int) -> Iterator[tuple[int, Blob]]:
    path, _ = units.value[shard].payload
    return send(read_batches(path, ["doc_id", *config.columns]), config, shard, bits)


def _meet(sent: Iterable[tuple[int, Blob]]) -> Iterator[tuple[int, Blob]]:
    blobs = [blob for _, blob in sent]
    for blob in [blob for blob in blobs if blob.local]:
        yield blob.shard, blob
    for blob in find_copies([blob for blob in blobs if not blob.local]):
        yield blob.shard, blob


def _write(units, folder: str, keys: Mapping[str, str], returned) -> UnitRecord:
    shard, blobs = returned
    unit = units.value[shard]
    table = column(unit.payload[1], list(blobs))
    with Output(folder, unit, keys[unit.name]) as output:
        output.counts.add("documents", table.num_rows)
        output.counts.add("copies", table.num_rows - table.column("duplicate_of").null_count)
        output.write_table([table], schema.DUPLICATE)
        return output.close()
