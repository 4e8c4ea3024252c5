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
    """Yields an archive's files, to be read before the next is asked for; faults are counted."""
    total = 0
    with open_input(file.uri) as stream:
        disk = Checked(stream, file.uri)
        walk = _zip_files if file.name.lower().endswith((".zip", ".whl")) else _tar_files
        entries = walk(disk, file, counts)
        while True:
            try:
                found = next(entries, None)
            except _DAMAGE:
                counts.skip(CUT, file.name)
                return
            if found is None:
                return
            total += found.size
            if total > max_bytes:
                counts.skip(OVERSIZE, f"{file.name}#{found.position}")
                return
            yield found


class _Whole:
    """What an unpacker gives before the damage, where it would raise for all that was asked."""

    def __init__(self, unpacker: Any) -> None:
        self._unpacker = unpacker
        self._broken = False

    def read(self, size: int) -> bytes:
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
        return b"".join(parts)


class _Tar(tarfile.TarFile):
    broken = False  # whether it ended where a header should be


class _Entry(tarfile.TarInfo):
    """An entry that remembers that the archive broke off where its header should be."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> "_Entry":
        try:
            return super().fromtarfile(tar)  # type: ignore[return-value]
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError:
            tar.broken = True  # type: ignore[attr-defined]
            raise


def _tar_files(disk: Checked, file: InputFile, counts: Counts) -> Iterator[ArchiveFile]:
    name = file.name.lower()
    plain: Any = io.BufferedReader(disk, _BUFFER)
    if name.endswith((".gz", ".tgz")):
        plain = _Whole(igzip.IGzipFile(fileobj=plain))
    elif name.endswith((".xz", ".txz")):
        plain = _Whole(lzma.LZMAFile(plain))  # noqa: SIM115
    elif name.endswith((".bz2", ".tbz2")):
        plain = _Whole(bz2.BZ2File(plain))
    position = -1
    try:
        tar = _Tar.open(fileobj=plain, mode="r|", bufsize=_BUFFER, tarinfo=_Entry)
    except _DAMAGE:
        counts.skip(NOT_ARCHIVE, file.name)
        return
    while (entry := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined]  # it would remember every entry
        position += 1
        if entry.isreg() and entry.size >= 0:
            yield ArchiveFile(_path(entry.name), position, entry.size, _tar_content(tar, entry))
    if tar.broken:
        counts.skip(CUT, f"{file.name}#{position + 1}")


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
    counts.skip(NOT_ARCHIVE if position < 0 else CUT, f"{file.name}#{position + 1}")


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
