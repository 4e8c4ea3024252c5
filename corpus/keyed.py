"""Keyed hashes: the only source of randomness in the corpus.

Everything that looks random (sampling, splits, order) is a pure function of a seed and a key, so
results do not depend on partitions, executors or their order.
"""

import hashlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def document_id(source: str, origin: str) -> int:
    """64-bit id of a record from where it came from: its source and `file#position`."""
    digest = hashlib.blake2b(f"{source}\0{origin}".encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little")


def text_key(seed: int, purpose: str) -> np.uint64:
    """64-bit key for one purpose (a split, a sample), so that two purposes never correlate."""
    digest = hashlib.blake2b(f"{seed}\0{purpose}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def uniform(doc_ids: np.ndarray, seed: int, purpose: str) -> np.ndarray:
    """Maps doc ids [N] uint64 to [N] float64 in [0, 1) by SplitMix64 of (seed, purpose, id)."""
    with np.errstate(over="ignore"):
        z = doc_ids.astype(np.uint64) ^ text_key(seed, purpose)
        z = z + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * (2.0**-53)
