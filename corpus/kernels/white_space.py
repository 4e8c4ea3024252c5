"""White space in UTF-8, as `str.isspace` and so `str.strip` and `str.split` have it."""

from corpus.kernels import inlined, inner


@inner
def space_at(data, at, end):
    """Bytes of the white-space character that begins at a position; 0 where none does."""
    first = data[at]
    if first < 0x80:
        return 1 if first == 0x20 or 0x09 <= first <= 0x0D or 0x1C <= first <= 0x1F else 0
    if first == 0xC2:  # U+0085, U+00A0
        return 2 if at + 1 < end and (data[at + 1] == 0x85 or data[at + 1] == 0xA0) else 0
    if first < 0xE1 or first > 0xE3 or at + 2 >= end:
        return 0
    second, third = data[at + 1], data[at + 2]
    if first == 0xE1:  # U+1680
        return 3 if second == 0x9A and third == 0x80 else 0
    if first == 0xE3:  # U+3000
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x81:  # U+205F
        return 3 if third == 0x9F else 0
    # U+2000 to U+200A, U+2028, U+2029, U+202F
    wide = 0x80 <= third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF
    return 3 if second == 0x80 and wide else 0


@inner
def space_before(data, start, at):
    """Bytes of the white-space character that ends just before a position; 0 where none does."""
    if data[at - 1] < 0x80:
        return space_at(data, at - 1, at)
    if at - 2 >= start and space_at(data, at - 2, at) == 2:
        return 2
    if at - 3 >= start and space_at(data, at - 3, at) == 3:
        return 3
    return 0


@inlined
def stripped(data, start, end):
    """Where a text's characters begin and end that are no white space around it."""
    while start < end:
        width = space_at(data, start, end)
        if width == 0:
            break
        start += width
    while end > start:
        width = space_before(data, start, end)
        if width == 0:
            break
        end -= width
    return start, end
