"""The records of a WET file as CCNet's public code finds them: by lines, whatever lengths say.

There a record begins at any line that is `WARC/1.0` once stripped, or at the file's start. Its
headers are the lines up to the first blank one, its block all that follows up to the next such
line. So a block that has that line ends there, and one before a record of WARC/1.1 never does.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from corpus.counts import Counts
from corpus.formats.members import GZIP, PACKINGS, Inflated, inflate_members, read_plain
from corpus.formats.records import (
    CUT,
    DAMAGED,
    MAX_RECORD_BYTES,
    NOT_WARC,
    OTHERWISE_PACKED,
    OVERSIZE,
)
from corpus.formats.wet_headers import WetHeaders, usual_head
from corpus.storage import InputFile, open_input

MARK = b"WARC/1.0"  # the line that begins a record
_NEWLINE = 0x0A
_RECORD_ENDS = (b"\r\n\r\n", b"\n\n")
_AT_ONCE = 256 << 10  # bytes unpacked: a group of records that stays in the processor's cache
_MOST_AT_ONCE = 32 << 20
_SPACES = (
    rb"(?:[ \t\x0b\x0c\x1c-\x1f]|\xc2[\x85\xa0]|\xe1\x9a\x80"
    rb"|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80)*"
)
_BLANK_LINE = re.compile(rb"(?>\r\n?|\n)" + _SPACES + rb"(?>\r\n?|\n)")
_LINE_REST = re.compile(_SPACES + rb"([\r\n]|\Z)")
_LINE_SO_FAR = re.compile(rb"[\r\n](" + _SPACES + rb")\Z")
_LONGEST_REST = 256  # bytes looked at on either side of a mark: no line has so much white space


class Group(NamedTuple):
    """Records in file order; block n is `data[starts[n]:ends[n]]`, with its blank last lines."""

    data: memoryview
    heads: list[WetHeaders | list[str]]  # of each record, or its header lines with its version
    origins: list[str]  # file#byte offset, as of `warc_records.RawRecord`
    starts: list[int]
    ends: list[int]


def only_record(member: bytes) -> tuple[list[str], int] | None:
    """Header lines of the one record that is all of a member, and where its block begins.

    None where it begins with no record, does not end as one, or may hold another.
    """
    whole = member.startswith(MARK + b"\r\n") and member.endswith(_RECORD_ENDS[0])
    blank = _BLANK_LINE.search(member)
    if not whole or blank is None or member.count(MARK) > 1:
        return None
    return _lines(member[: blank.end()]), blank.end()


def read_groups(file: InputFile, counts: Counts, start: int = 0) -> Iterator[Group]:
    """Yields the records of a plain or gzip file of any WARC-Type, about 256 KiB of them at a time.

    Counts `files` and `bytes_in`; faults are counted, never raised, as by `read_records`. Where a
    file is damaged, on which the reference stops, reading goes on at the next record. `start` is
    where a gzip member begins with a record; from beyond 0 the file counts as counted.
    """
    if start == 0:
        counts.add("files")
        counts.add("bytes_in", file.size)
    if file.size == 0:
        counts.note("empty file", file.name)
        return
    found = 0
    with open_input(file.uri) as stream:
        head = stream.read_at(8, 0)
        if head.startswith(tuple(packing.magic for packing in PACKINGS if packing.magic != GZIP)):
            counts.note(OTHERWISE_PACKED, file.name)
            return
        packed = head.startswith(GZIP)
        pieces = (inflate_members if packed else read_plain)(stream, file.uri, start)
        for group in _groups(pieces, file.name, packed, counts):
            found += len(group.heads)
            yield group
    if not found and not counts.skipped:
        counts.note(NOT_WARC, file.name)


def _groups(pieces: Iterator[Inflated], name: str, packed: bool, counts: Counts) -> Iterator[Group]:
    framing = _Framing(name, packed, counts)
    broken: int | None = None  # the member that reading broke off in
    for piece in pieces:
        if piece.data is None:
            yield framing.finish(piece.member)
            framing = _Framing(name, packed, counts)
            broken = piece.member
            continue
        if broken is not None:
            counts.note(DAMAGED, f"{name}#{broken}")
            broken = None
        if framing.add(piece.member, piece.data):
            yield framing.take()
    if broken is not None:
        counts.note(CUT, f"{name}#{broken}")
    yield framing.finish(None)


@dataclass
class _Framing:
    """What is unpacked of a file and not yet given out, and how far it has been looked through."""

    name: str
    packed: bool
    counts: Counts
    data: bytes = b"\n"  # from the record begun on; before the first, so that a line begins there
    base: int = -1  # of data, in what is unpacked
    body: int | None = None  # where the block of the record begun begins in data, once known
    head: WetHeaders | None = None  # of the record begun, where it is as most are
    scanned: int = 0  # up to where data has been looked through
    dropped: bool = False  # the record begun is too large: it is counted, and not kept
    waiting: list[bytes] = field(default_factory=list)  # to be joined to data
    unpacked: int = 0
    members: list[int] = field(default_factory=list)  # offsets in the file
    positions: list[int] = field(default_factory=list)  # where each begins in what is unpacked
    last_member: int = -1  # the last record's
    again: int = 0  # how many records that member had before it

    def add(self, member: int, data: bytes) -> bool:
        """Takes a piece of a member; true once there is enough to look through."""
        if not self.members or member != self.members[-1]:
            self.members.append(member)
            self.positions.append(self.unpacked)
        self.waiting.append(data)
        self.unpacked += len(data)
        fresh = self.unpacked - self.base - len(self.data)
        # what a long record has so far is copied at each joining: seldom, but not held twice over
        return fresh >= min(max(_AT_ONCE, len(self.data)), _MOST_AT_ONCE)

    def take(self) -> Group:
        """The records of which the end has been seen."""
        return self._frame(final=False)

    def finish(self, broken: int | None) -> Group:
        """All records that are left, of a file or up to a member that broke off."""
        if broken is None:
            return self._frame(final=True)
        self.data = b"".join([self.data, *self.waiting])
        self.waiting = []
        if self.members and self.members[-1] == broken:
            self.data = self.data[: max(0, self.positions[-1] - self.base)]
        return self._frame(final=self.data.endswith(_RECORD_ENDS))

    def _frame(self, final: bool) -> Group:
        data = self.data = b"".join([self.data, *self.waiting])
        self.waiting = []
        begin = 0
        heads: list[WetHeaders | list[str]] = []
        origins: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        while True:
            if self.body is None and not self._find_body(begin, final):
                break
            assert self.body is not None
            mark = self._find_mark(final)
            if (mark is None and not final) or self.body > len(data):
                break
            end = len(data) if mark is None else mark
            if not self.dropped:
                heads.append(self.head or _lines(data[begin : self.body]))
                origins.append(self._origin(self.base + begin))
                starts.append(self.body)
                ends.append(end)
            begin, self.body, self.scanned, self.dropped = end, None, end, False
            if mark is None:
                break
        done = memoryview(data)[: ends[-1] if ends else 0]
        self._keep_from(begin)
        return Group(done, heads, origins, starts, ends)

    def _find_body(self, begin: int, final: bool) -> bool:
        usual = usual_head(self.data, begin)
        if usual is not None:
            self.head, self.body = usual
            self.scanned = self.body
            return True
        self.head = None
        blank = _BLANK_LINE.search(self.data, max(begin, self.scanned - _LONGEST_REST))
        # a carriage return at the end may have its line feed still to come
        if blank is None or (blank.end() == len(self.data) and not final):
            self.scanned = len(self.data)
            return False
        self.body = self.scanned = blank.end()
        return True

    def _find_mark(self, final: bool) -> int | None:
        """Where the next record's first line begins in data; None where none does so far."""
        data, body = self.data, self.body
        assert body is not None
        at = data.find(MARK, self.scanned)
        while at >= 0:
            rest = at + len(MARK)
            if data[at - 1] == _NEWLINE and data[rest : rest + 2] == b"\r\n":  # as most are
                return at
            if len(data) - rest < _LONGEST_REST and not final:
                self.scanned = at
                return None
            so_far = data[max(body - 1, at - _LONGEST_REST) : at]  # a line ends before a block
            spaces = _LINE_SO_FAR.search(so_far)
            if spaces and _LINE_REST.match(data, rest):
                return at - len(spaces.group(1))
            at = data.find(MARK, rest)
        self.scanned = max(body, len(data) - len(MARK) + 1)
        return None

    def _keep_from(self, begin: int) -> None:
        """Lets go of what has been given out, and of a record that has grown too large."""
        if len(self.data) - begin > MAX_RECORD_BYTES or self.dropped:
            if not self.dropped:
                self.counts.skip(OVERSIZE, self._origin(self.base + begin))
                self.dropped = True
            begin = max(begin, self.scanned - _LONGEST_REST)
            self.body = begin + 1
        self.data = self.data[begin:]
        self.base += begin
        self.scanned -= begin
        if self.body is not None:
            self.body -= begin
        passed = bisect_right(self.positions, max(self.base, 0)) - 1
        if passed > 0:
            del self.members[:passed], self.positions[:passed]

    def _origin(self, position: int) -> str:
        position = max(position, 0)
        if not self.packed:
            return f"{self.name}#{position}"
        member = self.members[bisect_right(self.positions, position) - 1]
        self.again = self.again + 1 if member == self.last_member else 0
        self.last_member = member
        return f"{self.name}#{member}" + (f".{self.again}" if self.again else "")


def _lines(head: bytes) -> list[str]:
    text = head.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return text.removeprefix("\n").split("\n")
