"""The order of training samples, as pure functions: nothing is shuffled, stored or indexed.

Within a source a keyed permutation orders each epoch (kernels.sample_order): a Feistel network
whose two halves are residues of a and b, with a * b just above n, walked along its cycle until it
lands below n (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). Across sources a
block of samples with an exact quota for each repeats; inside it every prefix is within one sample
of its share.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from corpus.errors import ConfigError
from corpus.kernels.sample_order import spread
from corpus.keyed import text_key

MAX_BLOCK = 1 << 16  # samples; shares that need a longer block are rounded to it


def source_keys(seed: int, sources: tuple[str, ...]) -> np.ndarray:
    """What each source's permutations are keyed by, [sources] uint64."""
    keys = [text_key(seed, f"sample order of {source}") for source in sources]
    return np.array(keys, dtype=np.uint64)


@dataclass(frozen=True)
class Interleaving:
    """A block of samples that repeats for ever: which source each comes from."""

    quotas: np.ndarray  # [sources] int64, samples of each source in a block
    source_at: np.ndarray  # [block] int64, the source of each sample
    rank_at: np.ndarray  # [block] int64, how many of its source come before it in the block

    @property
    def block(self) -> int:
        return len(self.source_at)

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
    exact = np.array(quotas, dtype=np.int64)
    return Interleaving(exact, *spread(exact))


def _largest_remainder(shares: list[Fraction], block: int) -> list[int]:
    quotas = [math.floor(share * block) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda s: (quotas[s] - shares[s] * block, s))
    for source in by_remainder[: block - sum(quotas)]:
        quotas[source] += 1
    return quotas
