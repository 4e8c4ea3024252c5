"""The tokens of a run's shards as one stream; shards are mapped as they are met, and stay so."""

import functools
import itertools
import os
from collections.abc import Iterable
from threading import Lock
from typing import NamedTuple

import numpy as np

from corpus.errors import ShardError
from corpus.kernels.token_rows import blocks_due, fill_rows
from tokenizer.blocks import BLOCK, BlockSums
from tokenizer.shards import ShardFile, local_path, open_shard, shard_files
from tokenizer.verify import listed_twice

# A Linux process may have 65,530 maps unless told otherwise; a GPU's libraries take some thousand.
_MAPPED_SHARDS = 56_000
_MARKS = 255  # that a block can bear; epochs so far apart look alike
_RESTORE = "restore it from a copy or write the shards again"


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
    files = shard_files(manifest)
    for problem in listed_twice(files):  # its documents would be trained on twice an epoch
        raise ShardError(problem)
    return files


class _Mapped(NamedTuple):
    """What a kernel is given addresses of, held so that it stays there."""

    tokens: np.ndarray
    sums: BlockSums
    flags: np.ndarray  # sums.checked
    local: str  # its path as the disk has it
    bytes: int  # of the file as it was mapped


class TokenStream:
    """One split of some sources, end to end: source after source, shards in the manifest's order.

    Only the manifest is read up front; a shard is mapped when a read first touches it, and each
    64 KiB of it checked once an epoch. Before each read the sizes of its files are asked for: what
    lies behind a file's end would end the process by SIGBUS. A file that is cut short between that
    and the copy, some microseconds, still does (train.soundness.bus_error).
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
        self._room = np.empty((1024, 3), dtype=np.int64)  # for what is due
        self._mapped: dict[int, _Mapped] = {}
        self._lock = Lock()

    def num_samples(self, seq_length: int) -> np.ndarray:
        """How many windows each source has, [sources] int64; ShardError where one has none."""
        for source, tokens in zip(self._sources, self._sizes.tolist(), strict=True):
            if tokens <= seq_length:
                # Weight 0 keeps a source out of training only: it is evaluated all the same.
                way_out = (
                    "or give it weight 0"
                    if self._split == "train"
                    else "raise mixture.valid_share, leave the source out of the weights, or "
                    "evaluate nothing (train.eval_sequences=0)"
                )
                raise ShardError(
                    f"the {self._split} split of source '{source}' in {self._manifest} has "
                    f"{tokens} tokens, a sample needs {seq_length + 1}; add text to it, shorten "
                    f"seq_length, {way_out}"
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
        self._require_whole((shard,))
        if shard not in self._mapped:
            self._map(shard)
        mapped = self._mapped[shard]
        width = mapped.tokens.itemsize
        mapped.sums.check(first * width, last * width)
        return mapped.tokens[first:last]

    def read(
        self, positions: np.ndarray, rows: np.ndarray, epochs: np.ndarray | None = None
    ) -> None:
        """Fills rows [N, W] int64 with the W tokens from each of positions [N] int64 on.

        epochs [N] int64: how often the rows' sources were gone through before; the blocks of
        another epoch than the last are checked again. Default: 0.
        Raises ShardError for a shard that is missing, cut short, not as the manifest says, or
        damaged there.
        """
        marks = np.ones(len(rows), dtype=np.uint8)
        if epochs is not None:
            marks += (epochs % _MARKS).astype(np.uint8)
        width = rows.shape[1]
        with self._lock:  # what one thread copies from must not be unmapped by another
            firsts = np.searchsorted(self._starts, positions, side="right") - 1
            lasts = np.searchsorted(self._starts, positions + (width - 1), side="right") - 1
            self._require_whole(_touched(firsts, lasts))
            due = self._due(positions, width, marks)
            unmapped = {shard for shard, block, _ in due if block < 0}
            if unmapped:
                if len(self._mapped) + len(unmapped) > _MAPPED_SHARDS:
                    self._addresses[:] = 0
                    self._mapped.clear()
                    unmapped = {shard for shard, _, _ in self._due(positions, width, marks)}
                for shard in unmapped:
                    self._map(shard)
                due = self._due(positions, width, marks)
            for shard, own in itertools.groupby(sorted(due), lambda one: one[0]):
                blocks = [(block, mark) for _, block, mark in own]
                self._mapped[shard].sums.check_blocks(blocks)
            fill_rows(positions, self._starts, self._addresses, self._item_bytes, rows)

    def _due(
        self, positions: np.ndarray, width: int, marks: np.ndarray
    ) -> list[tuple[int, int, int]]:
        # The blocks to be checked, (shard, block, mark), or (shard, -1, mark) for one to be mapped.
        while True:
            found = blocks_due(
                positions,
                width,
                self._starts,
                self._addresses,
                self._item_bytes,
                self._checked,
                BLOCK,
                marks,
                self._room,
            )
            if found <= len(self._room):
                return [(shard, block, mark) for shard, block, mark in self._room[:found].tolist()]
            self._room = np.empty((2 * found, 3), dtype=np.int64)

    def _require_whole(self, shards: Iterable[int]) -> None:
        for shard in shards:
            if shard not in self._mapped:
                continue  # who maps it looks at what it finds
            mapped, path = self._mapped[shard], self.files[shard].path
            try:
                found = os.stat(mapped.local).st_size
            except OSError as error:
                raise ShardError(f"{path} cannot be read ({error.strerror}); {_RESTORE}") from None
            if found < mapped.bytes:
                raise ShardError(
                    f"{path} is cut short under the run: it has {found} bytes, it had "
                    f"{mapped.bytes}; {_RESTORE}"
                )

    def _map(self, number: int) -> None:
        file = self.files[number]
        local = local_path(file.path)
        shard = open_shard(file.path, file.tokenizer)
        if len(shard.tokens) != file.tokens:
            raise ShardError(
                f"{file.path} holds {len(shard.tokens)} tokens, the manifest says {file.tokens}; "
                "restore it or write the shards again"
            )
        sums = shard.blocks[-1]
        flags = np.frombuffer(sums.checked, dtype=np.uint8)
        self._mapped[number] = _Mapped(shard.tokens, sums, flags, local, os.stat(local).st_size)
        self._addresses[number] = shard.tokens.ctypes.data
        self._item_bytes[number] = shard.tokens.itemsize
        self._checked[number] = flags.ctypes.data


def _touched(firsts: np.ndarray, lasts: np.ndarray) -> set[int]:
    """Every shard from a window's first to its last, of all windows."""
    shards = {*firsts.tolist(), *lasts.tolist()}
    longer = lasts - firsts > 1
    if longer.any():
        for first, last in zip(firsts[longer].tolist(), lasts[longer].tolist(), strict=True):
            shards.update(range(first, last))
    return shards
