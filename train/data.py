"""Training batches as a pure function of (manifest, weights, sequence and batch size, seed, step).

A sample is a window of seq_length + 1 tokens over a source's shards laid end to end; windows start
seq_length apart, so each token is predicted once an epoch. There is no index, no shuffle pass and
no state: any split of a batch over ranks, any restart and any longer run see the same order.
Documents are packed back to back, as LLaMA's were (arXiv:2302.13971, section 2).
"""

import functools
from collections.abc import Iterator

import numpy as np

from corpus.errors import ConfigError, ShardError
from tokenizer.shards import Shard, ShardFile, open_shard, shard_files
from train.mixture import MixtureOrder, Weights, named
from train.order import epoch_keys, permute

_OPEN_SHARDS = 1024  # a source; the kernel allows a process some 65,000 maps
_CHUNK = 4096  # samples whose places are found at once
_CHUNKS = 4  # of them remembered
_COUNT_CHUNK = 1 << 22  # tokens; bincount widens what it counts to int64
_COUNT_SPANS = 4096  # that a source's counted tokens are spread over


class TokenStream:
    """The tokens of one source and split, shard after shard in the manifest's order.

    Only the manifest is read up front; a shard is opened when a window first touches it.
    """

    def __init__(self, manifest: str, files: list[ShardFile], source: str, split: str):
        self.name = f"{split} split of source '{source}' in {manifest}"
        self.split = split
        self.files = [f for f in files if (f.source, f.split) == (source, split) and f.tokens]
        sizes = [file.tokens for file in self.files]
        self.starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.num_tokens = int(self.starts[-1])
        self.shard = functools.lru_cache(maxsize=_OPEN_SHARDS)(self._open)

    def num_samples(self, seq_length: int) -> int:
        """How many windows there are; ShardError where not even one."""
        if self.num_tokens <= seq_length:
            # Weight 0 keeps a source out of training only: it is evaluated all the same.
            way_out = (
                "give it weight 0"
                if self.split == "train"
                else "raise mixture.valid_share, or leave the source out of the weights"
            )
            raise ShardError(
                f"the {self.name} has {self.num_tokens} tokens, a sample needs {seq_length + 1}; "
                f"add text to it, shorten seq_length, or {way_out}"
            )
        return (self.num_tokens - 1) // seq_length

    def locate(self, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps positions [N] int64 in the stream to shard numbers [N] and places in them [N]."""
        shards = np.searchsorted(self.starts, starts, side="right") - 1
        return shards, starts - self.starts[shards]

    def read(self, shard: int, place: int, row: np.ndarray) -> None:
        """Fills row [W] int64 with the W tokens from a place in a shard, and on into the next."""
        width = len(row)
        tokens = self.shard(shard).tokens[place : place + width]
        row[: len(tokens)] = tokens
        filled = len(tokens)
        while filled < width:
            shard += 1
            tokens = self.shard(shard).tokens[: width - filled]
            row[filled : filled + len(tokens)] = tokens
            filled += len(tokens)

    def _open(self, number: int) -> Shard:
        file = self.files[number]
        shard = open_shard(file.path, file.tokenizer)
        if len(shard.tokens) != file.tokens:
            raise ShardError(
                f"{file.path} holds {len(shard.tokens)} tokens, the manifest says {file.tokens}; "
                "restore it or write the shards again"
            )
        return shard


class Loader:
    """Gives the global batch of any step, or some of its rows.

    weights: of one mixture, or a schedule of them (train.mixture). batch_size: samples in a global
    batch. Epochs have no end: each new one of a source has its own order.
    """

    def __init__(
        self,
        manifest: str,
        weights: Weights,
        seq_length: int,
        batch_size: int,
        seed: int,
    ):
        _at_least_one(seq_length=seq_length, batch_size=batch_size)
        files = shard_files(manifest)
        _check_known(named(weights), sorted({file.source for file in files}))
        self.seq_length, self.batch_size, self.seed = seq_length, batch_size, seed
        self._order = MixtureOrder(weights, batch_size)
        self.sources = self._order.sources
        self._streams = [TokenStream(manifest, files, name, "train") for name in self.sources]
        self._sizes = [stream.num_samples(seq_length) for stream in self._streams]
        self._located = functools.lru_cache(maxsize=_CHUNKS)(self._locate)

    def batch(self, step: int, rows: slice = slice(None)) -> np.ndarray:
        """Samples of a step (from 0), [rows, seq_length + 1] int64; `rows` picks of batch_size."""
        first = step * self.batch_size
        base = first // _CHUNK
        chunks = range(base, (first + self.batch_size - 1) // _CHUNK + 1)
        located = np.concatenate([self._located(chunk) for chunk in chunks])
        start = first - base * _CHUNK
        wanted = located[start : start + self.batch_size][rows]
        tokens = np.empty((len(wanted), self.seq_length + 1), dtype=np.int64)
        for row, (source, shard, place) in zip(tokens, wanted.tolist(), strict=True):
            self._streams[source].read(shard, place, row)
        return tokens

    def _locate(self, chunk: int) -> np.ndarray:
        # Source, shard and place of a run of samples, [_CHUNK, 3] int64. It is remembered because
        # numpy's cost a call is what the permutation of a few dozen samples would consist of.
        samples = chunk * _CHUNK + np.arange(_CHUNK, dtype=np.int64)
        sources, numbers = self._order.locate(samples)
        located = np.empty((_CHUNK, 3), dtype=np.int64)
        located[:, 0] = sources
        for source, (stream, size) in enumerate(zip(self._streams, self._sizes, strict=True)):
            mine = np.flatnonzero(sources == source)
            epochs, inside = np.divmod(numbers[mine], size)
            windows = permute(inside, size, epoch_keys(self.seed, self.sources[source], epochs))
            located[mine, 1], located[mine, 2] = stream.locate(windows * self.seq_length)
        return located

    def epochs(self, step: int) -> dict[str, float]:
        """How often each source has been gone through when `step` steps are done."""
        taken = self._order.taken(step * self.batch_size)
        sizes = zip(self.sources, taken.tolist(), self._sizes, strict=True)
        return {name: count / size for name, count, size in sizes}

    def realised(self, step: int) -> dict[str, int]:
        """Tokens trained on from each source when `step` steps are done."""
        taken = self._order.taken(step * self.batch_size) * self.seq_length
        return dict(zip(self.sources, taken.tolist(), strict=True))


def rank_rows(batch_size: int, rank: int, ranks: int) -> slice:
    """The rows of a batch that one of several equal ranks takes; `ranks` divides batch_size."""
    rows = batch_size // ranks
    return slice(rank * rows, (rank + 1) * rows)


def validation(manifest: str, source: str, seq_length: int, max_sequences: int) -> np.ndarray:
    """Windows spread evenly over a source's validation split, [N, seq_length + 1] int64.

    N is max_sequences or, where there are fewer, all there are; they are the same in every call.
    """
    _at_least_one(seq_length=seq_length, max_sequences=max_sequences)
    stream = TokenStream(manifest, shard_files(manifest), source, "valid")
    available = stream.num_samples(seq_length)
    count = min(available, max_sequences)
    out = np.empty((count, seq_length + 1), dtype=np.int64)
    starts = np.arange(count, dtype=np.int64) * available // count * seq_length
    for row, shard, place in zip(out, *map(np.ndarray.tolist, stream.locate(starts)), strict=True):
        stream.read(shard, place, row)
    return out


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
    stream = TokenStream(manifest, shard_files(manifest), source, split)
    limit = stream.num_tokens if max_tokens is None else max_tokens
    counts = np.zeros(vocab_size, dtype=np.int64)
    for start, stop in _count_spans(stream.num_tokens, limit, rank, ranks):
        while start < stop:
            [shard], [place] = stream.locate(np.array([start]))
            wanted = min(stop - start, _COUNT_CHUNK)
            tokens = stream.shard(int(shard)).tokens[place : place + wanted]
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


def _at_least_one(**values: int) -> None:
    for name, value in values.items():
        if value < 1:
            raise ConfigError(f"{name}={value} must be 1 or more")


def _check_known(sources: list[str], known: list[str]) -> None:
    for name in sources:
        if name not in known:
            raise ConfigError(f"weights name source '{name}'; the shards have {', '.join(known)}")
