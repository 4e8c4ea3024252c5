"""Training batches as a pure function of (manifest, weights, sequence and batch size, seed, step).

A sample is a window of seq_length + 1 tokens over a source's shards laid end to end; windows start
seq_length apart, so each token is predicted once an epoch, but a source's first and the few at its
end that fill no window. There is no index, no shuffle pass and no state: any split of a batch over
ranks, any restart and any longer run see the same order.
Documents are packed back to back, as LLaMA's were (arXiv:2302.13971, section 2).
"""

import numpy as np

from corpus.config import nearest
from corpus.errors import ConfigError
from corpus.kernels.sample_order import permuted
from tokenizer.shards import ShardFile
from train.mixture import MixtureOrder, Weights, named, shown, whole
from train.order import source_keys
from train.streams import TokenStream, manifest_files

_SAMPLES = 1 << 52  # of a run, which floats still count exactly


class Loader:
    """Gives the global batch of any step, or some of its rows.

    weights: of one mixture, or a schedule of them (train.mixture). seq_length in tokens, batch_size
    in samples of a global batch. Epochs have no end: each new one of a source has its own order.
    Raises ConfigError for an argument that cannot be used, ShardError for a manifest or a source.
    """

    def __init__(
        self,
        manifest: str,
        weights: Weights,
        seq_length: int,
        batch_size: int,
        seed: int,
    ):
        seq_length = _at_least_one("seq_length", seq_length)
        batch_size = _at_least_one("batch_size", batch_size)
        seed = whole("seed", seed)
        found = named(weights)
        files = _listed(manifest)
        _check_known(found, sorted({file.source for file in files}))
        self.seq_length, self.batch_size, self.seed = seq_length, batch_size, seed
        self._arguments = (manifest, weights, seq_length, batch_size, seed)
        self._order = MixtureOrder(weights, batch_size)
        self.sources = self._order.sources
        self._stream = TokenStream(manifest, files, self.sources, "train")
        self._sizes = self._stream.num_samples(seq_length)
        self._keys = source_keys(seed, self.sources)

    def __reduce__(self) -> tuple[type["Loader"], tuple]:
        return Loader, self._arguments  # another process maps the shards anew

    def batch(
        self, step: int, rows: slice = slice(None), out: np.ndarray | None = None
    ) -> np.ndarray:
        """Samples of a step (from 0), [rows, seq_length + 1] int64; `rows` picks of batch_size.

        They are put into `out` where it is given. Raises ShardError for a shard that is missing or
        not as the manifest says, ConfigError for a step, rows or an `out` that cannot be.
        """
        positions, epochs = self._places(step, rows)
        shape = (len(positions), self.seq_length + 1)
        if out is None:
            out = np.empty(shape, dtype=np.int64)
        elif not isinstance(out, np.ndarray):
            raise ConfigError(
                f"out is {shown(out)}; give a NumPy array of int64{list(shape)}, or none"
            )
        elif out.shape != shape or out.dtype != np.int64 or not out.flags.writeable:
            kind = f"{'' if out.flags.writeable else 'read-only '}{out.dtype}{list(out.shape)}"
            raise ConfigError(
                f"out is {kind}, these samples are int64{list(shape)}; give an array to write to "
                "of that kind, or none"
            )
        self._stream.read(positions, out, epochs)
        return out

    def locate(self, step: int, rows: slice = slice(None)) -> np.ndarray:
        """Where the samples of a step begin, [rows] int64: positions in `stream`."""
        return self._places(step, rows)[0]

    def sources_of(self, step: int) -> np.ndarray:
        """The source of each sample of a step (from 0), [batch_size]: places in `sources`."""
        first = self._samples_before(step)
        return self._order.locate(np.arange(first, first + self.batch_size, dtype=np.int64))[0]

    def _places(self, step: int, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        # Positions [rows], and how often each one's source was gone through before [rows].
        first, (start, stop, stride) = self._samples_before(step), _indices(rows, self.batch_size)
        samples = np.arange(first + start, first + stop, stride, dtype=np.int64)
        sources, numbers = self._order.locate(samples)
        windows = permuted(sources, numbers, self._sizes, self._keys)
        positions = self._stream.firsts[sources] + windows * self.seq_length
        return positions, numbers // self._sizes[sources]

    def _samples_before(self, step: int) -> int:
        last = _SAMPLES // self.batch_size - 1
        step = whole("step", step)  # of numpy's small integers the product would overflow
        if not 0 <= step <= last:
            raise ConfigError(f"step={step} must be 0 to {last}")
        return step * self.batch_size

    def epochs(self, step: int) -> dict[str, float]:
        """How often each source has been gone through when `step` steps are done."""
        taken = self._order.taken(self._samples_before(step))
        sizes = zip(self.sources, taken.tolist(), self._sizes.tolist(), strict=True)
        return {name: count / size for name, count, size in sizes}

    def realised(self, step: int) -> dict[str, int]:
        """Tokens trained on from each source when `step` steps are done."""
        taken = self._order.taken(self._samples_before(step)) * self.seq_length
        return dict(zip(self.sources, taken.tolist(), strict=True))


def require_samples(manifest: str, weights: Weights, seq_length: int, is_evaluated: bool) -> None:
    """Raises ConfigError for a source that the shards have not, ShardError for one that is too
    short to be trained on or, in a run that evaluates, evaluated on; no shard is opened."""
    Loader(manifest, weights, seq_length, 1, seed=0)
    if is_evaluated:
        stream = TokenStream(manifest, manifest_files(manifest), tuple(named(weights)), "valid")
        stream.num_samples(seq_length)


def rank_rows(batch_size: int, rank: int, ranks: int) -> slice:
    """The rows of a batch that one of several equal ranks takes; `ranks` divides batch_size."""
    rows = batch_size // ranks
    return slice(rank * rows, (rank + 1) * rows)


def validation(manifest: str, source: str, seq_length: int, max_sequences: int) -> np.ndarray:
    """Windows spread evenly over a source's validation split, [N, seq_length + 1] int64.

    N is max_sequences or, where there are fewer, all there are; they are the same in every call.
    """
    seq_length = _at_least_one("seq_length", seq_length)
    max_sequences = _at_least_one("max_sequences", max_sequences)
    stream = TokenStream(manifest, _listed(manifest), (source,), "valid")
    available = int(stream.num_samples(seq_length)[0])
    count = min(available, max_sequences)
    out = np.empty((count, seq_length + 1), dtype=np.int64)
    starts = np.arange(count, dtype=np.int64) * available // count * seq_length
    stream.read(starts, out)
    return out


def _listed(manifest: str) -> list[ShardFile]:
    if not isinstance(manifest, str):
        raise ConfigError(f"manifest={shown(manifest)} must be the path of a manifest, as text")
    return manifest_files(manifest)


def _indices(rows: slice, batch_size: int) -> tuple[int, int, int]:
    try:
        return rows.indices(batch_size)
    except (AttributeError, TypeError, ValueError):  # no slice, not of whole numbers, stride 0
        raise ConfigError(
            f"rows={shown(rows)} must be a slice of whole numbers, such as slice(0, {batch_size})"
        ) from None


def _at_least_one(name: str, value: int) -> int:
    value = whole(name, value)
    if value < 1:
        raise ConfigError(f"{name}={value} must be 1 or more")
    return value


def _check_known(sources: list[str], known: list[str]) -> None:
    for name in sources:
        if name not in known:
            raise ConfigError(
                f"weights name source '{name}', the shards have {', '.join(known)}"
                f"{nearest(name, known)} (train.weights)"
            )
