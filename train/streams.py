"""The tokens of a run's shards as one stream; shards are mapped as they are met, and stay so."""

import functools
import os
from threading import Lock

import numpy as np

from corpus.errors import ShardError
from corpus.kernels.token_rows import fill_rows
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


class TokenStream:
    """One split of some sources, end to end: source after source, shards in the manifest's order.

    Only the manifest is read up front; a shard is mapped when a read first touches it.
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
        self._mapped: dict[int, np.ndarray] = {}
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

    def tokens(self, shard: int) -> np.ndarray:
        """The mapped tokens of a shard, [tokens] uint16 or uint32."""
        if shard not in self._mapped:
            self._map(shard)
        return self._mapped[shard]

    def read(self, positions: np.ndarray, rows: np.ndarray) -> None:
        """Fills rows [N, W] int64 with the W tokens from each of positions [N] int64 on.

        Raises ShardError for a shard that is missing or not as the manifest says.
        """
        done = 0
        with self._lock:  # what one thread copies from must not be unmapped by another
            while done < len(rows):
                done = fill_rows(
                    positions, self._starts, self._addresses, self._item_bytes, done, rows
                )
                if done < len(rows):
                    self._map_window(int(positions[done]), rows.shape[1])

    def _map_window(self, position: int, width: int) -> None:
        first, _ = self.locate(position)
        last, _ = self.locate(position + width - 1)
        if len(self._mapped) + last - first >= _MAPPED_SHARDS:
            self._mapped.clear()
            self._addresses[:] = 0
        for shard in range(first, last + 1):
            self.tokens(shard)

    def _map(self, number: int) -> None:
        file = self.files[number]
        tokens = open_shard(file.path, file.tokenizer).tokens
        if len(tokens) != file.tokens:
            raise ShardError(
                f"{file.path} holds {len(tokens)} tokens, the manifest says {file.tokens}; "
                "restore it or write the shards again"
            )
        self._mapped[number] = tokens
        self._addresses[number], self._item_bytes[number] = tokens.ctypes.data, tokens.itemsize
