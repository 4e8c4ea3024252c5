"""The tokens of a run's shards as one stream; shards are mapped as they are met, and stay so."""

import functools
import os
from threading import Lock
from typing import NamedTuple

import numpy as np

from corpus.errors import ShardError
from corpus.kernels.token_rows import fill_rows
from tokenizer.blocks import BLOCK, BlockSums
from tokenizer.shards import ShardFile, open_shard, shard_files

# A Linux process may have 65,530 maps unless told otherwise; a GPU's libraries take some thousand.
_MAPPED_SHARDS = 56_000


def manifest_files(manifest: str) -> list[ShardFile]:
    """The shards a manifest lists, parsed once however often it is asked for."""
    try:
        found = os.stat(manifest)
        version = (found.st_ino, found.st_size, found.st_mtime_ns)
    except OSError:
        return shard_files(manifest)  # says what is wrong with it
    return _files(manifest, version)


@functools.lru_cache(maxsize=1)
def _files(manifest: str, version: tuple[int, int, int]) -> list[ShardFile]:
    return shard_files(manifest)


class _Mapped(NamedTuple):
    """What a kernel is given addresses of, held so that it stays there."""

    tokens: np.ndarray
    sums: BlockSums | None
    flags: np.ndarray  # sums.checked


class TokenStream:
    """One split of some sources, end to end: source after source, shards in the manifest's order.

    Only the manifest is read up front; a shard is mapped when a read first touches it, and each
    64 KiB of it checked once.
    firsts [sources] int64: where each source begins.
    """

    def __init__(self, manifest: str, files: list[ShardFile], sources: tuple[str, ...], split: str):
        self._manifest, self._sources, self._split = manifest, sources, split
        of_source: dict[str, list[ShardFile]] = {source: [] for source in sources}
        for file in files:
            if file.split == split and file.source in of_source and file.tokens:
                of_source[file.source].append(file)
        self.files = [file for own in of_source.values() for file in own]
        self._sizes = np.array([sum(file.tokens for file in own) for own in of_source.values()])
        self.firsts = np.cumsum(self._sizes) - self._sizes
        self.num_tokens = int(self._sizes.sum())
        self._starts = np.zeros(len(self.files) + 1, dtype=np.int64)
        np.cumsum([file.tokens for file in self.files], out=self._starts[1:])
        self._addresses = np.zeros(len(self.files), dtype=np.uint64)
        self._item_bytes = np.zeros(len(self.files), dtype=np.uint8)
        self._checked = np.zeros(len(self.files), dtype=np.uint64)
        self._mapped: dict[int, _Mapped] = {}
        self._lock = Lock()

    def num_samples(self, seq_length: int) -> np.ndarray:
        """How many windows each source has, [sources] int64; ShardError where one has none."""
        for source, tokens in zip(self._sources, self._sizes.tolist(), strict=True):
            if tokens <= seq_length:
                # Weight 0 keeps a source out of training only: it is evaluated all the same.
                way_out = (
                    "give it weight 0"
                    if self._split == "train"
                    else "raise mixture.valid_share, or leave the source out of the weights"
                )
                raise ShardError(
                    f"the {self._split} split of source '{source}' in {self._manifest} has "
                    f"{tokens} tokens, a sample needs {seq_length + 1}; add text to it, shorten "
                    f"seq_length, or {way_out}"
                )
        return (self._sizes - 1) // seq_length

    def locate(self, position: int) -> tuple[int, int]:
        """The shard, by its place in `files`, that a position is in, and the place in the shard."""
        shard = int(np.searchsorted(self._starts, position, side="right")) - 1
        return shard, position - int(self._starts[shard])

    def tokens(self, shard: int, first: int, last: int) -> np.ndarray:
        """Mapped tokens [first, last) of a shard, uint16 or uint32, by checksums found sound.

        Raises ShardError where they are damaged, or the shard is not as the manifest says.
        """
        if shard not in self._mapped:
            self._map(shard)
        mapped = self._mapped[shard]
        if mapped.sums is not None:
            width = mapped.tokens.itemsize
            mapped.sums.check(first * width, last * width)
        return mapped.tokens[first:last]

    def read(self, positions: np.ndarray, rows: np.ndarray) -> None:
        """Fills rows [N, W] int64 with the W tokens from each of positions [N] int64 on.

        Raises ShardError for a shard that is missing, not as the manifest says, or damaged there.
        """
        done = 0
        with self._lock:  # what one thread copies from must not be unmapped by another
            while done < len(rows):
                done = fill_rows(
                    positions,
                    self._starts,
                    self._addresses,
                    self._item_bytes,
                    self._checked,
                    BLOCK,
                    done,
                    rows,
                )
                if done < len(rows):
                    self._make_ready(int(positions[done]), rows.shape[1])

    def _make_ready(self, position: int, width: int) -> None:
        # Maps the shards of a window and checks its blocks.
        first, place = self.locate(position)
        last, _ = self.locate(position + width - 1)
        if len(self._mapped) + last - first >= _MAPPED_SHARDS:
            self._addresses[:] = 0
            self._mapped.clear()
        for shard in range(first, last + 1):
            end = min(place + width, self.files[shard].tokens)
            self.tokens(shard, place, end)
            width -= end - place
            place = 0

    def _map(self, number: int) -> None:
        file = self.files[number]
        shard = open_shard(file.path, file.tokenizer)
        if len(shard.tokens) != file.tokens:
            raise ShardError(
                f"{file.path} holds {len(shard.tokens)} tokens, the manifest says {file.tokens}; "
                "restore it or write the shards again"
            )
        sums = shard.blocks[-1] if shard.blocks else None
        flags = np.frombuffer(sums.checked if sums else b"", dtype=np.uint8)
        self._mapped[number] = _Mapped(shard.tokens, sums, flags)
        self._addresses[number] = shard.tokens.ctypes.data
        self._item_bytes[number] = shard.tokens.itemsize
        self._checked[number] = flags.ctypes.data if sums else 0
