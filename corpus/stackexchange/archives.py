"""One member of a 7z archive, pushed on piece by piece: nothing goes to disk or is held whole."""

from collections.abc import Callable
from typing import Any, Literal

import py7zr
from py7zr.io import Py7zIO, WriterFactory

Fault = Literal["missing", "damaged"]


def feed_member(stream: Any, ending: str, feed: Callable[[bytes], object]) -> Fault | None:
    """Feeds the first member, by name, that ends so; says what is wrong with the archive, if so.

    What comes before damage has been fed. What `feed` raises is raised on.
    """
    pushing = _Pushing(feed)
    try:
        with py7zr.SevenZipFile(stream) as archive:
            names = sorted(name for name in archive.getnames() if name.endswith(ending))
            if not names:
                return "missing"
            archive.extract(targets=names[:1], factory=pushing)
    except Exception:  # of a damaged archive, py7zr and each of its codecs raise what they like
        if pushing.failure is not None:
            raise pushing.failure from None
        return "damaged"
    return None


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
