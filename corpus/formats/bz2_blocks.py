"""Blocks of a bz2 file, each inflated alone: so tasks share a file, and damage costs one block.

A bz2 stream is a row of blocks of at most 900 kB that begin at any bit with a 48-bit mark; another
mark ends the stream. Found by their marks, blocks need nothing of what stands before them.
"""

import bz2
from collections import deque
from collections.abc import Iterator
from typing import IO, NamedTuple

_BLOCK, _STREAM_END = 0x314159265359, 0x177245385090
_MARK_BITS, _CHECKSUM_BITS = 48, 32
_HEADER = b"BZh9"  # the largest block size reads the smaller ones, too
_READ = 1 << 20  # bytes
_LARGEST = 2 << 20  # compressed bytes: no block is longer


class Block(NamedTuple):
    """One block and the byte of the file in which it begins; of a damaged one no content."""

    offset: int
    content: bytes | None


def read_blocks(stream: IO[bytes], start: int = 0) -> Iterator[Block]:
    """The blocks that begin in or after byte `start` of a seekable file, in order."""
    marks = _Marks(stream, start)
    while (begin := marks.next_block()) is not None:
        content, used = b"", 1
        for nth in (1, 2):  # what looks like a mark within a block may be none: once in 2^48 bits
            end = marks.get(nth)
            if content or end is None or end - begin > 8 * _LARGEST:
                break
            content, used = _inflate(marks.number(begin, end), end - begin), nth
        marks.drop(used if content else 1)
        yield Block(begin // 8, content or None)


def _inflate(block: int, length: int) -> bytes:
    """The content of a block of `length` bits, nothing where it is damaged or cut."""
    if length < _MARK_BITS + _CHECKSUM_BITS:
        return b""
    checksum = (block >> (length - _MARK_BITS - _CHECKSUM_BITS)) & ((1 << _CHECKSUM_BITS) - 1)
    end = _STREAM_END << _CHECKSUM_BITS | checksum  # a stream of one block has the block's checksum
    length += _MARK_BITS + _CHECKSUM_BITS
    bits = (block << (_MARK_BITS + _CHECKSUM_BITS) | end) << (-length % 8)
    inflater = bz2.BZ2Decompressor()
    try:
        content = inflater.decompress(_HEADER + bits.to_bytes((length + 7) // 8))
    except OSError:
        return b""
    return content if inflater.eof else b""


class _Marks:
    """The marks of a file as they come, with the bytes from the first that waits."""

    def __init__(self, stream: IO[bytes], start: int) -> None:
        self._stream = stream
        stream.seek(start)
        self._base = start  # byte of the file at which `_data` begins
        self._data = b""
        self._waiting: deque[tuple[int, bool]] = deque()  # bit, and whether it begins a block
        self._last = -1
        self._ended = False

    def next_block(self) -> int | None:
        """The bit of the first waiting mark that begins a block."""
        while self.get(0) is not None:
            if self._waiting[0][1]:
                return self._waiting[0][0]
            self.drop(1)
        return None

    def get(self, nth: int) -> int | None:
        """The bit of a waiting mark; the file's end is the last one."""
        while len(self._waiting) <= nth and not self._ended:
            self._read()
        return self._waiting[nth][0] if len(self._waiting) > nth else None

    def drop(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()

    def number(self, begin: int, end: int) -> int:
        """What stands from bit `begin` up to bit `end`."""
        first, last = begin // 8 - self._base, (end + 7) // 8 - self._base
        number = int.from_bytes(self._data[first:last]) >> (-end % 8)
        return number & ((1 << (end - begin)) - 1)

    def _read(self) -> None:
        piece = self._stream.read(_READ)
        seen = max(len(self._data) - _MARK_BITS // 8, 0)
        done = self._waiting[0][0] // 8 - self._base if self._waiting else seen
        self._data = self._data[done:] + piece
        self._base += done
        if not piece:
            self._ended = True
            self._waiting.append((8 * (self._base + len(self._data)), False))
            return
        from_byte = seen - done if self._waiting else 0
        for bit, begins in sorted(_find_marks(self._data, max(from_byte, 0))):
            place = bit + 8 * self._base
            if place > self._last:
                self._waiting.append((place, begins))
                self._last = place
        if len(self._waiting) == 1 and len(self._data) > _LARGEST + _READ:  # no block ends here
            self._waiting.append((8 * (self._base + len(self._data)), False))


def _find_marks(data: bytes, start: int) -> Iterator[tuple[int, bool]]:
    """Each mark's bit and whether it begins a block, in no order."""
    for mark in (_BLOCK, _STREAM_END):
        for shift in range(8):
            spread = (mark << (8 - shift)).to_bytes(7)
            whole = spread[1:6]  # bytes that hold bits of the mark alone
            first, last = 0xFF >> shift, 0xFF & ~(0xFF >> shift)
            at = data.find(whole, start + 1)
            while at >= 0:
                after = data[at + 5] if at + 5 < len(data) else -1
                if data[at - 1] & first == spread[0] and (
                    not shift or (after >= 0 and after & last == spread[6])
                ):
                    yield (at - 1) * 8 + shift, mark == _BLOCK
                at = data.find(whole, at + 1)
