"""The records of a WARC, WET or ARC file, whole ones only, with every fault counted and named.

FastWARC parses WARC (plain, gzip, lz4, zstd). Around it: a file that is no WARC is skipped; where a
record is damaged, reading goes on at the next one that can be found; a file that ends in the
middle of a record is noticed, which FastWARC alone does not always do.
"""

import io
from codecs import BOM_UTF8
from collections.abc import Generator, Iterator
from typing import Any

import pyarrow as pa
from fastwarc.warc import ArchiveIterator

from corpus.counts import Counts
from corpus.errors import DataError
from corpus.formats import arc_records
from corpus.formats.members import (
    GZIP,
    GZIP_MEMBERS,
    PACKINGS,
    begins_warc,
    find,
    inflate_members,
    next_member,
    read_piece,
)
from corpus.formats.records import (
    CUT,
    DAMAGED,
    EMPTY,
    MAX_RECORD_BYTES,
    NO_TYPE,
    NOT_WARC,
    OVERSIZE,
    RECORD_END,
    RawRecord,
)
from corpus.storage import InputFile, open_input

_ZSTD_DICTIONARY = b"\x5d\x2a\x4d\x18"  # a frame that holds the dictionary of the others
_CHUNK = 64 << 10
_LONG_START = 5 << 20  # bytes that begin a file: a gzip header may hold a name of any length
_HEAD = 4096  # bytes of a member that tell whether it begins with a record
_PANIC = "PanicException"  # of FastWARC on some damage; no module has it, and it is no Exception


def only_record(member: bytes) -> tuple[dict[str, str], int] | None:
    """Headers by lower-case name of the one record that is all of a member, and its block's place.

    None where the member holds something else, or is not of the length that the record states.
    """
    body = member.find(RECORD_END) + len(RECORD_END)
    if not member.startswith(b"WARC/1.0\r\n") or not member.endswith(RECORD_END):
        return None
    try:
        found = [
            (_headers(record), body + record.content_length + len(RECORD_END))
            for record in ArchiveIterator(io.BytesIO(member), parse_http=False)
        ]
    except BaseException as error:
        if not _is_damage(error):
            raise
        return None
    if len(found) != 1 or found[0][1] != len(member) or "warc-type" not in found[0][0]:
        return None
    return found[0][0], body


def _headers(record: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in record.headers.to_tuples()}


