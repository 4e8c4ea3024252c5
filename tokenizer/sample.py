"""A keyed sample of documents: those with the smallest hashes of their ids, so many bytes of them.

It depends on the documents only, not on how they arrive, and the sample of several parts' samples
is the sample of the whole: parts are sampled apart, by Spark tasks, and their samples joined.
"""

import heapq

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.keyed import uniform


class Sample:
    """Documents in the order of their hashes, just enough for `wanted` bytes of UTF-8 text.

    Holds little more than the sample itself.
    """

    def __init__(self, wanted: int, seed: int, below: float = 1.0) -> None:
        self.wanted, self.seed, self.below = wanted, seed, below
        self.bytes = 0
        self._heap: list[tuple[float, int, str, int]] = []  # the largest hash first

    def add(self, doc_ids: np.ndarray, texts: pa.Array) -> None:
        """Takes documents [D]: ids [D] uint64 and as many texts; hashes from `below` on pass by."""
        places = uniform(doc_ids, self.seed, "tokenizer sample")
        limit = -self._heap[0][0] if self.bytes >= self.wanted else 1.0
        rows = np.flatnonzero((places <= limit) & (places < self.below))
        if not len(rows):
            return
        taken = texts.take(pa.array(rows))
        sizes = pc.binary_length(taken).to_pylist()
        ids = doc_ids[rows].tolist()
        for place, doc_id, text, size in zip(places[rows].tolist(), ids, taken, sizes, strict=True):
            full = self.bytes >= self.wanted
            if full and (-place, -doc_id) < self._heap[0][:2]:
                continue
            heapq.heappush(self._heap, (-place, -doc_id, text.as_py(), size))
            self.bytes += size
            while self.bytes - self._heap[0][3] >= self.wanted:
                self.bytes -= heapq.heappop(self._heap)[3]

    def documents(self) -> list[tuple[int, str]]:
        """(doc_id, text), the smallest hash first."""
        return [(-doc_id, text) for _, doc_id, text, _ in sorted(self._heap, reverse=True)]
