"""Posts brought together by thread, on disk: memory stays the same however large a site is.

Rows come in any order, an answer maybe before its question. They go to one scratch file in blocks,
each of one run of thread numbers, and come back a run at a time, in the order of the threads. Each
block says where the one before it of its run stands, so memory holds one number a run.
"""

import struct
import tempfile
from collections.abc import Iterator
from types import TracebackType

import pyarrow as pa

THREADS = 1 << 14  # thread numbers a run: with their answers about 50 MB of the largest site
WAITING_BYTES = 64 << 20  # held back until they are worth a block each
_CODEC = "zstd"
_HEAD = struct.Struct("<qii")  # the block before it, bytes, bytes unpacked


class Spill:
    """Takes (thread, row) in any order; `runs` gives them back. Rows hold no newline."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="altiplano-")  # noqa: SIM115 - `with` closes it
        self._codec = pa.Codec(_CODEC, 1)
        self._waiting: dict[int, list[bytes]] = {}
        self._bytes = 0
        self._last: dict[int, int] = {}  # where the last block of each run stands

    def __enter__(self) -> "Spill":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, thread: int, row: bytes) -> None:
        self._waiting.setdefault(thread // THREADS, []).append(row)
        self._bytes += len(row)
        if self._bytes >= WAITING_BYTES:
            self._flush()

    def runs(self) -> Iterator[list[bytes]]:
        """The rows, run by run in the order of thread numbers; within one, as they were added."""
        self._flush()
        for run in sorted(self._last):
            blocks: list[bytes] = []
            offset = self._last[run]
            while offset >= 0:
                self._file.seek(offset)
                offset, size, unpacked = _HEAD.unpack(self._file.read(_HEAD.size))
                block = self._file.read(size)
                blocks.append(self._codec.decompress(block, unpacked, asbytes=True))
            yield [row for block in reversed(blocks) for row in block.split(b"\n")]

    def _flush(self) -> None:
        offset = self._file.seek(0, 2)
        for run, rows in self._waiting.items():
            block = b"\n".join(rows)
            packed = self._codec.compress(block, asbytes=True)
            before = self._last.get(run, -1)
            self._file.write(_HEAD.pack(before, len(packed), len(block)) + packed)
            self._last[run] = offset
            offset += _HEAD.size + len(packed)
        self._waiting, self._bytes = {}, 0
