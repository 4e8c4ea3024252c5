"""The order of training samples, as pure functions: nothing is shuffled, stored or indexed.

Within a source a keyed permutation orders each epoch (kernels.sample_order): a Feistel network
whose two halves are residues of a and b, with a * b just above n, walked along its cycle until it
lands below n (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). Across sources a
block of samples with a quota for each repeats; inside it every prefix is within one sample of its
share. Shares that no block of 65,536 gives exactly leave some samples of it to a second block, by
what the first has rounded off, and so to a third: a few sources' shares are then exact to some
2^-48, so to the sample for any run; hundreds of sources' to a sample in some 10^10.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from corpus.kernels.sample_order import spread
from corpus.keyed import text_key

MAX_BLOCK = 1 << 16  # samples
_MOST_BLOCKS = 3


def source_keys(seed: int, sources: tuple[str, ...]) -> np.ndarray:
    """What each source's permutations are keyed by, [sources] uint64."""
    keys = [text_key(seed, f"sample order of {source}") for source in sources]
    return np.array(keys, dtype=np.uint64)


@dataclass(frozen=True)
class Block:
    """Samples that repeat for ever: which source each comes from, or that the next block says it.

    What is left to the next block counts as one more source, after the others.
    """

    quotas: np.ndarray  # [sources + 1] int64, samples of each in the block
    source_at: np.ndarray  # [block] int64, the source of each sample
    rank_at: np.ndarray  # [block] int64, how many of its source come before it in the block

    def __len__(self) -> int:
        return len(self.source_at)

    def taken(self, samples: int) -> np.ndarray:
        """How many of the first `samples` come from each source, [sources + 1] int64."""
        blocks, inside = divmod(samples, len(self))
        partial = np.bincount(self.source_at[:inside], minlength=len(self.quotas))
        return blocks * self.quotas + partial


def shares_of(weights: dict[str, float]) -> dict[str, Fraction]:
    """Weights of any positive scale as shares of one, by name; 0.1 is read as a tenth."""
    exact = {name: Fraction(str(weight)) for name, weight in weights.items()}
    total = sum(exact.values())
    return {name: weight / total for name, weight in exact.items()}


def interleave(shares: Sequence[Fraction]) -> tuple[Block, ...]:
    """The shortest block whose quotas are the shares exactly, or one of MAX_BLOCK and those that
    make it exact.

    Shares are 0 or more and sum to one. After any number of samples each source is less than one
    sample off its share where there is one block, less than five where there are three.
    """
    blocks: list[Block] = []
    while True:
        exact = math.lcm(*(share.denominator for share in shares))
        size = min(exact, MAX_BLOCK)
        if exact <= MAX_BLOCK or len(blocks) + 1 == _MOST_BLOCKS:
            quotas = _largest_remainder(shares, size)
        else:
            quotas = [math.floor(share * size) for share in shares]
        rest = size - sum(quotas)
        counts = np.array([*quotas, rest], dtype=np.int64)
        blocks.append(Block(counts, *spread(counts)))
        if not rest:
            return tuple(blocks)
        left = zip(shares, quotas, strict=True)
        shares = [(share * size - quota) / rest for share, quota in left]


def taken(blocks: Sequence[Block], samples: int) -> np.ndarray:
    """How many of the first `samples` come from each source, [sources] int64."""
    found = np.zeros(len(blocks[0].quotas) - 1, dtype=np.int64)
    for block in blocks:
        counts = block.taken(samples)
        found += counts[:-1]
        samples = int(counts[-1])
    return found


def _largest_remainder(shares: Sequence[Fraction], block: int) -> list[int]:
    quotas = [math.floor(share * block) for share in shares]
    by_remainder = sorted(range(len(shares)), key=lambda s: (quotas[s] - shares[s] * block, s))
    for source in by_remainder[: block - sum(quotas)]:
        quotas[source] += 1
    return quotas
