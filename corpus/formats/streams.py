"""Streams over streams, for archives that are read once and not trusted."""

import io
from typing import Any

import pyarrow as pa

from corpus.errors import DataError


class _Readable(io.RawIOBase):
    """What readers of packed files ask of a stream."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer)) or b""
        buffer[: len(data)] = data
        return len(data)


class Checked(_Readable):
    """A stream whose failures to be read are not taken for faults of what it holds."""

    def __init__(self, stream: pa.NativeFile, location: str) -> None:
        self._stream, self._location = stream, location

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size if size >= 0 else None)
        except OSError as error:
            raise DataError(
                f"{self._location} cannot be read: {error}; check the disk or network"
            ) from error

    def seek(self, offset: int, whence: int = 0) -> int:
        self._stream.seek(offset, whence)
        return self._stream.tell()

    def tell(self) -> int:
        return self._stream.tell()


class Counted(_Readable):
    """A stream that ends after so many bytes."""

    def __init__(self, stream: Any, limit: int) -> None:
        self._stream, self._left = stream, limit
        self.cut = False

    def read(self, size: int = -1) -> bytes:
        if self._left <= 0:
            self.cut = True
            return b""
        data = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data


class After(_Readable):
    """Bytes that were read already, then the rest of their stream."""

    def __init__(self, head: bytes, rest: Any) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int = -1) -> bytes:
        if not self._head:
            return self._rest.read(size) or b""
        if size < 0 or size > len(self._head):
            head, self._head = self._head, b""
            return head + (self._rest.read(size - len(head) if size >= 0 else -1) or b"")
        head, self._head = self._head[:size], self._head[size:]
        return head
