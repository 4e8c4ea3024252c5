"""The stage `overlaps/<source>`: a row a document beside each file of text, in its order.

Sampled shingles meet in buckets, which gives pairs; what a pair shares is added up over buckets;
pairs that share enough are measured on their whole texts. Whatever the source's size, tasks hold a
bucket, or two row groups and the shingles of two documents; the driver holds 48 bytes a pair.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import numpy as np

from corpus import schema
from corpus.batches import read_batches, unit_name
from corpus.dedup import overlap
from corpus.dedup.overlap import PAIR, OverlapConfig
from corpus.dedup.row_texts import RowTexts
from corpus.dedup.shingles import shingle_set
from corpus.kernels.shingles import count_common
from corpus.manifest import Manifest
from corpus.output import Output, Unit, UnitRecord
from corpus.spark import Engine, watch
from corpus.stage import Stage

BUCKET_ROWS = 1 << 19  # sampled shingles, about: 17 MB, and as many pairs eight times at most
PACKED_WORD_BYTES = 2  # of a file, about, a word of its texts
PAIRS_A_TASK = 64
SPREAD = np.uint64(0x9E3779B97F4A7C15)  # Fibonacci hashing


def stage(source: str, text: Manifest, config: OverlapConfig) -> Stage:
    units = [
        Unit(unit_name(file), (file.sha256,), (text.path(file), file.rows, file.bytes))
        for file in text.files
    ]
    return Stage(
        name=f"overlaps/{source}",
        config=config,
        units=units,
        modules=("corpus.dedup.overlap_stage",),
        gather=partial(find_overlaps, config),
    )


def find_overlaps(
    config: OverlapConfig, engine: Engine, stage: Stage, folder: str, keys: Mapping[str, str]
) -> list[UnitRecord]:
    """Finds pairs, measures them, and writes for every shard what was found of its documents."""
    context = engine.session.sparkContext
    units = context.broadcast(list(stage.units))
    shards = range(len(stage.units))
    packed = sum(size for _, _, size in (unit.payload for unit in stage.units))
    buckets = packed // PACKED_WORD_BYTES // config.sample // BUCKET_ROWS
    bits = buckets.bit_length()
    tasks = engine.readers(len(shards))
    blobs = (
        context.parallelize(shards, tasks)
        .flatMap(partial(_send, units, config, bits))
        .partitionBy(1 << bits, int)
        .mapPartitions(partial(_meet, 1 << bits))
        .partitionBy(1 << bits, int)
        .mapPartitions(partial(_candidates, config))
    )
    found = np.frombuffer(b"".join(watch(engine.session, stage.name, blobs.collect)), PAIR)
    found = overlap.add_up(found)  # in one order, whatever that of the tasks
    runs = [found[at : at + PAIRS_A_TASK].tobytes() for at in range(0, len(found), PAIRS_A_TASK)]
    measured = b"".join(engine.map(partial(_measure, units, config), runs, stage.name))
    reported = overlap.resolve(np.frombuffer(measured, PAIR), config)
    work = [(shard, reported.get(shard, [])) for shard in shards]
    write = partial(_write, units, config, folder, dict(keys))
    return engine.map(write, work, stage.name)


def _send(units, config: OverlapConfig, bits: int, shard: int) -> Iterator[tuple[int, bytes]]:
    path = units.value[shard].payload[0]
    return overlap.send(read_batches(path, ["doc_id", "text"]), config, shard, bits)


def _meet(tasks: int, sent: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """All rows of one bucket to pairs, each on its way to the task that adds it up."""
    pairs = overlap.meet([rows for _, rows in sent])
    to = (pairs["short"] * SPREAD >> np.uint64(32)) % np.uint64(tasks)
    yield from overlap.parted(pairs, to)


def _candidates(config: OverlapConfig, sent: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    pairs = np.frombuffer(b"".join(blob for _, blob in sent), PAIR)
    yield overlap.candidates(overlap.add_up(pairs), config).tobytes()


def _measure(units, config: OverlapConfig, run: bytes) -> bytes:
    """Pairs, ordered by the longer document, with what their whole texts share."""
    pairs = np.frombuffer(run, PAIR).copy()
    texts = RowTexts([unit.payload[0] for unit in units.value])
    held, longer = None, np.empty(0, np.uint64)
    for pair in pairs:
        if pair["long"] != held:
            held = pair["long"]
            longer = _shingles(texts, int(held), config)
        shorter = _shingles(texts, int(pair["short"]), config)
        pair["shared"] = count_common(shorter, longer)
    return pairs.tobytes()


def _shingles(texts: RowTexts, place: int, config: OverlapConfig) -> np.ndarray:
    return shingle_set(texts.text(place >> 32, place & 0xFFFFFFFF), config.shingle_words)


def _write(units, config: OverlapConfig, folder: str, keys: Mapping[str, str], found) -> UnitRecord:
    shard, rows = found
    unit = units.value[shard]
    table = overlap.column(unit.payload[1], rows)
    with Output(folder, unit, keys[unit.name]) as output:
        output.counts.add("documents", table.num_rows)
        output.counts.add("overlapping", len(rows))
        contained = sum(share > config.max_containment for _, share, _ in rows)
        output.counts.add("contained", contained)
        output.write_table([table], schema.OVERLAP)
        return output.close()