def _is_damage(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__name__ == _PANIC


def read_records(file: InputFile, kind: str, counts: Counts, start: int = 0) -> Iterator[RawRecord]:
    """Yields a file's records of one WARC-Type (`response`, `conversion`), in file order.

    Counts `files`, `bytes_in` and `records`; faults are counted, never raised. A failing disk or
    network is not the file's fault: it raises DataError. `start` is where a gzip member begins
    with a record; from beyond 0 the file counts as counted.
    """
    if start == 0:
        counts.add("files")
        counts.add("bytes_in", file.size)
    if file.size == 0:
        counts.note("empty file", file.name)
        return
    with open_input(file.uri) as stream:
        if not file.name.lower().endswith(arc_records.SUFFIXES):
            yield from _Archive(file, stream, counts).records(kind, start)
        elif kind == arc_records.KIND:
            yield from arc_records.read_arc(file, stream, counts)
        else:
            counts.note(f"ARC file, which holds no {kind} records", file.name)


class _Stream:
    """A stream for FastWARC that remembers its own failure, to tell it from damaged content."""

    def __init__(self, stream: pa.NativeFile, location: str) -> None:
        self._stream, self._location = stream, location
        self.failure: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except Exception as error:
            self.failure = error
            raise

    def read_at(self, size: int, position: int) -> bytes:
        return read_piece(self._stream, self._location, position, size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Archive:
    """One open file on its way through: knows the last record seen, to go on after a fault."""

    def __init__(self, file: InputFile, stream: pa.NativeFile, counts: Counts) -> None:
        self._file, self._counts = file, counts
        self._stream: Any = _Stream(stream, file.uri)
        head = self._stream.read_at(_CHUNK, 0)
        self._packing = next((p for p in PACKINGS if head.startswith(p.magic)), None)
        self._plain = self._packing is None and not head.startswith(_ZSTD_DICTIONARY)
        if self._packing is not None:
            known = (self._stream.read_at(n, 0) for n in (self._packing.enough, _LONG_START))
            head = next(filter(None, map(self._packing.head, known)), b"")
        self._begin = len(BOM_UTF8) if head.startswith(BOM_UTF8) and self._plain else 0
        head = head[self._begin :]
        first = head.lstrip()
        # what a dictionary has packed only FastWARC unpacks
        self._starts_well = begins_warc(head) or head.startswith(_ZSTD_DICTIONARY)
        # FastWARC's strict mode wants CRLF; some tools end header lines with LF alone
        self._line_end = b"\r\n" if first.partition(b"\n")[0].endswith(b"\r") else b"\n"
        self._start = 0  # offset where reading began or was taken up again
        self._last = 0  # offset of the last record seen
        self._last_length = 0  # of its block, bytes
        self._seen = False  # any record since reading began or was taken up again

    def records(self, kind: str, begin: int) -> Iterator[RawRecord]:
        start: int | None = begin or self._begin
        if not self._starts_well and begin == 0:
            start = None if self._plain else self._next_start()
            if start is None:
                self._counts.note(NOT_WARC, self._file.name)
                return
            self._counts.note(DAMAGED, f"{self._file.name}#0")
        before: str | None = None  # where a fault was that may be the next record's own
        while start is not None:
            failed = False
            try:
                start = yield from self._records_from(start, kind)
            except OSError:
                start, failed = self._next_start(), True
            if before is not None and (self._seen or not failed):
                self._counts.note(DAMAGED, before)
            before = None
            if failed:
                place = f"{self._file.name}#{self._last}"
                if self._seen and start is not None and self._follows_last(start):
                    before = place
                else:
                    self._counts.note(CUT if start is None else DAMAGED, place)

    def _records_from(self, start: int, kind: str) -> Generator[RawRecord, None, int | None]:
        """Records up to what is taken for the file's end; where there are more, if there are."""
        self._start, self._seen = start, False
        self._stream.seek(start)
        previous, again = -1, 0  # offset of the record before, and how many more it had there
        try:
            for record in ArchiveIterator(
                self._stream, parse_http=False, quirks_mode=self._line_end == b"\n"
            ):
                self._last, self._last_length = record.stream_pos, record.content_length
                self._seen = True
                again = again + 1 if self._last == previous else 0
                previous = self._last
                headers = _headers(record)
                origin = f"{self._file.name}#{self._last}" + (f".{again}" if again else "")
                if "warc-type" not in headers:
                    self._counts.skip(NO_TYPE, origin)
                    continue
                if headers["warc-type"].strip().lower() != kind:
                    continue
                self._counts.add("records")
                if record.content_length > MAX_RECORD_BYTES:
                    self._counts.skip(OVERSIZE, origin)
                    continue
                if record.content_length == 0:  # also what is left of headers that are cut
                    self._counts.skip(EMPTY, origin)
                    continue
                block = record.reader.read()
                if len(block) < record.content_length:
                    self._counts.skip(CUT, origin)
                    return None
                yield RawRecord(origin, headers, block)
        except BaseException as error:
            if not _is_damage(error):
                raise
            failure = self._stream.failure
            if failure is not None:
                raise DataError(
                    f"{self._file.uri} cannot be read: {failure}; check the disk or network"
                ) from failure
            raise OSError(f"damaged: {error}") from None
        return self._after_last()

    def _next_start(self) -> int | None:
        """Where the first record begins that can be found after the last one seen or tried."""
        after = max(self._start, self._last) + 1
        if self._packing is not None:
            return next_member(self._stream, after, self._packing)
        if self._plain:
            after = max(after, self._block_end()) if self._seen else after
            found = find(self._stream, b"\nWARC/1.", after - 1)
            return None if found is None else found + 1
        return None

    def _follows_last(self, start: int) -> bool:
        """Whether a record begins right behind the last one, and that one is whole."""
        if self._plain:
            return start <= self._block_end() + len(RECORD_END)
        if self._packing is not GZIP_MEMBERS:
            return False
        members = inflate_members(self._stream, self._file.uri, self._last)
        behind = next((m for m, data in members if data is None or m != self._last), None)
        return behind == start

    def _block_end(self) -> int:
        """Offset just after the last record's block, in an uncompressed file.

        Past the file's end where the record is cut, in its headers or in its block.
        """
        head = self._stream.read_at(_CHUNK, self._last)
        headers = head.find(self._line_end * 2)
        if headers < 0:
            return self._file.size + 1
        return self._last + headers + 2 * len(self._line_end) + self._last_length

    def _after_last(self) -> int | None:
        """Where a further record begins behind the last one, if any does; counts what is cut.

        FastWARC takes a member that holds nothing for a file's end, and some cuts too.
        """
        if self._packing is GZIP_MEMBERS:
            following, whole = self._members_after_last()
        elif self._packing is not None:  # FastWARC notices cuts itself
            following, whole = self._next_start(), True
        elif self._plain:
            end = self._block_end()
            following = None
            whole = end <= self._file.size and not self._stream.read_at(_CHUNK, end).strip()
        else:
            following, whole = None, True
        if not whole:
            fault = CUT if following is None else DAMAGED
            self._counts.note(fault, f"{self._file.name}#{self._last}")
        return following

    def _members_after_last(self) -> tuple[int | None, bool]:
        """Where a further gzip member begins with a record, and whether all before it are whole."""
        first = max(self._start, self._last)
        if self._stream.read_at(len(GZIP), first) != GZIP:
            first = self._start
        whole, begun, head = True, first, b""
        for member, data in inflate_members(self._stream, self._file.uri, first):
            if member != begun:
                begun, head = member, b""
            if data is None:
                whole = False
            elif len(head) < _HEAD:
                head += data[:_HEAD]
                if member > max(self._last, first) and begins_warc(head):
                    return member, whole
        return None, whole
