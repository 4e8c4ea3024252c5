"""The entries of a zip file that has lost its end, where its table of contents stands.

Each entry has a header of its own before its content (APPNOTE.TXT, section 4.3.7), so a file that
was cut is read from its start to where it breaks off. Deflate and stored content, as zips have.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

_HEADER = struct.Struct("<4s5H3L2H")
_SIGNATURE = b"PK\x03\x04"
_STREAMED, _ENCRYPTED, _UTF8 = 0x08, 0x01, 0x800
_STORED, _DEFLATED = 0, 8
_UNKNOWN = 0xFFFFFFFF  # the size is elsewhere
_DESCRIPTOR = 24  # bytes at most, after content whose size its header does not know
_PIECE = 64 << 10


class _Seekable(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...


class ZipEntry(NamedTuple):
    """An entry: its name, and where in the file its content is."""

    name: str
    start: int
    packed: int  # bytes in the file
    size: int  # bytes unpacked
    deflated: bool


def entries_in_order(file: _Seekable) -> Iterator[ZipEntry]:
    """Yields the whole entries from the file's start to where it breaks off."""
    at = 0
    while True:
        file.seek(at)
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(_SIGNATURE):
            return
        _, _, flags, method, _, _, _, packed, size, name_size, extra = _HEADER.unpack(head)
        name = file.read(name_size)
        start = at + _HEADER.size + name_size + extra
        if flags & _ENCRYPTED or method not in (_STORED, _DEFLATED) or packed == _UNKNOWN:
            return
        if flags & _STREAMED and method == _STORED:
            return  # nothing says where it ends
        found = _measure(file, start, packed, bool(flags & _STREAMED), method == _DEFLATED)
        if found is None:
            return
        packed, size = found
        text = name.decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        if not text.endswith("/"):
            yield ZipEntry(text, start, packed, size, method == _DEFLATED)
        at = start + packed
        if flags & _STREAMED:
            file.seek(at)
            at += max(file.read(_DESCRIPTOR + 4).find(_SIGNATURE), 0)


def read_entry(file: _Seekable, entry: ZipEntry, most: int) -> bytes:
    """The first bytes of an entry's content; zlib.error where it is damaged."""
    file.seek(entry.start)
    if not entry.deflated:
        return file.read(min(most, entry.packed))
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    parts, left, unread = [], most, entry.packed
    data = b""
    while left and not inflater.eof and (unread or data):
        if not data:
            data = file.read(min(_PIECE, unread))
            unread -= len(data)
            if not data:
                break
        parts.append(inflater.decompress(data, left))
        left -= len(parts[-1])
        data = inflater.unconsumed_tail
    return b"".join(parts)


def _measure(
    file: _Seekable, start: int, packed: int, streamed: bool, deflated: bool
) -> tuple[int, int] | None:
    """The bytes of an entry's content, packed and not; None where it is cut or damaged."""
    file.seek(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS) if deflated else None
    taken = size = 0
    while streamed or taken < packed:
        data = file.read(_PIECE if streamed else min(_PIECE, packed - taken))
        if not data:
            return None
        taken += len(data)
        if inflater is None:
            size += len(data)
            continue
        try:
            while data and not inflater.eof:
                size += len(inflater.decompress(data, _PIECE))
                data = inflater.unconsumed_tail
        except zlib.error:
            return None
        if streamed and inflater.eof:
            return taken - len(inflater.unused_data), size
    return packed, size
