"""Which documents of a source are contained in a longer one: editions, volumes, stories of a book.

Containment is the share of a document's distinct word shingles that the other has too (Broder, "On
the resemblance and containment of documents", 1997). A sample of the shingles, the same in every
document, finds pairs that may be; each is then measured on all shingles. So no pair is guessed from
a sketch. What this file does to batches and arrays is pure; `overlap_stage` has the shuffles.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.dedup.shingles import shingle_set
from corpus.errors import ConfigError

LONGEST = 8  # of the documents that share a shingle so many are compared with all others
COMMON = 4096  # documents: what so many share tells none of them apart

_ROW = np.dtype(
    [
        ("shingle", np.uint64),
        ("doc_id", np.uint64),
        ("place", np.uint64),  # shard << 32 | row
        ("size", np.uint32),  # distinct shingles of the document
        ("sampled", np.uint32),  # of these in the sample
    ]
)
PAIR = np.dtype(
    [
        ("short", np.uint64),  # places
        ("long", np.uint64),
        ("short_id", np.uint64),
        ("long_id", np.uint64),
        ("short_size", np.uint32),
        ("long_size", np.uint32),
        ("sampled", np.uint32),  # of the shorter document
        ("shared", np.uint32),  # in the sample; of all shingles once the pair is measured
    ]
)
_AT_ONCE = 1 << 16  # pairs
_FOUND = np.dtype([("row", np.int64), ("share", np.float64), ("of", np.uint64)])


@dataclass(frozen=True)
class OverlapConfig:
    """Ledger columns `overlap` and `overlap_with`, for a rule to act on.

    A document of which a longer one that stays holds more than `max_containment` does not stay.
    One shingle in `sample` is compared at first; a document of fewer than some 20 times as many
    words may be missed, never wrongly named.
    """

    enabled: bool = False
    shingle_words: int = 5
    max_containment: float = 0.9
    sample: int = 32

    def __post_init__(self) -> None:
        for name, most in (("shingle_words", 64), ("sample", 1 << 20)):
            if not 1 <= getattr(self, name) <= most:
                raise ConfigError(f"{name}={getattr(self, name)} must be between 1 and {most}")
        if not 0 < self.max_containment <= 1:
            raise ConfigError(f"max_containment={self.max_containment} must be in (0, 1]")

    @property
    def floor(self) -> float:
        """The least containment that is reported, and that a sample must hint at."""
        return self.max_containment / 2


def send(
    batches: Iterator[pa.RecordBatch], config: OverlapConfig, shard: int, bits: int
) -> Iterator[tuple[int, bytes]]:
    """(bucket, rows) of the sampled shingles of a shard's documents; 2^bits buckets."""
    start = 0
    for batch in batches:
        parts = []
        doc_ids = batch.column("doc_id").to_pylist()
        for row, (text, doc_id) in enumerate(zip(batch.column("text"), doc_ids, strict=True)):
            shingles = shingle_set(text, config.shingle_words)
            sampled = shingles[: np.searchsorted(shingles, np.uint64((2**64 - 1) // config.sample))]
            part = np.empty(len(sampled), _ROW)
            part["shingle"], part["doc_id"] = sampled, doc_id
            part["place"] = shard << 32 | (start + row)
            part["size"], part["sampled"] = len(shingles), len(sampled)
            parts.append(part)
        start += batch.num_rows
        rows = np.concatenate(parts) if parts else np.empty(0, _ROW)
        yield from parted(rows, rows["shingle"] & np.uint64((1 << bits) - 1))


def parted(rows: np.ndarray, to: np.ndarray) -> Iterator[tuple[int, bytes]]:
    """(where to, bytes) of the rows that go to one place, in their order."""
    order = np.argsort(to, kind="stable")
    rows, to = rows[order], to[order]
    starts = np.flatnonzero(np.diff(to, prepend=to[:1] + np.uint64(1)))
    for start, end in zip(starts, [*starts[1:], len(to)], strict=False):
        yield int(to[start]), rows[start:end].tobytes()


def meet(bucket: Sequence[bytes]) -> np.ndarray:
    """[P] PAIR of the documents that share shingles of one bucket, `shared` counting these."""
    rows = np.frombuffer(b"".join(bucket), _ROW)
    longest_first = np.uint32(2**32 - 1) - rows["size"]
    rows = rows[np.lexsort((rows["place"], rows["doc_id"], longest_first, rows["shingle"]))]
    starts = np.flatnonzero(np.diff(rows["shingle"], prepend=rows["shingle"][:1] + np.uint64(1)))
    sizes = np.diff(starts, append=len(rows))
    first = np.repeat(starts, sizes)
    rank = np.arange(len(rows)) - first
    found = []
    for number in range(LONGEST):
        short = np.flatnonzero((rank > number) & (np.repeat(sizes, sizes) <= COMMON))
        ends = {"short": rows[short], "long": rows[first[short] + number]}
        pairs = np.empty(len(short), PAIR)
        for end, side in ends.items():
            pairs[end], pairs[f"{end}_id"] = side["place"], side["doc_id"]
            pairs[f"{end}_size"] = side["size"]
        pairs["sampled"], pairs["shared"] = ends["short"]["sampled"], 1
        found.append(pairs)
    return add_up(np.concatenate(found))


def add_up(pairs: np.ndarray) -> np.ndarray:
    """Each pair once, by its places, with the sum of what it shares."""
    pairs = pairs[np.lexsort((pairs["short"], pairs["long"]))]
    new = np.ones(len(pairs), bool)
    new[1:] = (np.diff(pairs["short"]) != 0) | (np.diff(pairs["long"]) != 0)
    starts = np.flatnonzero(new)
    once = pairs[starts]
    if len(starts):
        once["shared"] = np.add.reduceat(pairs["shared"], starts, dtype=np.uint32)
    return once


def candidates(pairs: np.ndarray, config: OverlapConfig) -> np.ndarray:
    """The added-up pairs whose sample shares half of what a contained document's would."""
    return pairs[pairs["shared"] >= config.floor * pairs["sampled"]]


def resolve(pairs: np.ndarray, config: OverlapConfig) -> dict[int, list[tuple[int, float, int]]]:
    """From measured pairs: by shard the (row, containment, doc_id) of each document to report.

    Longest documents first: of those that stay the one that holds most of a document is named.
    """
    share = pairs["shared"] / pairs["short_size"]
    pairs, share = pairs[share >= config.floor], share[share >= config.floor]
    # of equal lengths and shares the smaller id stays and is named
    by_long = (pairs["long"], pairs["long_id"], _descending(pairs["long_size"]), -share)
    by_short = (pairs["short"], pairs["short_id"], _descending(pairs["short_size"]))
    order = np.lexsort((*by_long, *by_short))
    gone: set[int] = set()
    named: set[int] = set()
    found: dict[int, list[tuple[int, float, int]]] = {}
    for start in range(0, len(order), _AT_ONCE):  # Python's numbers take ten times the room
        part = order[start : start + _AT_ONCE]
        for pair, contained in zip(pairs[part].tolist(), share[part].tolist(), strict=True):
            short, long, _, long_id = pair[:4]
            if short in named or long in gone:
                continue
            named.add(short)
            found.setdefault(short >> 32, []).append((short & 0xFFFFFFFF, contained, long_id))
            if contained > config.max_containment:
                gone.add(short)
    return found


def column(num_rows: int, found: Sequence[tuple[int, float, int]]) -> pa.RecordBatch:
    """A shard's OVERLAP table, a row a document in order."""
    rows = np.array(list(found), _FOUND)
    share, of = np.zeros(num_rows), np.zeros(num_rows, np.uint64)
    missing = np.ones(num_rows, bool)
    at = rows["row"]
    share[at], of[at], missing[at] = rows["share"], rows["of"], False
    arrays = [pa.array(share, mask=missing), pa.array(of, mask=missing)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema.OVERLAP)


def _descending(values: np.ndarray) -> np.ndarray:
    return -values.astype(np.int64)
