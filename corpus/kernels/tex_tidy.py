"""Blanks at the ends of lines go, and of blank lines in a row all but one."""

import numpy as np

from corpus.kernels import inner, kernel
from corpus.kernels.tex_text import NEWLINE, is_blank


@inner
def _tidy(text, start, end, out, size):
    """Copies a text that is not verbatim; the size of the output."""
    first = size
    for at in range(start, end):
        byte = text[at]
        if byte == NEWLINE:
            while size > first and is_blank(out[size - 1]):
                size -= 1
            if size >= first + 2 and out[size - 1] == NEWLINE and out[size - 2] == NEWLINE:
                continue
        out[size] = byte
        size += 1
    return size


@kernel
def tidy(text, raw):
    """Tidies a text, [bytes] uint8; the pieces `raw` [pieces, 2], in order, are copied as is."""
    out = np.empty(text.size, np.uint8)
    size = start = 0
    for piece in range(raw.shape[0]):
        size = _tidy(text, start, raw[piece, 0], out, size)
        start = raw[piece, 1]
        for at in range(raw[piece, 0], start):
            out[size] = text[at]
            size += 1
    return out[: _tidy(text, start, text.size, out, size)]
