"""The records of an ARC file (versions 1 and 2), the format of Common Crawl before 2013.

A record is a line that begins with a URL and ends with a length, and what the server answered
(https://archive.org/web/researcher/ArcFileFormat.php). The file's first record names the line's
fields, which are always told apart from the end: URLs with spaces are common. Headers are given as
WARC names them, so that a reader of pages need not know the two apart.
"""

import re
from collections.abc import Iterator

import pyarrow as pa

from corpus.counts import Counts
from corpus.formats.members import GZIP, Inflated, gunzip_head, inflate_members, read_plain
from corpus.formats.records import (
    CUT,
    DAMAGED,
    EMPTY,
    MAX_RECORD_BYTES,
    NOT_ARC,
    OVERSIZE,
    RawRecord,
)
from corpus.storage import InputFile

SUFFIXES = (".arc", ".arc.gz")
KIND = "response"  # the WARC-Type that all its records have

_LONGEST_LINE = 64 << 10
_FILE = b"filedesc://"
# URL, IP address, date, type, version 2's five further fields, length
_FIELDS = re.compile(
    rb"(\S.*?) (\S+) (\d{14})\d* (\S+)(?: \d{1,3} \S+ \S+ \d+ \S+)? (\d{1,12})[ \t]*\r?\n"
)


class _BrokenError(Exception):
    """The gzip member being read is damaged or cut."""


def read_arc(file: InputFile, stream: pa.NativeFile, counts: Counts) -> Iterator[RawRecord]:
    """Yields a file's records, plain or gzip, in order, the first left out; faults are counted."""
    head = stream.read_at(4096, 0)
    packed = head.startswith(GZIP)
    if not (gunzip_head(head) if packed else head).lstrip().startswith(_FILE):
        counts.note(NOT_ARC, file.name)
        return
    if packed:
        source = _Source(inflate_members(stream, file.uri, begins=_begins_record), packed)
    else:
        source = _Source(read_plain(stream, file.uri), packed)
    while True:
        try:
            fields = _next_fields(source, file.name, counts)
            if fields is None:
                return
            if not fields[1].startswith(_FILE):
                counts.add("records")
            found = _read(source, fields, f"{file.name}#{source.origin}")
            if isinstance(found, RawRecord):
                yield found
            elif found is not None:
                counts.skip(found, f"{file.name}#{source.origin}")
        except _BrokenError:
            fault = DAMAGED if source.goes_on() else CUT
            counts.note(fault, f"{file.name}#{source.origin}")


def _next_fields(source: "_Source", name: str, counts: Counts) -> re.Match[bytes] | None:
    """The next line that begins a record, past blank ones and others; None at the file's end."""
    lost = False
    while line := source.line():
        fields = _FIELDS.fullmatch(line)
        if fields is not None:
            source.begin_record()
            return fields
        if line.strip() and not lost:
            lost = True
            counts.note(DAMAGED, f"{name}#{source.line_at}")
    return None


def _read(source: "_Source", fields: re.Match[bytes], origin: str) -> RawRecord | str | None:
    """The record that a line begins, or why it is none; None for the file's own."""
    url, _, date, _, length = (field.decode("utf-8", "replace") for field in fields.groups())
    size = int(length)
    if fields[1].startswith(_FILE) or size > MAX_RECORD_BYTES:
        whole = source.skip(size) == size
        return CUT if not whole else OVERSIZE if size > MAX_RECORD_BYTES else None
    block = source.read(size)
    if len(block) < size:
        return CUT
    if not block:
        return EMPTY
    stamp = f"{date[:4]}-{date[4:6]}-{date[6:8]}T{date[8:10]}:{date[10:12]}:{date[12:]}Z"
    return RawRecord(origin, {"warc-target-uri": url, "warc-date": stamp}, block)


def _begins_record(head: bytes) -> bool:
    return _FIELDS.match(head.lstrip()) is not None


class _Source:
    """An unpacked file, read in order, that knows where in the file it is."""

    def __init__(self, pieces: Iterator[Inflated], packed: bool) -> None:
        self._pieces, self._packed = pieces, packed
        self._member, self._data, self._at = 0, b"", 0
        self._last_member, self._again = -1, 0
        self.line_at = 0  # offset in the file of the last line read, or of its member
        self.origin = "0"  # of the record begun

    def begin_record(self) -> None:
        """Names the place of the record that the last line begins."""
        self._again = self._again + 1 if self.line_at == self._last_member else 0
        self._last_member = self.line_at
        self.origin = f"{self.line_at}" + (f".{self._again}" if self._again else "")

    def goes_on(self) -> bool:
        """Whether there is more; _BrokenError where a member breaks off here."""
        while self._at == len(self._data):
            piece = next(self._pieces, None)
            if piece is None:
                return False
            if piece.data is None:
                raise _BrokenError
            self._member, self._data, self._at = piece.member, piece.data, 0
        return True

    def line(self) -> bytes:
        """The next line with its end, or 64 KiB of a longer one; nothing at the file's end."""
        parts: list[bytes] = []
        size = 0
        if self.goes_on():
            self.line_at = self._member + (0 if self._packed else self._at)
        while size < _LONGEST_LINE and self.goes_on():
            end = self._data.find(b"\n", self._at, self._at + _LONGEST_LINE - size) + 1
            part = self._data[self._at : end or self._at + _LONGEST_LINE - size]
            self._at += len(part)
            size += len(part)
            parts.append(part)
            if end:
                break
        return b"".join(parts)

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the file's end only."""
        parts: list[bytes] = []
        while size and self.goes_on():
            part = self._data[self._at : self._at + size]
            self._at += len(part)
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Passes bytes by without holding them; how many there were."""
        left = size
        while left and self.goes_on():
            step = min(left, len(self._data) - self._at)
            self._at += step
            left -= step
        return size - left
