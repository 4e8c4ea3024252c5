"""Writes one split of a unit's documents of one part of the mixture as shards of even sizes.

How many tokens there are is known at the end only, so they wait in a scratch file: shards filled
one after another would leave a last one of any size. Memory holds the ids and lengths alone.
"""

import itertools

import numpy as np

from corpus.output import Output
from tokenizer.encode import Encoder
from tokenizer.shards import token_dtype, write_shard


class ShardWriter:
    """Takes encoded documents in any batches; `close` writes the same shards for all of them."""

    def __init__(
        self,
        stem: str,
        source: str,
        split: str,
        encoder: Encoder,
        shard_tokens: int,
        output: Output,
        corpus_source: str = "",
    ) -> None:
        """`source` is the part of the mixture, `corpus_source` whose documents, where that differs.

        `stem` is of this part alone in its unit.
        """
        self.stem, self.source, self.split = stem, source, split
        self.corpus_source = corpus_source or source
        self.encoder, self.shard_tokens, self.output = encoder, shard_tokens, output
        self.dtype = token_dtype(encoder.vocab_size)
        self.ids: list[np.ndarray] = []
        self.lengths: list[np.ndarray] = []
        self.waiting = output.scratch / f"{stem}-{split}.tokens"
        self._stream = self.waiting.open("wb")

    def add(self, ids: np.ndarray, tokens: np.ndarray, offsets: np.ndarray) -> None:
        """Takes documents [D] with tokens [N] and offsets [D + 1]."""
        self.ids.append(np.asarray(ids, dtype=np.uint64))
        self.lengths.append(np.diff(offsets))
        np.asarray(tokens, dtype=self.dtype).tofile(self._stream)

    def close(self) -> None:
        """Writes all documents as shards of about equal tokens, as few as `shard_tokens` allows."""
        self._stream.close()
        if not self.ids:
            return
        ids = np.concatenate(self.ids)
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(self.lengths))]).astype(np.int64)
        empty = np.zeros(0, dtype=self.dtype)
        tokens = np.memmap(self.waiting, self.dtype, "r") if offsets[-1] else empty
        cuts = even_cuts(offsets, self.shard_tokens)
        for index, (first, last) in enumerate(itertools.pairwise(cuts)):
            self._put(
                index,
                ids[first:last],
                tokens[offsets[first] : offsets[last]],
                offsets[first : last + 1] - offsets[first],
            )
        self.waiting.unlink()

    def _put(self, index: int, ids: np.ndarray, tokens: np.ndarray, offsets: np.ndarray) -> None:
        local = self.output.scratch / "shard.arrow"
        write_shard(str(local), ids, tokens, offsets, self.encoder.hash, self.encoder.vocab_size)
        facts = {
            "source": self.source,
            "corpus_source": self.corpus_source,
            "split": self.split,
            "tokens": len(tokens),
            "tokenizer": self.encoder.hash,
        }
        self.output.put(local, f"{self.stem}-{self.split}-{index:05d}", "arrow", len(ids), facts)
        self.output.counts.add(f"tokens {self.source} {self.split}", len(tokens))
        self.output.counts.add("documents", len(ids))


def even_cuts(offsets: np.ndarray, most: int) -> list[int]:
    """Where documents with offsets [D + 1] are cut into shards: document numbers, 0 and D included.

    No shard has more than `most` tokens but for a document longer than that, which has its own. The
    ends are the documents' ends nearest to equal shares: no shard is off its share by more than the
    longest document, unless single documents come near `most`.
    """
    least = max(1, -(-int(offsets[-1]) // most))
    for shards in (least, least + 1 + least // 16):  # shares that leave room for a last document
        cuts = _nearest_cuts(offsets, shards)
        if np.diff(offsets[cuts]).max() <= most:
            return cuts
    pieces = itertools.pairwise(_nearest_cuts(offsets, least))
    return [0, *itertools.chain.from_iterable(_halved(offsets, a, b, most) for a, b in pieces)]


def _nearest_cuts(offsets: np.ndarray, shards: int) -> list[int]:
    documents, total = len(offsets) - 1, int(offsets[-1])
    shares = np.array([total * number // shards for number in range(1, shards)], dtype=np.int64)
    after = np.searchsorted(offsets, shares)
    is_nearer = shares - offsets[after - 1] < offsets[after] - shares
    cuts = np.where(is_nearer, after - 1, after)
    inner = sorted({int(cut) for cut in cuts if 0 < cut < documents})
    return [0, *inner, documents]


def _halved(offsets: np.ndarray, first: int, last: int, most: int) -> list[int]:
    """Ends of shards of documents [first, last), halved until each holds `most` or a document."""
    if offsets[last] - offsets[first] <= most or last - first == 1:
        return [last]
    middle = (int(offsets[first]) + int(offsets[last])) // 2
    cut = first + int(np.searchsorted(offsets[first:last], middle))
    cut = min(max(cut, first + 1), last - 1)
    return [*_halved(offsets, first, cut, most), *_halved(offsets, cut, last, most)]
