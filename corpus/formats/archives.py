"""The files of an archive (tar, plain or gzip, xz, bzip2; zip), read in order, none extracted.

Only plain files: links, devices and folders are passed by. An archive is untrusted: sizes are
bounded, paths are names and no places, and what is damaged ends it or loses one file, counted.
"""

import bz2
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from isal import igzip
from isal.igzip_lib import IsalError

from corpus.counts import Counts
from corpus.formats.streams import Checked
from corpus.formats.tar_headers import MAX_HEADER_BYTES, Entry, Tar
from corpus.formats.zip_entries import ZipEntry, entries_in_order, read_entry
from corpus.storage import InputFile, open_input

SUFFIXES = (
    ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".zip", ".whl",
)  # fmt: skip
CUT = "archive cut short or damaged to its end"
NOT_ARCHIVE = "not an archive, or a damaged one"
OVERSIZE = "archive over max_archive_bytes"

_BUFFER = 1 << 20
_PIECE = 16 << 10  # at most as much is lost before damage
# What the standard library raises on bytes that are no archive; a failing disk is DataError.
_DAMAGE: Any = (  # isal's stubs give its error another type
    IsalError,
    tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError,
    ValueError, OverflowError, struct.error, NotImplementedError, RuntimeError,
    KeyError, IndexError,
)  # fmt: skip


class ArchiveFile(NamedTuple):
    """A plain file of an archive. `read` takes how many bytes at most, None where damaged."""

    path: str
    position: int  # of the archive's entries, from 0
    size: int  # bytes, as stated
    read: Callable[[int], bytes | None]


def archive_name(name: str) -> str:
    """An archive's name without its suffix."""
    suffix = max((s for s in SUFFIXES if name.lower().endswith(s)), key=len, default="")
    return name[: len(name) - len(suffix)]


def archive_files(file: InputFile, max_bytes: int, counts: Counts) -> Iterator[ArchiveFile]:
    """Yields an archive's files, to be read before the next is asked for; faults are counted.

    What lies past `max_bytes`, unpacked, is not read; of a tar its headers count too.
    """
    total = 0
    with open_input(file.uri) as stream:
        disk = Checked(stream, file.uri)
        if file.name.lower().endswith((".zip", ".whl")):
            entries = _zip_files(disk, file, counts)
        else:
            entries = _tar_files(disk, file, max_bytes, counts)
        while True:
            try:
                found = next(entries, None)
            except _DAMAGE:
                counts.note(CUT, file.name)
                return
            if found is None:
                return
            total += found.size
            if total > max_bytes:
                counts.note(OVERSIZE, f"{file.name}#{found.position}")
                return
            yield found


class _Unpacked:
    """A tar's bytes, read once from its start on; where they are damaged, they end.

    All that belongs to one entry's header is bounded together, maps of holes too.
    """

    def __init__(self, unpacker: Any) -> None:
        self._unpacker = unpacker
        self._at = 0
        self._broken = False
        self.headroom: int | None = None  # bytes that an entry's header may still have

    def tell(self) -> int:
        return self._at

    def seek(self, position: int) -> None:
        """Goes forward; also where a header's room is bounded, what is passed over is not."""
        if position < self._at:
            raise tarfile.StreamError("an archive is not read backwards")
        while self._at < position and self._next(min(_BUFFER, position - self._at)):
            pass

    def read(self, size: int) -> bytes:
        if self.headroom is not None:
            self.headroom -= size
            if self.headroom < 0:
                raise tarfile.ReadError("a header over its bound")
        return self._next(max(size, 0))

    def _next(self, size: int) -> bytes:
        parts: list[bytes] = []
        left = size
        while left and not self._broken:
            try:
                part = self._unpacker.read(min(left, _PIECE))
            except _DAMAGE:
                self._broken = True
                break
            if not part:
                break
            parts.append(part)
            left -= len(part)
        self._at += size - left
        return b"".join(parts)


class _OnePassTar(Tar):
    def next(self) -> tarfile.TarInfo | None:
        unpacked: Any = self.fileobj
        unpacked.headroom = MAX_HEADER_BYTES
        found = super().next()
        unpacked.headroom = None
        self.members: list[tarfile.TarInfo] = []  # it would remember every entry
        return found


def _tar_files(
    disk: Checked, file: InputFile, max_bytes: int, counts: Counts
) -> Iterator[ArchiveFile]:
    name = file.name.lower()
    plain: Any = io.BufferedReader(disk, _BUFFER)
    if name.endswith((".gz", ".tgz")):
        plain = igzip.IGzipFile(fileobj=plain)
    elif name.endswith((".xz", ".txz")):
        plain = lzma.LZMAFile(plain)  # noqa: SIM115
    elif name.endswith((".bz2", ".tbz2")):
        plain = bz2.BZ2File(plain)
    position = -1
    try:
        tar = _OnePassTar(fileobj=_Unpacked(plain), tarinfo=Entry)  # type: ignore[arg-type]
    except _DAMAGE:
        counts.note(NOT_ARCHIVE, file.name)
        return
    while (entry := tar.next()) is not None:
        position += 1
        if tar.offset > max_bytes:  # where the next header stands
            counts.note(OVERSIZE, f"{file.name}#{position}")
            return
        if entry.isreg() and entry.size >= 0:
            yield ArchiveFile(_path(entry.name), position, entry.size, _tar_content(tar, entry))
    if tar.broken:
        counts.note(CUT, f"{file.name}#{position + 1}")


def _tar_content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> Callable[[int], bytes | None]:
    def read(most: int) -> bytes | None:
        try:
            stream = tar.extractfile(entry)
            content = stream.read(min(most, entry.size)) if stream is not None else b""
        except _DAMAGE:
            return None
        return content if len(content) == min(most, entry.size) else None

    return read


def _zip_files(disk: Checked, file: InputFile, counts: Counts) -> Iterator[ArchiveFile]:
    try:
        archive = zipfile.ZipFile(io.BufferedReader(disk, _BUFFER))
    except _DAMAGE:
        yield from _zip_files_in_order(disk, file, counts)
        return
    for position, entry in enumerate(archive.infolist()):
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if not entry.is_dir() and kind in (0, stat.S_IFREG):
            content = _zip_content(archive, entry)
            yield ArchiveFile(_path(entry.filename), position, entry.file_size, content)


def _zip_files_in_order(disk: Checked, file: InputFile, counts: Counts) -> Iterator[ArchiveFile]:
    """What stands in a zip before the damage that cost it its table of contents."""
    plain = io.BufferedReader(disk, _BUFFER)
    position = -1
    for position, entry in enumerate(entries_in_order(plain)):

        def read(most: int, entry: ZipEntry = entry) -> bytes | None:
            try:
                return read_entry(plain, entry, most)
            except _DAMAGE:
                return None

        yield ArchiveFile(_path(entry.name), position, entry.size, read)
    counts.note(NOT_ARCHIVE if position < 0 else CUT, f"{file.name}#{position + 1}")


def _zip_content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[int], bytes | None]:
    def read(most: int) -> bytes | None:
        try:
            with archive.open(entry) as stream:
                return stream.read(most)
        except _DAMAGE:
            return None

    return read


def _path(name: str) -> str:
    """A name as plain text, without what would make it begin elsewhere."""
    parts = name.encode("utf-8", "replace").decode().split("/")
    return "/".join(part for part in parts if part not in ("", ".", "..")) or "unnamed"
