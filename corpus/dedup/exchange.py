"""Which lines the shards of a group share: what the tasks of the shuffle send and make of it.

A shard's line hashes are sent in blobs, cut where their top bits change. All blobs of one value of
these bits and one group are a bucket. Hashes are uniform, so a bucket has about its share of the
group's lines, and more bits keep it small: a task holds one bucket, however large the crawl.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from corpus.batches import read_batches
from corpus.dedup.line_table import LineTable
from corpus.dedup.lines import Policy

BLOB_LINES = 1 << 13  # 64 KB of hashes, as much again of document keys: small to a JVM
BUCKET_LINES = 1 << 21  # about 100 MB in the task that holds the bucket
_BATCH_BYTES = 1 << 20

_ROWS = [("shard", pa.int32()), ("start", pa.int64()), ("hashes", pa.binary())]
SENT = pa.schema(
    [("bucket", pa.int64()), *_ROWS, ("repeated", pa.binary()), ("first", pa.binary())]
)
RETURNED = pa.schema([*_ROWS, ("keepers", pa.binary())])


def schemas(policy: Policy) -> tuple[pa.Schema, pa.Schema]:
    """A shard's table of its lines, and its table of those seen again in its group."""
    hashes = [("hash", pa.uint64())]
    keyed = policy == "keep_first"
    first = [("first_doc", pa.uint64())] if keyed else []  # the smallest doc_id with the line
    keeper = [("keeper", pa.uint64())] if keyed else []  # the doc_id that keeps it, in the group
    return (
        pa.schema([*hashes, ("repeated", pa.bool_()), *first]),  # in two documents of the shard
        pa.schema([*hashes, *keeper]),
    )


def bucket_bits(lines: int) -> int:
    """Top bits to cut a group of so many lines by."""
    return max((lines - 1) // BUCKET_LINES, 0).bit_length()


def send(path: str, shard: int, group: int, bits: int) -> Iterator[pa.RecordBatch]:
    """Cuts a shard's sorted table of lines into batches of SENT."""
    return _in_batches(_cut(path, shard, group, bits), SENT)


def find_shared(batches: Iterable[pa.RecordBatch], policy: Policy) -> Iterator[pa.RecordBatch]:
    """Takes SENT, buckets one after another, to RETURNED: each blob's lines that are seen again."""
    return _in_batches(_shared(batches, policy), RETURNED)


def receive(
    batches: Iterable[pa.RecordBatch], policy: Policy
) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Takes RETURNED, sorted by shard and start, to each shard's table of lines seen again."""
    schema = schemas(policy)[1]

    def blobs() -> Iterator[tuple[int, pa.RecordBatch]]:
        for batch in batches:
            shards, _, hashes, keepers = batch.columns
            for row in range(batch.num_rows):
                cells = (hashes, keepers)[: len(schema)]
                columns = [pa.array(_numbers(cell, row)) for cell in cells]
                yield shards[row].as_py(), pa.RecordBatch.from_arrays(columns, schema=schema)

    for shard, rows in groupby(blobs(), lambda blob: blob[0]):
        yield shard, (batch for _, batch in rows)


class _Row(NamedTuple):
    """A blob as sent."""

    bucket: int
    shard: int
    start: int  # the blob's first row in the shard's table
    hashes: np.ndarray  # uint64
    repeated: np.ndarray  # bool
    first: np.ndarray  # uint64


def _cut(path: str, shard: int, group: int, bits: int) -> Iterator[tuple]:
    start = 0
    for part in read_batches(path, rows=BLOB_LINES):
        hashes = part.column("hash").to_numpy()
        repeated = part.column("repeated").to_numpy(zero_copy_only=False)
        keyed = "first_doc" in part.schema.names
        first = part.column("first_doc").to_numpy() if keyed else np.empty(0, np.uint64)
        top = hashes >> np.uint64(64 - bits) if bits else np.zeros_like(hashes)
        cuts = [0, *(np.flatnonzero(np.diff(top)) + 1).tolist(), len(hashes)]
        for begin, end in pairwise(cuts):
            piece = slice(begin, end)
            flags = np.packbits(repeated[piece])
            cells = (cell.tobytes() for cell in (hashes[piece], flags, first[piece]))
            yield ((group << bits) + int(top[begin]), shard, start + begin, *cells)
        start += len(hashes)


def _shared(batches: Iterable[pa.RecordBatch], policy: Policy) -> Iterator[tuple]:
    keyed = policy == "keep_first"
    for _, rows in groupby(_rows(batches), lambda row: row.bucket):
        bucket = list(rows)
        table = LineTable(keyed, sum(len(row.hashes) for row in bucket))
        for row in bucket:
            owner = np.full(len(row.hashes), row.shard + 1, np.uint32)
            table.add(row.hashes, owner, row.repeated, row.first if keyed else None)
        for row in bucket:
            hashes, keepers = table.seen_again(row.hashes)
            if len(hashes):
                yield row.shard, row.start, hashes.tobytes(), keepers.tobytes()


def _rows(batches: Iterable[pa.RecordBatch]) -> Iterator[_Row]:
    for batch in batches:
        buckets, shards, starts, hashes, repeated, first = batch.columns
        for row in range(batch.num_rows):
            lines = _numbers(hashes, row)
            packed = np.frombuffer(repeated[row].as_buffer(), np.uint8)
            yield _Row(
                buckets[row].as_py(),
                shards[row].as_py(),
                starts[row].as_py(),
                lines,
                np.unpackbits(packed, count=len(lines)).astype(bool),
                _numbers(first, row),
            )


def _in_batches(rows: Iterable[tuple], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Rows in batches of a little more than _BATCH_BYTES."""
    waiting: list[tuple] = []
    size = 0

    def batch() -> pa.RecordBatch:
        columns = zip(*waiting, strict=True)
        arrays = [pa.array(c, field.type) for c, field in zip(columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    for row in rows:
        waiting.append(row)
        size += sum(len(cell) for cell in row if isinstance(cell, bytes))
        if size >= _BATCH_BYTES:
            yield batch()
            waiting, size = [], 0
    if waiting:
        yield batch()


def _numbers(cells: pa.Array, row: int) -> np.ndarray:
    return np.frombuffer(cells[row].as_buffer(), np.uint64)
