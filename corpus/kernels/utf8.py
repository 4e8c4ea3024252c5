"""Whether bytes are UTF-8, by comparing each with the three before it, which vectorises."""

import numpy as np

from corpus.kernels import kernel

_CHUNK = 4096  # bytes between looks at what was found
_BEFORE = 3  # bytes that say what a byte may be


@kernel
def _any_wrong(data):
    """Of [n] uint8 whether any byte from the fourth on cannot follow the three before it."""
    size = data.size - _BEFORE
    bytes_, before = data[_BEFORE:], data[_BEFORE - 1 : -1]
    second, third = data[1 : size + 1], data[:size]
    wrong = False
    for at in range(size):
        byte, last = bytes_[at], before[at]
        awaited = (last >= 0xC0) | (second[at] >= 0xE0) | (third[at] >= 0xF0)
        wrong |= (
            (((byte >= 0x80) & (byte < 0xC0)) != awaited)
            | ((byte >= 0xC0) & (byte < 0xC2))  # too long a form of ASCII
            | (byte >= 0xF5)
            | ((last == 0xE0) & (byte < 0xA0))  # too long a form
            | ((last == 0xF0) & (byte < 0x90))
            | ((last == 0xED) & (byte >= 0xA0))  # a surrogate
            | ((last == 0xF4) & (byte >= 0x90))  # beyond U+10FFFF
        )
    return wrong


@kernel
def is_utf8(data):
    """Whether data [n] uint8 is whole characters of UTF-8, surrogates being none."""
    edge = np.zeros(2 * _BEFORE, np.uint8)
    near = min(data.size, _BEFORE)
    edge[_BEFORE : _BEFORE + near] = data[:near]
    if _any_wrong(edge):
        return False
    for start in range(0, data.size - _BEFORE, _CHUNK):
        if _any_wrong(data[start : start + _CHUNK + _BEFORE]):
            return False
    edge[:] = 0
    edge[_BEFORE - near : _BEFORE] = data[data.size - near :]
    return not _any_wrong(edge)
