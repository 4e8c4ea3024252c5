"""Checksums of a shard by blocks of 64 KiB, so that a reader can check the few bytes it touches.

A training run is weeks long and its shards are mapped: a byte that rots under it would be trained
on in silence. The whole file's SHA-256 cannot be asked for a window of 4 KiB, a block's CRC-32 can.
Its blocks are read as a file is, not through the map: a bad sector or a file cut short is then an
error with a place, where the map would end the process by SIGBUS.
"""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from isal import isal_zlib

from corpus.errors import ShardError

BLOCK = 64 << 10  # bytes: 6 µs to check, and little beside a window of 4 KiB that is read from disk
_RESTORE = "restore it from a copy or write the shards again"


def checksums(*arrays: np.ndarray) -> np.ndarray:
    """CRC-32 [blocks] uint32 of the blocks of arrays' bytes, one array after another.

    An array's last block may be short; a block never reaches over two arrays.
    """
    found = []
    for array in arrays:
        content = array.view(np.uint8)
        found += [isal_zlib.crc32(content[i : i + BLOCK]) for i in range(0, len(content), BLOCK)]
    return np.array(found, dtype=np.uint32)


def encoded(sums: np.ndarray) -> bytes:
    """Checksums as they stand in a shard's footer: eight hex digits each."""
    return sums.astype(">u4").tobytes().hex().encode()


@dataclass(frozen=True)
class BlockSums:
    """The checksums of one array of a shard, and which of its blocks were found sound.

    `checked` [blocks] holds the mark under which a block was last found so, 0 for never. It is
    shared with who looks at it: a compiled reader may take it as an array by numpy.frombuffer.
    """

    path: str
    local: str  # the path as the disk has it
    name: str  # of the array
    start: int  # byte of the file at which the array begins
    size: int  # bytes
    sums_start: int  # byte of the file at which its checksums begin
    checked: bytearray  # [blocks]

    def check(self, first: int, last: int, mark: int = 1) -> None:
        """Reads those blocks of bytes [first, last) of the array that do not bear the mark yet.

        Raises ShardError for the first that is not as it was written, or cannot be read.
        mark: 1 to 255; another one has a block read again, as a new epoch does.
        """
        self.check_blocks((block, mark) for block in range(first // BLOCK, -(-last // BLOCK)))

    def check_blocks(self, due: Iterable[tuple[int, int]]) -> None:
        """The same for single blocks, each with its mark; the file is opened once for all."""
        with ExitStack() as stack:
            file = None
            for block, mark in due:
                if self.checked[block] == mark:
                    continue
                if file is None:
                    file = self._open(stack)
                problem = self._problem(file, block)
                if problem:
                    raise ShardError(f"{self.path} {problem}; {_RESTORE}")
                self.checked[block] = mark

    def problems(self) -> list[str]:
        """What is wrong with each block that is not as it was written; every block is read."""
        with ExitStack() as stack:
            file = self._open(stack)
            found = [self._problem(file, block) for block in range(len(self.checked))]
        return [problem for problem in found if problem]

    def _open(self, stack: ExitStack) -> int:
        try:
            file = os.open(self.local, os.O_RDONLY)
        except OSError as error:
            raise ShardError(f"{self.path} cannot be read: {error.strerror}; {_RESTORE}") from None
        stack.callback(os.close, file)
        return file

    def _problem(self, file: int, block: int) -> str | None:
        # What is wrong with a block, with its place in the file; None where nothing is.
        start = self.start + block * BLOCK
        size = min(BLOCK, self.size - block * BLOCK)
        try:
            content = os.pread(file, size, start)
            written = os.pread(file, 8, self.sums_start + 8 * block)
        except OSError as error:
            return f"cannot be read at {self._place(block)}: {error.strerror}"
        if len(content) != size:
            return f"is cut short before the end of {self._place(block)}"
        if len(written) != 8:
            return f"is cut short before the checksum of {self._place(block)}"
        found = b"%08x" % isal_zlib.crc32(content)
        if found != written:
            shown = repr(written)[2:-1]  # damaged itself, it may hold what a terminal obeys
            said = f"its CRC-32 is {found.decode()}, it was written {shown}"
            return f"is damaged at {self._place(block)}: {said}"
        return None

    def _place(self, block: int) -> str:
        start = self.start + block * BLOCK
        end = min(start + BLOCK, self.start + self.size)
        return f"bytes {start} to {end - 1} (block {block} of its {self.name})"
