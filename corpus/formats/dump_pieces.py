"""A file's bytes, unpacked as they come, each piece told apart as within a part or after it.

Plain and bz2 files can be begun in their middle; gz, xz and zstd files cannot, and are one part
each.
"""

import gzip
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import pyarrow as pa

from corpus.formats.bz2_blocks import read_blocks
from corpus.formats.streams import Checked
from corpus.storage import InputFile, open_input

CUT = "dump cut off or damaged to its end"
DAMAGED_BLOCK = "damaged bz2 block"
PACKED_WHOLE = (".gz", ".xz", ".zst")

_READ = 1 << 20
_ZSTD_READ = 32 << 10  # what a read that meets a cut has unpacked before it is lost
_FAULTS = (EOFError, OSError, lzma.LZMAError, zlib.error)  # a disk's are `Checked`'s DataError


class Piece(NamedTuple):
    """Bytes that follow those of the piece before, or with a fault, what stands in their place."""

    data: bytes
    own: bool  # begins in the part; else what a page begun there may end in
    fault: str | None = None


def read_pieces(file: InputFile) -> Iterator[Piece]:
    """The pieces of a part and then of what follows it, to the file's end."""
    name = file.name.lower()
    with open_input(file.uri) as opened:
        raw: Any = Checked(opened, file.uri)
        if name.endswith(".bz2"):
            yield from _blocks(raw, file)
        elif name.endswith(".gz"):
            with gzip.GzipFile(fileobj=raw) as stream:
                yield from _stream(stream)
        elif name.endswith(".xz"):
            with lzma.LZMAFile(raw) as stream:
                yield from _stream(stream)
        elif name.endswith(".zst"):
            with pa.CompressedInputStream(raw, "zstd") as stream:
                yield from _stream(stream, _ZSTD_READ)
        else:
            yield from _plain(raw, file)


def _plain(raw: Any, file: InputFile) -> Iterator[Piece]:
    raw.seek(file.start)
    left = (file.size if file.end is None else file.end) - file.start
    while data := raw.read(min(_READ, left) if left > 0 else _READ):
        yield Piece(data, left > 0)
        left -= len(data)


def _blocks(raw: Any, file: InputFile) -> Iterator[Piece]:
    for offset, content in read_blocks(raw, file.start):
        own = file.end is None or offset < file.end
        yield Piece(content or b"", own, None if content else DAMAGED_BLOCK)


def _stream(stream: Any, size: int = _READ) -> Iterator[Piece]:
    try:
        while data := stream.read1(size):
            yield Piece(data, True)
    except _FAULTS:
        yield Piece(b"", True, CUT)
