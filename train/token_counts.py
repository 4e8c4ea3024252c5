"""How often each token occurs in a source: what the unigram baseline is made of."""

from collections.abc import Iterator

import numpy as np

from corpus.errors import ShardError
from train.streams import TokenStream, manifest_files

_COUNT_CHUNK = 1 << 22  # tokens; bincount widens what it counts to int64
_COUNT_SPANS = 4096  # that a source's counted tokens are spread over


def token_counts(
    manifest: str,
    source: str,
    split: str,
    vocab_size: int,
    max_tokens: int | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> np.ndarray:
    """How often each token id occurs in a source's split, [vocab_size] int64.

    Of a split with more than `max_tokens` a sample of at most so many is counted: the heads of
    4,096 equal spans of it, the same ones in every call. Each of several ranks counts a part of
    its own; the sum over ranks does not depend on how many they are.
    """
    stream = TokenStream(manifest, manifest_files(manifest), (source,), split)
    limit = stream.num_tokens if max_tokens is None else max_tokens
    counts = np.zeros(vocab_size, dtype=np.int64)
    for start, stop in _count_spans(stream.num_tokens, limit, rank, ranks):
        while start < stop:
            shard, place = stream.locate(start)
            end = min(place + min(stop - start, _COUNT_CHUNK), stream.files[shard].tokens)
            tokens = stream.tokens(shard, place, end)
            found = np.bincount(tokens, minlength=vocab_size)
            if len(found) > vocab_size:
                raise ShardError(
                    f"{stream.files[shard].path} holds token {len(found) - 1}, the vocabulary has "
                    f"{vocab_size}; give the vocabulary of the shards' tokenizer"
                )
            counts += found
            start += len(tokens)
    return counts


def _count_spans(
    num_tokens: int, max_tokens: int, rank: int, ranks: int
) -> Iterator[tuple[int, int]]:
    # Starts and ends, in a stream, of what a rank counts.
    if num_tokens <= max_tokens:
        yield num_tokens * rank // ranks, num_tokens * (rank + 1) // ranks
        return
    count = min(_COUNT_SPANS, max_tokens)
    for span in range(count * rank // ranks, count * (rank + 1) // ranks):
        start = num_tokens * span // count
        yield start, start + max_tokens // count
