"""The `Posts.xml` of a file: itself, plain or packed, or those of a `.7z` or a tar of sites.

All are streams: nothing is unpacked to disk.
"""

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from corpus.counts import Counts
from corpus.formats.streams import Checked
from corpus.storage import InputFile, ends_with, open_input

TARS = (".tar", ".tar.gz", ".tar.bz2", ".tar.xz")
NO_POSTS = "archive without Posts.xml"
CUT = "file cut short or damaged to its end"

_PIECE = 1 << 20
Feed = Callable[[bytes], object]
_OPENERS: dict[str, Any] = {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open}
_DAMAGE = (EOFError, OSError, lzma.LZMAError, zlib.error, tarfile.TarError)


def dumps(file: InputFile, counts: Counts) -> Iterator[tuple[str, Callable[[Feed], None]]]:
    """The posts of a file, by name: a function that feeds all bytes of them, as far as whole."""
    with open_input(file.uri) as stream:
        raw = Checked(stream, file.uri)  # a disk that fails is no damaged file
        if ends_with(file.name, (".7z",)):
            yield from _in_7z(raw, file.name, counts)
        elif ends_with(file.name, TARS):
            yield from _in_tar(raw, file.name, counts)
        else:
            opener = _OPENERS.get(file.name.lower().rpartition(".")[2])
            unpacked: Any = opener(raw) if opener else raw
            yield file.name, partial(_unpack, unpacked, file.name, counts)


def _in_tar(raw: Checked, name: str, counts: Counts) -> Iterator[tuple[str, Callable]]:
    found = False
    try:
        with tarfile.open(fileobj=raw, mode="r|*") as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isfile() else None
                if stream is not None and ends_with(member.name, ("Posts.xml",)):
                    found = True
                    place = f"{name}/{member.name}"
                    yield place, partial(_unpack, stream, place, counts)
    except (*_DAMAGE, TypeError):  # so tarfile ends on a gzip header that is cut short
        counts.note(CUT, name)
        return
    if not found:
        counts.note(NO_POSTS, name)


def _in_7z(raw: Checked, name: str, counts: Counts) -> Iterator[tuple[str, Callable]]:
    from corpus.stackexchange import archives  # slow to import

    def unpack(member: str, place: str, feed: Feed) -> None:
        if not archives.feed_member(raw, member, feed):
            counts.note(CUT, place)

    members = archives.members(raw, "Posts.xml")
    if not members:
        counts.note(CUT if members is None else NO_POSTS, name)
        return
    for member in members:
        place = name if len(members) == 1 else f"{name}/{member}"
        yield place, partial(unpack, member, place)


def _unpack(stream: Any, name: str, counts: Counts, feed: Feed) -> None:
    read = getattr(stream, "read1", stream.read)  # what comes before damage comes before its error
    while True:
        try:
            piece = read(_PIECE)
        except _DAMAGE:
            counts.note(CUT, name)
            return
        if not piece:
            return
        feed(piece)
