"""One member of a 7z archive, pushed on piece by piece: nothing goes to disk or is held whole."""

from collections.abc import Callable
from typing import Any

import py7zr
from py7zr.io import Py7zIO, WriterFactory

from corpus.errors import DataError
from corpus.storage import ends_with


def members(stream: Any, ending: str) -> list[str] | None:
    """The names of an archive's members that end so, sorted; None where it is damaged."""
    try:
        with py7zr.SevenZipFile(stream) as archive:
            return sorted(name for name in archive.getnames() if ends_with(name, (ending,)))
    except DataError:
        raise
    except Exception:  # of a damaged archive, py7zr and each of its codecs raise what they like
        return None


def feed_member(stream: Any, name: str, feed: Callable[[bytes], object]) -> bool:
    """Feeds a member; whether it was whole. What comes before damage has been fed.

    What `feed` raises is raised on, and so is a stream's DataError.
    """
    pushing = _Pushing(feed)
    stream.seek(0)
    try:
        with py7zr.SevenZipFile(stream) as archive:
            archive.extract(targets=[name], factory=pushing)
    except DataError:
        raise
    except Exception:
        if pushing.failure is not None:
            raise pushing.failure from None
        return False
    return True


class _Pushing(WriterFactory, Py7zIO):
    """What py7zr writes a member to; `failure` is the fault of who was fed, not the archive's."""

    def __init__(self, feed: Callable[[bytes], object]) -> None:
        self._feed, self._size = feed, 0
        self.failure: Exception | None = None

    def create(self, filename: str) -> Py7zIO:
        return self

    def write(self, s: bytes | bytearray) -> int:
        try:
            self._feed(bytes(s))
        except Exception as error:
            self.failure = error
            raise
        self._size += len(s)
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0

    def flush(self) -> None:
        pass

    def size(self) -> int:
        return self._size
