"""Which documents of a source are copies of another: of the same text, or of one URL.

Of documents that share a key the one with the smallest doc_id stays, whatever the layout of the
crawl. Keys are 128-bit hashes: among 10^12 documents two would share one by chance with a
probability of 10^-15. What this file does to batches and blobs is pure; `duplicates_stage` has the
shuffle.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema
from corpus.c4.rules import TOO_LONG

By = Literal["none", "text", "url", "c4_url"]
_ROW = np.dtype([("high", np.uint64), ("low", np.uint64), ("doc_id", np.uint64), ("row", np.int64)])
_COPY = np.dtype([("row", np.int64), ("of", np.uint64)])
_LOCAL = np.dtype([("row", np.int64), ("first", np.int64), ("of", np.uint64)])


@dataclass(frozen=True)
class DuplicatesConfig:
    """What makes two documents copies: ledger column `duplicate_of`, for a rule to act on.

    `c4_url` is the URL as the code of the released C4 compares it: without its scheme and `www.`, a
    query that begins with `utm_`, `ref` or `feed`, and slashes at its end. That code has left pages
    that are too long out before.
    """

    by: By = "none"

    @property
    def columns(self) -> tuple[str, ...]:
        """The documents' columns that this is made of, as far as they have them."""
        return ("url", "c4") if self.by == "c4_url" else (self.by,)


class Blob(NamedTuple):
    """Some of a shard's rows: their keys on the way to a bucket, or its copies on the way back."""

    shard: int
    rows: bytes
    local: bool = False  # copies within the shard, settled there


def compared(batch: pa.RecordBatch, config: DuplicatesConfig) -> pa.Array:
    """[N] strings: what documents that are copies share; null is shared with none."""
    values = batch.column(config.columns[0])
    if config.by == "c4_url":
        if "c4" in batch.schema.names:
            values = pc.if_else(pc.equal(batch.column("c4"), TOO_LONG), None, values)
        values = pc.replace_substring_regex(values, r"https?://(www\.)?", "")
        values = pc.replace_substring_regex(values, r"\?(utm_|ref|feed).*", "")
        values = pc.utf8_rtrim(values, "/")
    return values


def send(
    batches: Iterator[pa.RecordBatch], config: DuplicatesConfig, shard: int, bits: int
) -> Iterator:
    """(bucket, Blob) of a shard's documents; a bucket is what shares the top `bits` of its key.

    Of each key the shard sends its smallest doc_id alone, so what all documents of a crawl share
    costs a bucket one row a shard. The shard's own copies come with a bucket below 0.
    """
    rows = _sorted(np.concatenate([np.empty(0, _ROW), *_rows(batches, config)]))
    again = _as_before(rows)
    first = np.maximum.accumulate(np.where(again, 0, np.arange(len(rows))))
    local = np.empty(np.count_nonzero(again), _LOCAL)
    local["row"], local["first"] = rows["row"][again], rows["row"][first[again]]
    local["of"] = rows["doc_id"][first[again]]
    if len(local):
        yield -1 - shard, Blob(shard, local.tobytes(), local=True)
    rows = rows[~again]
    buckets = rows["high"] >> np.uint64(64 - bits) if bits else np.zeros(len(rows), np.uint64)
    starts = np.flatnonzero(np.diff(buckets, prepend=buckets[:1] + np.uint64(1)))
    for start, end in pairwise([*starts.tolist(), len(rows)]):
        yield int(buckets[start]), Blob(shard, rows[start:end].tobytes())


def find_copies(bucket: Sequence[Blob]) -> Iterator[Blob]:
    """Of all blobs of one bucket, by shard: the rows that are copies, and of which document."""
    sizes = [len(blob.rows) // _ROW.itemsize for blob in bucket]
    rows = np.frombuffer(b"".join(blob.rows for blob in bucket), _ROW)
    shards = np.repeat(np.array([blob.shard for blob in bucket], np.int64), sizes)
    order = _order(rows)
    rows, shards = rows[order], shards[order]
    same = _as_before(rows)
    first = np.maximum.accumulate(np.where(same, 0, np.arange(len(rows))))
    copies = np.empty(np.count_nonzero(same), _COPY)
    copies["row"], copies["of"] = rows["row"][same], rows["doc_id"][first[same]]
    shards = shards[same]
    by_shard = np.argsort(shards, kind="stable")
    copies, shards = copies[by_shard], shards[by_shard]
    starts = np.flatnonzero(np.diff(shards, prepend=-1))
    for start, end in pairwise([*starts.tolist(), len(shards)]):
        yield Blob(int(shards[start]), copies[start:end].tobytes())


def column(num_rows: int, copies: Sequence[Blob]) -> pa.RecordBatch:
    """A shard's DUPLICATE table, a row a document in order, from the blobs that came back."""
    found = np.frombuffer(b"".join(blob.rows for blob in copies if not blob.local), _COPY)
    local = np.frombuffer(b"".join(blob.rows for blob in copies if blob.local), _LOCAL)
    of, missing = np.zeros(num_rows, np.uint64), np.ones(num_rows, bool)
    of[found["row"]], missing[found["row"]] = found["of"], False
    first = local["first"]  # of which another shard may hold the one that stays
    of[local["row"]] = np.where(missing[first], local["of"], of[first])
    missing[local["row"]] = False
    return pa.RecordBatch.from_arrays([pa.array(of, mask=missing)], schema=schema.DUPLICATE)


def _rows(batches: Iterator[pa.RecordBatch], config: DuplicatesConfig) -> Iterator[np.ndarray]:
    start = 0
    for batch in batches:
        values = compared(batch, config)
        keys = _keys(values)
        rows = np.empty(len(keys), _ROW)
        rows["high"], rows["low"] = keys[:, 0], keys[:, 1]
        rows["doc_id"] = batch.column("doc_id").to_numpy()
        rows["row"] = np.arange(start, start + len(rows))
        start += len(rows)
        yield rows[values.is_valid().to_numpy(zero_copy_only=False)]


def _order(rows: np.ndarray) -> np.ndarray:
    return np.lexsort((rows["doc_id"], rows["low"], rows["high"]))


def _sorted(rows: np.ndarray) -> np.ndarray:
    return rows[_order(rows)]


def _as_before(rows: np.ndarray) -> np.ndarray:
    """[N] bool: rows whose key is that of the row before."""
    same = np.zeros(len(rows), bool)
    same[1:] = (rows["high"][1:] == rows["high"][:-1]) & (rows["low"][1:] == rows["low"][:-1])
    return same


def _keys(texts: pa.Array) -> np.ndarray:
    """[N, 2] uint64: a 128-bit hash of each string's UTF-8; of a null, anything."""
    binary = texts.cast(pa.large_binary())
    offsets = np.frombuffer(binary.buffers()[1], np.int64)[binary.offset :][: len(binary) + 1]
    data = memoryview(binary.buffers()[2] or b"")
    digests = [
        hashlib.blake2b(data[start:end], digest_size=16).digest()
        for start, end in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    ]
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)
