"""An input file for libraries that read file objects, its own faults told from its content's.

Such libraries raise OSError for damaged content too; what the disk or network raises is DataError.
"""

import io
from typing import Any

import pyarrow as pa

from corpus.errors import DataError


class Disk(io.RawIOBase):
    """A file to read and seek whose own errors are told from those of its content."""

    def __init__(self, stream: pa.NativeFile, location: str) -> None:
        self._stream, self._location = stream, location

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            return self._stream.readinto(buffer)
        except OSError as error:
            raise DataError(f"cannot read {self._location}: {error}") from None

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()
