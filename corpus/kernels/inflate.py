"""Inflates many gzip members at a call by libdeflate, whole ones, each with its place.

A crawl file's members are of a few KiB, of which calls from Python and copies took a third of the
time. The library comes in the wheel of `deflate`, which has its C interface beside the Python one.
"""

import ctypes
from typing import Any

import deflate._deflate
import numpy as np
from llvmlite import binding
from numba import types
from numba.core.typing import signature

from corpus.kernels import kernel

_LIBRARY = ctypes.CDLL(deflate._deflate.__file__)
_LIBRARY.libdeflate_alloc_decompressor.restype = ctypes.c_void_p
_LIBRARY.libdeflate_free_decompressor.argtypes = [ctypes.c_void_p]
_NAME = "libdeflate_gzip_decompress_ex"
# by name, as an address would be another in each process and keep compiled code from being kept
binding.add_symbol(_NAME, ctypes.cast(getattr(_LIBRARY, _NAME), ctypes.c_void_p).value)
_decompress: Any = types.ExternalFunction(_NAME, signature(types.int32, *[types.uintp] * 7))

_FLAGS, _HEADER_CHECKSUM = 3, 0x02  # of a member's header, RFC 1952


class Inflater:
    """libdeflate's own tables; for one thread at a time."""

    def __init__(self) -> None:
        self._tables = _LIBRARY.libdeflate_alloc_decompressor()
        if not self._tables:
            raise MemoryError("libdeflate has no memory for its tables")

    def __del__(self) -> None:
        _LIBRARY.libdeflate_free_decompressor(self._tables)

    def members(
        self, source: np.ndarray, target: np.ndarray, at_once: int, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inflates the members at the start of `source` into `target`, both [bytes] uint8.

        Stops after `most` of them, after two or more once they are of `at_once` bytes, at the end,
        and before one that is damaged, cut, larger than the room that is left, or of a header with
        a checksum, which libdeflate does not check. Returns where N members begin in `source` and
        in `target`, [N + 1] int64 each: the last is where one more would.
        """
        return _members(self._tables, source, target, at_once, most)


@kernel
def _members(tables, source, target, at_once, most):
    packed, unpacked = np.zeros(most + 1, np.int64), np.zeros(most + 1, np.int64)
    sizes = np.zeros(2, np.uintp)
    count = 0
    while count < most and packed[count] < source.size:
        if count > 1 and unpacked[count] >= at_once:
            break
        flags = packed[count] + _FLAGS
        if flags < source.size and source[flags] & _HEADER_CHECKSUM:
            break
        failed = _decompress(
            tables,
            source.ctypes.data + packed[count],
            source.size - packed[count],
            target.ctypes.data + unpacked[count],
            target.size - unpacked[count],
            sizes.ctypes.data,
            sizes.ctypes.data + sizes.itemsize,
        )
        if failed:
            break
        packed[count + 1] = packed[count] + np.int64(sizes[0])
        unpacked[count + 1] = unpacked[count] + np.int64(sizes[1])
        count += 1
    return packed[: count + 1], unpacked[: count + 1]
