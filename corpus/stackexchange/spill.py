"""Posts brought together by thread, on disk: memory stays the same however large a site is.

Rows come in any order, an answer maybe before its question. They go to one scratch file in blocks,
each of one run of thread numbers, and come back a run at a time, in the order of the threads.
"""

import tempfile
from collections.abc import Iterator
from types import TracebackType

import pyarrow as pa

THREADS = 1 << 14  # thread numbers a run: with their answers about 50 MB of the largest site
WAITING_BYTES = 64 << 20  # held back until they are worth a block each
_CODEC = "zstd"


class Spill:
    """Takes (thread, row) in any order; `runs` gives them back. Rows hold no newline."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="altiplano-")  # noqa: SIM115 - `with` closes it
        self._codec = pa.Codec(_CODEC, 1)
        self._waiting: dict[int, list[bytes]] = {}
        self._bytes = 0
        self._blocks: dict[int, list[tuple[int, int, int]]] = {}  # (offset, bytes, unpacked)

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
        for run in sorted(self._blocks):
            rows: list[bytes] = []
            for offset, size, unpacked in self._blocks[run]:
                self._file.seek(offset)
                block = self._codec.decompress(self._file.read(size), unpacked, asbytes=True)
                rows += block.split(b"\n")
            yield rows

    def _flush(self) -> None:
        offset = self._file.seek(0, 2)
        for run, rows in self._waiting.items():
            block = b"\n".join(rows)
            packed = self._codec.compress(block, asbytes=True)
            self._file.write(packed)
            self._blocks.setdefault(run, []).append((offset, len(packed), len(block)))
            offset += len(packed)
        self._waiting, self._bytes = {}, 0
