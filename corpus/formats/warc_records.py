"""The records of a WARC or WET file, whole ones only, with every fault counted and named.

FastWARC parses (plain, gzip, lz4, zstd). Around it: a file that is no WARC is skipped; where a
record is damaged, reading goes on at the next one that can be found; a file that ends in the
middle of a record is noticed, which FastWARC alone does not always do.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from fastwarc.warc import ArchiveIterator

from corpus.counts import Counts
from corpus.errors import DataError
from corpus.formats.members import GZIP, WINDOW_BITS, find, gunzip_head, next_member
from corpus.storage import InputFile, open_input

NOT_WARC = "not a WARC file"
CUT = "file cut short or damaged to its end"
DAMAGED = "damaged record"
MAX_RECORD_BYTES = 256 << 20
OVERSIZE = f"record over {MAX_RECORD_BYTES >> 20} MB"

_OTHER_COMPRESSION = (b"\x04\x22\x4d\x18", b"\x28\xb5\x2f\xfd")  # lz4, zstd
_CHUNK = 64 << 10


@dataclass(frozen=True)
class RawRecord:
    """One whole record: where it begins, its headers by lower-case name, and its block."""

    origin: str  # file#byte offset; .k is added for the k-th further record of one gzip member
    headers: dict[str, str]
    block: bytes


def read_records(file: InputFile, kind: str, counts: Counts) -> Iterator[RawRecord]:
    """Yields a file's records of one WARC-Type (`response`, `conversion`), in file order.

    Counts `files`, `bytes_in` and `records`; faults are counted, never raised. A failing disk or
    network is not the file's fault: it raises DataError.
    """
    counts.add("files")
    counts.add("bytes_in", file.size)
    if file.name.lower().endswith((".arc", ".arc.gz")):
        counts.skip("ARC file, not WARC", file.name)
    elif file.size == 0:
        counts.skip("empty file", file.name)
    else:
        with open_input(file.uri) as stream:
            yield from _Archive(file, stream, counts).records(kind)


class _Stream:
    """A stream for FastWARC that remembers its own failure, to tell it from damaged content."""

    def __init__(self, stream: pa.NativeFile) -> None:
        self._stream = stream
        self.failure: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except Exception as error:
            self.failure = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Archive:
    """One open file on its way through: knows the last record seen, to go on after a fault."""

    def __init__(self, file: InputFile, stream: pa.NativeFile, counts: Counts) -> None:
        self._file, self._stream, self._counts = file, stream, counts
        head = stream.read_at(_CHUNK, 0)
        self._gzip = head.startswith(GZIP)
        self._plain = not self._gzip and not head.startswith(_OTHER_COMPRESSION)
        first = (gunzip_head(head) if self._gzip else head).lstrip()
        self._starts_well = first.startswith(b"WARC/") or not (self._gzip or self._plain)
        # FastWARC's strict mode wants CRLF; some tools end header lines with LF alone
        self._line_end = b"\r\n" if first.partition(b"\n")[0].endswith(b"\r") else b"\n"
        self._start = 0  # offset where reading began or was taken up again
        self._last = 0  # offset of the last record seen
        self._last_length = 0  # of its block, bytes

    def records(self, kind: str) -> Iterator[RawRecord]:
        start: int | None = 0
        if not self._starts_well:
            start = self._next_start() if self._gzip else None
            if start is None:
                self._counts.skip(NOT_WARC, self._file.name)
                return
            self._counts.skip(DAMAGED, f"{self._file.name}#0")
        while start is not None:
            try:
                yield from self._records_from(start, kind)
                return
            except OSError:
                start = self._next_start()
                fault = CUT if start is None else DAMAGED
                self._counts.skip(fault, f"{self._file.name}#{self._last}")

    def _records_from(self, start: int, kind: str) -> Iterator[RawRecord]:
        self._start = start
        self._stream.seek(start)
        stream = _Stream(self._stream)
        previous, again = -1, 0  # offset of the record before, and how many more it had there
        try:
            for record in ArchiveIterator(
                stream, parse_http=False, quirks_mode=self._line_end == b"\n"
            ):
                self._last, self._last_length = record.stream_pos, record.content_length
                again = again + 1 if self._last == previous else 0
                previous = self._last
                headers = {name.lower(): value for name, value in record.headers.to_tuples()}
                if headers.get("warc-type", "").strip().lower() != kind:
                    continue
                origin = f"{self._file.name}#{self._last}" + (f".{again}" if again else "")
                self._counts.add("records")
                if record.content_length > MAX_RECORD_BYTES:
                    self._counts.skip(OVERSIZE, origin)
                    continue
                if record.content_length == 0:  # also what is left of headers that are cut
                    self._counts.skip("record without content", origin)
                    continue
                block = record.reader.read()
                if len(block) < record.content_length:
                    self._counts.skip(CUT, origin)
                    return
                yield RawRecord(origin, headers, block)
        except OSError:
            if stream.failure is not None:
                raise DataError(
                    f"{self._file.uri} cannot be read: {stream.failure}; check the disk or network"
                ) from stream.failure
            raise
        if not self._ends_whole():
            self._counts.skip(CUT, f"{self._file.name}#{self._last}")

    def _next_start(self) -> int | None:
        """Where the first record begins that can be found after the last one seen or tried."""
        after = max(self._start, self._last) + 1
        if self._gzip:
            return next_member(self._stream, after)
        if self._plain:
            found = find(self._stream, b"\nWARC/1.", max(after, self._block_end()) - 1)
            return None if found is None else found + 1
        return None

    def _block_end(self) -> int:
        """Offset just after the last record's block, in an uncompressed file.

        Past the file's end where the record is cut, in its headers or in its block.
        """
        head = self._stream.read_at(_CHUNK, self._last)
        headers = head.find(self._line_end * 2)
        if headers < 0:
            return self._file.size + 1
        return self._last + headers + 2 * len(self._line_end) + self._last_length

    def _ends_whole(self) -> bool:
        """Whether nothing but blank space or whole gzip members follows the last record seen."""
        if self._plain:
            end = self._block_end()
            return end <= self._file.size and not self._stream.read_at(_CHUNK, end).strip()
        if not self._gzip:
            return True
        starts_member = self._stream.read_at(len(GZIP), self._last) == GZIP
        return _whole_members(self._stream, self._last if starts_member else 0)


def _whole_members(stream: pa.NativeFile, position: int) -> bool:
    """Whether the gzip members from a position on are all complete, to the file's end."""
    member, inside = zlib.decompressobj(WINDOW_BITS), False
    try:
        while data := stream.read_at(_CHUNK, position):
            position += len(data)
            while data:
                inside = True
                member.decompress(data)
                data = member.unused_data
                if member.eof:
                    member, inside = zlib.decompressobj(WINDOW_BITS), False
    except zlib.error:
        return False
    return not inside
