"""The order of training samples, as pure functions: nothing is shuffled, stored or indexed.

Within a source a keyed permutation orders each epoch: a Feistel network whose two halves are
residues of a and b, with a * b just above n, walked along its cycle until it lands below n (Black
and Rogaway, "Ciphers with arbitrary finite domains", 2002). Across sources a block of samples with
an exact quota for each repeats for ever; inside it every prefix is within one sample of its share.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from corpus.errors import ConfigError
from corpus.keyed import text_key

MAX_BLOCK = 1 << 16  # samples; shares that need a longer block are rounded to it
_ROUNDS = 8


def permute(index: np.ndarray, n: int, keys: np.ndarray) -> np.ndarray:
    """Maps index [N] int64 in [0, n) to [N] int64 in [0, n): one bijection for each key.

    keys [N] uint64 says which permutation each index is looked up in.
    """
    a = math.isqrt(n - 1) + 1  # the least a with a * a >= n
    b = -(-n // a)
    found = _feistel(index, a, b, keys)
    outside = np.flatnonzero(found >= n)
    while outside.size:
        found[outside] = _feistel(found[outside], a, b, keys[outside])
        outside = outside[found[outside] >= n]
    return found


def epoch_keys(seed: int, source: str, epochs: np.ndarray) -> np.ndarray:
    """One permutation key [N] uint64 for each epoch [N] of a source."""
    return _scramble(epochs.astype(np.uint64) ^ text_key(seed, f"sample order of {source}"))


@dataclass(frozen=True)
class Interleaving:
    """A block of samples that repeats for ever: which source each comes from."""

    quotas: np.ndarray  # [sources] int64, samples of each source in a block
    source_at: np.ndarray  # [block] int64, the source of each sample
    rank_at: np.ndarray  # [block] int64, how many of its source come before it in the block

    @property
    def block(self) -> int:
        return len(self.source_at)

    def locate(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps sample numbers [N] to their source [N] and their number within the source [N]."""
        blocks, inside = np.divmod(samples, self.block)
        source = self.source_at[inside]
        return source, blocks * self.quotas[source] + self.rank_at[inside]

    def taken(self, samples: int) -> np.ndarray:
        """How many of the first `samples` come from each source, [sources] int64."""
        blocks, inside = divmod(samples, self.block)
        partial = np.bincount(self.source_at[:inside], minlength=len(self.quotas))
        return blocks * self.quotas + partial


def shares_of(weights: dict[str, float]) -> dict[str, Fraction]:
    """Weights of any positive scale as shares of one, by name; 0.1 is read as a tenth."""
    exact = {name: Fraction(str(weight)) for name, weight in weights.items()}
    total = sum(exact.values())
    return {name: weight / total for name, weight in exact.items()}


def interleave(shares: dict[str, Fraction]) -> Interleaving:
    """The shortest block whose quotas are the shares exactly, of at most MAX_BLOCK samples.

    Shares are positive and sum to one.
    """
    block = math.lcm(*(share.denominator for share in shares.values()))
    quotas = _largest_remainder(list(shares.values()), min(block, MAX_BLOCK))
    for name, quota in zip(shares, quotas, strict=True):
        if quota == 0:
            raise ConfigError(
                f"the share {float(shares[name]):.2g} of source '{name}' is below one sample in "
                f"{MAX_BLOCK}; raise its weight or leave it out (train.weights)"
            )
    source_at = _spread(quotas)
    rank_at = np.zeros_like(source_at)
    for source, quota in enumerate(quotas):
        rank_at[source_at == source] = np.arange(quota)
    return Interleaving(np.array(quotas, dtype=np.int64), source_at, rank_at)


def _largest_remainder(shares: list[Fraction], block: int) -> list[int]:
    quotas = [math.floor(share * block) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda s: (quotas[s] - shares[s] * block, s))
    for source in by_remainder[: block - sum(quotas)]:
        quotas[source] += 1
    return quotas


def _spread(quotas: list[int]) -> np.ndarray:
    # Earliest deadline first: sample j of a source may not come before its share has reached j and
    # must come before its share has passed j + 1, so no prefix is off by a whole sample.
    block = sum(quotas)
    taken = [0] * len(quotas)
    source_at = np.empty(block, dtype=np.int64)
    for position in range(block):
        due = (
            (-(-(taken[s] + 1) * block // quota), s)
            for s, quota in enumerate(quotas)
            if taken[s] * block < quota * (position + 1)
        )
        source = min(due)[1]
        source_at[position] = source
        taken[source] += 1
    return source_at


def _feistel(index: np.ndarray, a: int, b: int, keys: np.ndarray) -> np.ndarray:
    left, right = np.divmod(index.astype(np.uint64), np.uint64(b))  # [0, a), [0, b)
    for round_number in range(_ROUNDS):
        round_keys = _scramble(keys + np.uint64(round_number))
        if round_number % 2:
            right = (right + _scramble(left ^ round_keys) % np.uint64(b)) % np.uint64(b)
        else:
            left = (left + _scramble(right ^ round_keys) % np.uint64(a)) % np.uint64(a)
    return (left * np.uint64(b) + right).astype(np.int64)


def _scramble(z: np.ndarray) -> np.ndarray:
    # The finaliser of SplitMix64; arrays of uint64 wrap without a warning.
    z = z + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
