"""The TeX files of one paper as arXiv stores it: a gzip file of a tar, or of one file.

Everything is bounded: what a file, a paper and an archive may unpack to, and how many entries it
may have. Links are followed to files of the same archive only; nothing is written to disk.
"""

import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from isal import igzip
from isal.igzip_lib import IsalError

from corpus.formats.streams import After, Checked, Counted
from corpus.formats.tar_headers import Entry, Tar

CUT = "archive cut short or damaged"
OUTSIDE_NAME = "path that leads out of the archive"
TOO_LARGE = "file or archive unpacks to more than the limit"

# what pictures, fonts and compiled files are called: read past, not in
_NO_SOURCE = frozenset(
    "eps ps pdf png jpg jpeg gif tif tiff bmp svg epsf epsi mps fig dvi bib bst bbx cbx lbx bbl "
    "aux log out toc lof lot blg gz zip pfb tfm vf afm ttf otf pk mp4 avi mov mpg wav mp3 xls xlsx "
    "doc docx ppt csv dat xml html htm css js nb m py c h cpp f r sh ist idx ind ilg spl".split()
)
DAMAGE: Any = (
    tarfile.TarError,
    IsalError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    RecursionError,  # headers of headers
)


_END = bytes(tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class ArchiveLimits:
    """What one paper may take."""

    max_file_bytes: int = 8 << 20
    max_source_bytes: int = 32 << 20  # of all its TeX files
    max_unpacked_bytes: int = 2 << 30  # of the archive, its pictures too
    max_entries: int = 20_000


@dataclass
class Unpacked:
    """A paper's files by path, without `.` and `..`; what else it held, and what went wrong."""

    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    others: set[str] = field(default_factory=set)  # kinds of files that hold no TeX
    is_tar: bool = False


def unpack(stream: Any, limits: ArchiveLimits) -> Unpacked:
    """The TeX files of a paper's archive; never raises on what the stream holds."""
    found = Unpacked()
    try:
        start = stream.read(2)
        plain: Any = After(start, stream)
        if start == b"\x1f\x8b":
            plain = igzip.IGzipFile(fileobj=plain)
        counted = Counted(plain, limits.max_unpacked_bytes)
        head = counted.read(tarfile.BLOCKSIZE)
        whole = After(head, counted)
        found.is_tar = is_tar(head)
        if found.is_tar:
            with open_tar(whole, "r|") as archive:
                _entries(archive, limits, found)
            if counted.cut:
                found.faults.append(TOO_LARGE)
            elif archive.broken:
                found.faults.append(CUT)
        else:
            content = whole.read(limits.max_file_bytes + 1)
            if len(content) > limits.max_file_bytes:
                found.faults.append(TOO_LARGE)
            else:
                _add(found, "paper.tex", content)
    except DAMAGE:
        found.faults.append(CUT)
    return found


def open_tar(stream: Any, mode: Literal["r:", "r|"]) -> Tar:
    """A tar of papers (`r:`) or of a paper (`r|`), whose headers are bounded."""
    return cast(Tar, Tar.open(fileobj=stream, mode=mode, tarinfo=Entry))


def is_tar(head: bytes) -> bool:
    """Whether the first 512 bytes are a tar header: its checksum says so."""
    if len(head) < tarfile.BLOCKSIZE:
        return False
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def members(
    archive: tarfile.TarFile, stream: Checked | None = None
) -> Iterator[tarfile.TarInfo | None]:
    """An archive's entries; None stands for damage, past which only a seekable stream leads."""
    while True:
        try:
            member = archive.next()
        except DAMAGE:
            member = None
            if stream is None:
                yield None
                return
        if member is not None:
            archive.members = []  # type: ignore[attr-defined]  # tarfile keeps all it has seen
            yield member
            continue
        if stream is None:
            return
        stream.seek(archive.offset)
        if stream.read(tarfile.BLOCKSIZE) == _END:
            return
        yield None
        following = _next_header(stream, archive.offset + tarfile.BLOCKSIZE)
        if following is None:
            return
        archive.offset = following
        archive._loaded = False  # type: ignore[attr-defined]


def _next_header(stream: Checked, start: int) -> int | None:
    """Where the next entry's header stands, from a multiple of 512 bytes on."""
    stream.seek(start)
    while piece := stream.read(1 << 20):
        for at in range(0, len(piece), tarfile.BLOCKSIZE):
            if piece[at + 257 : at + 262] == b"ustar" and is_tar(piece[at : at + 512]):
                return start + at
        start += len(piece)
    return None


def _entries(archive: tarfile.TarFile, limits: ArchiveLimits, found: Unpacked) -> None:
    links: list[tuple[str, str]] = []
    total = 0
    for number, member in enumerate(members(archive)):
        if member is None:
            found.faults.append(CUT)
            break
        if number >= limits.max_entries:
            found.faults.append(TOO_LARGE)
            break
        name = inside(member.name.lstrip("/"))  # an absolute one is from the root
        if name is None:
            if member.isreg():
                found.faults.append(OUTSIDE_NAME)
            continue
        if member.islnk() or member.issym():
            near = "" if member.islnk() else posixpath.dirname(name)
            target = inside(posixpath.join(near, member.linkname))
            links += [(name, target)] if target else []
        elif member.isreg() and not _no_source(name, found):
            total += member.size
            if member.size > limits.max_file_bytes or total > limits.max_source_bytes:
                total -= member.size
                found.faults.append(TOO_LARGE)
                continue
            file = archive.extractfile(member)
            content = file.read() if file else b""
            _add(found, name, content)
            if len(content) < member.size:
                found.faults.append(CUT)
    for name, target in links:
        if target in found.files:
            found.files.setdefault(name, found.files[target])


def inside(path: str) -> str | None:
    """A path as the archive has it, from its root; None where it leads out of it."""
    path = posixpath.normpath(path)
    return None if path.startswith(("/", "..")) or path == "." else path


def _no_source(name: str, found: Unpacked) -> bool:
    suffix = posixpath.splitext(name)[1][1:].lower()
    if suffix in _NO_SOURCE:
        found.others.add(suffix)
    return suffix in _NO_SOURCE


_KINDS = ((b"%PDF", "pdf"), (b"%!PS", "ps"), (b"\x04%!PS", "ps"), (b"PK\x03\x04", "zip"))


def _add(found: Unpacked, name: str, content: bytes) -> None:
    head = content[:1024].lstrip()
    for mark, kind in _KINDS:
        if head.startswith(mark):
            found.others.add(kind)
            return
    if head[:200].lower().startswith((b"<html", b"<!doctype", b"<?xml")):
        found.others.add("html")
    elif b"\0" in head and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        found.others.add("binary")
    else:
        found.files[name] = content
