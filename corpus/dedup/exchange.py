"""Which lines the shards of a group share: what the tasks of the shuffle send and make of it.

A shard's line hashes are sent in blobs, cut where their top bits change. All blobs of one value of
these bits and one group are a bucket. Hashes are uniform, so a bucket has about its share of the
group's lines, and more bits keep it small: a task holds one bucket, however large the crawl.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from corpus.batches import read_batches
from corpus.dedup.line_table import LineTable
from corpus.dedup.lines import Policy

BLOB_LINES = 1 << 13  # 64 KB of hashes, as much again of document keys: small to a JVM
BUCKET_LINES = 1 << 21  # about 100 MB in the task that holds the bucket


class Blob(NamedTuple):
    """Some of a shard's lines, as sent to their bucket."""

    shard: int
    start: int  # the blob's first row in the shard's table
    hashes: bytes  # uint64, ascending
    repeated: bytes  # packed bits
    first: bytes  # uint64 document keys, or nothing


class Seen(NamedTuple):
    """A blob's lines that are seen again, on their way back to the shard."""

    shard: int
    start: int
    hashes: bytes
    keepers: bytes


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


def send(path: str, shard: int, group: int, bits: int) -> Iterator[tuple[int, Blob]]:
    """Cuts a shard's sorted table of lines into blobs, each with the number of its bucket."""
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
            yield (group << bits) + int(top[begin]), Blob(shard, start + begin, *cells)
        start += len(hashes)


def find_shared(bucket: Sequence[Blob], policy: Policy) -> Iterator[Seen]:
    """Of each blob of one bucket the lines that are seen again in the group."""
    keyed = policy == "keep_first"
    table = LineTable(keyed, sum(len(blob.hashes) // 8 for blob in bucket))
    for blob in bucket:
        hashes = _numbers(blob.hashes)
        packed = np.frombuffer(blob.repeated, np.uint8)
        table.add(
            hashes,
            np.full(len(hashes), blob.shard + 1, np.uint32),
            np.unpackbits(packed, count=len(hashes)).astype(bool),
            _numbers(blob.first) if keyed else None,
        )
    for blob in bucket:
        hashes, keepers = table.seen_again(_numbers(blob.hashes))
        if len(hashes):
            yield Seen(blob.shard, blob.start, hashes.tobytes(), keepers.tobytes())


def receive(
    returned: Iterable[Seen], policy: Policy
) -> Iterator[tuple[int, Iterator[pa.RecordBatch]]]:
    """Takes blobs sorted by shard and start to each shard's table of lines seen again."""
    schema = schemas(policy)[1]

    def batch(blob: Seen) -> pa.RecordBatch:
        cells = (blob.hashes, blob.keepers)[: len(schema)]
        return pa.RecordBatch.from_arrays([pa.array(_numbers(c)) for c in cells], schema=schema)

    for shard, blobs in groupby(returned, lambda blob: blob.shard):
        yield shard, map(batch, blobs)


def _numbers(cell: bytes) -> np.ndarray:
    return np.frombuffer(cell, np.uint64)
