"""CCNet's removal of repeated lines (arXiv:1911.00359, section 3.1), batch by batch.

A line is the first 8 bytes of the SHA-1 of its normalised form. What occurs in two documents of a
group of shards is navigation, a footer or a copied text, and goes everywhere, its first copy
included. A line repeated inside one document only keeps its first copy there.
"""

import hashlib
from collections.abc import Iterable
from itertools import compress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.counts import Counts
from corpus.dedup.normalize import normalize_lines
from corpus.schema import DEDUPED

_HASH = np.dtype("<u8")


def document_line_hashes(text: str) -> np.ndarray:
    """The [lines] uint64 hashes of a text split at newlines; blank lines are hashed as well."""
    return np.frombuffer(_LineHasher().hash_document(text), _HASH)


def shard_hashes(texts: Iterable[pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    """What one shard tells the others about its lines.

    Takes the shard's texts in string arrays of any size. Returns its distinct line hashes, [H]
    uint64 ascending, and [H] bool: whether two documents of the shard have the hash (repeats
    inside one document do not count).
    """
    hashes = [np.empty(0, np.uint64)]
    repeated = [np.empty(0, bool)]
    for batch in texts:
        values, in_documents = np.unique(_Lines(batch).once_a_document(), return_counts=True)
        hashes.append(values)
        repeated.append(in_documents > 1)
    merged, index = np.unique(np.concatenate(hashes), return_inverse=True)
    in_batches = np.bincount(index, minlength=len(merged))
    in_one_batch = np.bincount(index, weights=np.concatenate(repeated), minlength=len(merged))
    return merged, (in_batches > 1) | (in_one_batch > 0)


def remove_lines(batch: pa.RecordBatch, seen_again: np.ndarray, counts: Counts) -> pa.RecordBatch:
    """Takes a batch of DOCUMENT to DEDUPED, without the lines seen again in other documents.

    `seen_again` is [S] uint64 ascending. A document of which no text is left is dropped and
    counted under "no line left"; lines and characters before and after are counted for all.
    """
    lines = _Lines(batch.column("text"))
    kept = lines.first_in_document() & ~_contains(seen_again, lines.hashes)
    rows, texts, line_ids, original_nlines, original_length = [], [], [], [], []
    urls = batch.column("url")
    for row, text in enumerate(lines.texts):
        mask = kept[lines.starts[row] : lines.starts[row + 1]]
        ids = np.flatnonzero(mask).astype(np.int32)
        left = text if len(ids) == len(mask) else "\n".join(compress(text.split("\n"), mask))
        counts.add("lines_in", len(mask))
        counts.add("chars_in", len(text))
        if not left or left.isspace():  # a lone blank line is no text either
            counts.skip("no line left", urls[row].as_py())
            continue
        counts.add("lines_out", len(ids))
        counts.add("chars_out", len(left))
        rows.append(row)
        texts.append(left)
        line_ids.append(ids)
        original_nlines.append(len(mask))
        original_length.append(len(text))
    survivors = batch.take(pa.array(rows, pa.int64()))
    new = {
        "text": pa.array(texts, pa.large_string()),
        "line_ids": _list_array(line_ids),
        "original_nlines": pa.array(original_nlines, pa.int32()),
        "original_length": pa.array(original_length, pa.int32()),
    }
    columns = [new[f.name] if f.name in new else survivors.column(f.name) for f in DEDUPED]
    return pa.RecordBatch.from_arrays(columns, schema=DEDUPED)


class _LineHasher:
    """Hashes lines, each distinct one of a batch once: navigation repeats on every page."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}

    def hash_document(self, text: str) -> bytes:
        """8 bytes a line."""
        known, digests = self._known, []
        for line in normalize_lines(text):
            digest = known.get(line)
            if digest is None:
                digest = hashlib.sha1(line, usedforsecurity=False).digest()[:8]
                known[line] = digest
            digests.append(digest)
        return b"".join(digests)


class _Lines:
    """The hashes of all lines of a batch of texts, document after document."""

    def __init__(self, texts: pa.Array) -> None:
        hasher = _LineHasher()
        self.texts: list[str] = pc.fill_null(texts, "").to_pylist()
        hashed = [hasher.hash_document(text) for text in self.texts]
        lengths = np.fromiter((len(digests) // 8 for digests in hashed), np.int64, len(hashed))
        self.hashes = np.frombuffer(b"".join(hashed), _HASH)  # [lines]
        self.starts = np.concatenate([[0], np.cumsum(lengths)])  # [documents + 1]
        self._document = np.repeat(np.arange(len(hashed)), lengths)  # [lines]

    def first_in_document(self) -> np.ndarray:
        """[lines] bool: whether no earlier line of the document has the same hash."""
        values, index = np.unique(self.hashes, return_inverse=True)
        _, first = np.unique(self._document * len(values) + index, return_index=True)
        mask = np.zeros(len(self.hashes), bool)
        mask[first] = True
        return mask

    def once_a_document(self) -> np.ndarray:
        """The hashes of every document without its own repeats."""
        return self.hashes[self.first_in_document()]


def _contains(ascending: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """[W] bool: which of `wanted` are in an ascending array."""
    if not len(ascending):
        return np.zeros(len(wanted), bool)
    values, index = np.unique(wanted, return_inverse=True)  # sorted look-ups stay in cache
    place = np.minimum(np.searchsorted(ascending, values), len(ascending) - 1)
    return (ascending[place] == values)[index]


def _list_array(parts: list[np.ndarray]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int32)
    values = np.concatenate([np.empty(0, np.int32), *parts])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
