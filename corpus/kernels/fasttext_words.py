"""A text as the words fastText sees in it, and fastText's hash. Text is UTF-8 bytes."""

import numpy as np

from corpus.kernels import kernel

_NEWLINE, _OPEN, _CLOSE = ord("\n"), ord("<"), ord(">")
_IN_WORD, _PARTS_WORDS = 1 << 8, 1 << 9
_SEPARATORS = [ord(character) for character in " \n\r\t\v\f\0"]
HASH_BASIS, _HASH_PRIME = np.uint32(2166136261), np.uint32(16777619)  # FNV-1a


def byte_kinds(keep_newlines: bool) -> np.ndarray:
    """[256] uint16, what `split` does at each byte: what it writes, and two bits of what it is.

    Newlines part words or, where not kept, go with no space put in.
    """
    kinds = np.arange(256, dtype=np.uint16) | np.uint16(_IN_WORD)
    kinds[_SEPARATORS] = _CLOSE | _PARTS_WORDS
    if not keep_newlines:
        kinds[_NEWLINE] = 0
    return kinds


@kernel
def split(
    content: np.ndarray,
    first: int,
    last: int,
    kinds: np.ndarray,
    line: np.ndarray,
    bounds: np.ndarray,
) -> np.int64:
    """Writes the words of a text, bytes `first` to `last` of `content`, to `line`, each as
    `<word>`, and to `bounds` where each begins and the last ends; how many there are.

    There must be room for twice as many bytes and 3 more in `line`, for half as many and 2 more
    in `bounds`. No branch is taken on a byte: one a word would be mispredicted.
    """
    line[0] = _OPEN
    stop, count, is_open = np.int64(1), np.int64(0), np.int64(0)  # whether a word has begun
    bounds[0] = 0
    for at in range(first, last):
        kind = np.int64(kinds[content[at]])
        line[stop] = np.uint8(kind & 0xFF)
        line[stop + 1] = _OPEN
        in_word, parts = kind >> 8 & 1, kind >> 9
        bounds[count + 1] = stop + 1
        ended = parts & is_open
        is_open = (is_open | in_word) & (parts ^ 1)
        count += ended
        stop += in_word + 2 * ended
    if is_open:
        line[stop] = _CLOSE
        count += 1
        bounds[count] = stop + 1
    return count


@kernel
def hash_on(code, byte):
    """One step of FNV-1a as fastText has it: bytes count as signed."""
    signed = np.uint32(np.int8(byte))
    return np.uint32(np.uint32(code ^ signed) * _HASH_PRIME)


@kernel
def same(left, left_start, right, right_start, length):
    """Whether two stretches of bytes are equal."""
    at = 0
    while at < length and left[left_start + at] == right[right_start + at]:
        at += 1
    return at == length
