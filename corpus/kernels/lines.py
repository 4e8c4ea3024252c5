"""Lines of UTF-8 texts: found, brought into the form they are compared in, and hashed.

Texts are ragged bytes: `data` uint8 and `offsets` [N + 1] int64, text n from `offsets[n]` up to
`offsets[n + 1]`. Lines are numbered through all texts; `text_lines` [N + 1] int64 says with which
line each text begins. The form is given as a table by code point (`corpus.dedup.characters`): it is
CCNet's for line dedup (arXiv:1911.00359, section 3.1), or another that strips and lower-cases. What
the table cannot say the form of is flagged and left to the caller.
"""

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.byte_vectors import WIDTH, bytes_before, level_ascii
from corpus.kernels.sha1 import BLOCK, hash_messages, pad_message

TABLE_SIZE = 0x20000  # beyond, no character has a lower case and none is a digit or a mark
CODE = np.uint32(0x1FFFFF)  # bits of an entry that are the code point it becomes
DELETED = np.uint32(1 << 24)
SPACE = np.uint32(1 << 25)  # white space to str.strip
SPECIAL = np.uint32(1 << 26)  # becomes no single character of its own
DOTTED_I = "İ"  # special: the one character with a lower case of two, i and U+0307

_DOTTED_I = np.uint32(ord(DOTTED_I))
_NEWLINE = 10
_CHUNK = 2048  # pieces hashed together, so that their messages stay in cache
_CHUNK_BYTES = 1 << 18


@kernel
def count_lines(data, offsets):
    """[N + 1] int64 `text_lines`; a text has one line more than newlines."""
    text_lines = np.zeros(len(offsets), np.int64)
    for text in range(len(offsets) - 1):
        newlines = 0
        for place in range(offsets[text], offsets[text + 1]):
            newlines += data[place] == _NEWLINE
        text_lines[text + 1] = text_lines[text] + newlines + 1
    return text_lines


@kernel
def hash_lines(data, offsets, text_lines, table):
    """Returns starts [L] int64, hashes [L] uint64 and in_context [L] bool of all L lines.

    The hashes are those of `hash_pieces`.
    """
    starts, stops = split_lines(data, offsets, text_lines)
    hashes, in_context = hash_pieces(data, starts, stops, table)
    return starts, hashes, in_context


@kernel
def split_lines(data, offsets, text_lines):
    """Returns starts and stops [L] int64 of all lines, their newlines left out."""
    starts = np.empty(text_lines[-1], np.int64)
    stops = np.empty(text_lines[-1], np.int64)
    line = 0
    for text in range(len(offsets) - 1):
        end = offsets[text + 1]
        start = offsets[text]
        while start <= end:
            starts[line] = start
            stops[line] = _line_end(data, start, end)
            start = stops[line] + 1
            line += 1
    return starts, stops


@kernel
def hash_pieces(data, starts, stops, table):
    """Returns hashes [P] uint64 and in_context [P] bool of pieces of text, `data[start:stop]`.

    A hash is the first 8 bytes of the SHA-1 of the piece's form; of one in context it is not set.
    """
    pieces = len(starts)
    hashes = np.empty(pieces, np.uint64)
    in_context = np.zeros(pieces, np.bool_)
    levels = (table[0x31] & CODE) == 0x30  # a digit is as good as another, as to `level_ascii`
    messages = np.empty(_CHUNK_BYTES, np.uint8)
    first_block = np.empty(_CHUNK, np.int64)
    blocks = np.empty(_CHUNK, np.int64)
    done = 0  # pieces whose hashes are written; those up to `piece` wait in `messages`
    used = 0  # whole blocks of messages, in bytes
    for piece in range(pieces):
        start, stop = starts[piece], stops[piece]
        room = (stop - start) * 2 + 2 * BLOCK + WIDTH
        if piece - done == _CHUNK or used + room > len(messages):
            hash_messages(messages, first_block, blocks, piece - done, hashes[done:piece])
            done, used = piece, 0
            if room > len(messages):
                messages = np.empty((room // BLOCK + 1) * BLOCK, np.uint8)
        length = _normalize(data, start, stop, table, levels, messages, used)
        if length < 0:
            in_context[piece] = True
            length = 0
        first_block[piece - done] = used // BLOCK
        blocks[piece - done] = pad_message(messages, used, length)
        used += blocks[piece - done] * BLOCK
    hash_messages(messages, first_block, blocks, pieces - done, hashes[done:])
    return hashes, in_context


@kernel
def is_blank(data, start, stop, table):
    """Whether `str.strip` leaves nothing of these bytes."""
    return _skip_space(data, start, stop, table) == stop


@kernel
def _normalize(data, start, stop, table, levels, out, at):
    """Writes the form of a piece to `out[at:]`; its bytes, or -1 where it takes the context.

    `levels`: the table makes of ASCII what `level_ascii` does. `out` must have room for half as
    much again as the piece, and WIDTH bytes.
    """
    start = _skip_space(data, start, stop, table)
    stop = _drop_space(data, start, stop, table)
    begin = at
    place = start
    while place < stop:
        byte = data[place]
        if levels and 0x20 <= byte < 0x7F and place + WIDTH <= len(data):  # 32 bytes at once
            plain = min(level_ascii(data, place, out, at), stop - place)
            place += plain
            at += plain
            continue
        if byte < 0x80:
            entry = table[byte]
            out[at] = np.uint8(entry & np.uint32(0xFF))
            at += (entry & DELETED) == 0
            place += 1
            continue
        size = _char_size(data, place, stop)
        code = _code_point(data, place, size)
        entry = table[code] if code < TABLE_SIZE else code
        if entry == code:
            out[at] = byte  # a loop over so few bytes costs more than they do
            if size > 1:
                out[at + 1] = data[place + 1]
            if size > 2:
                out[at + 2] = data[place + 2]
            if size > 3:
                out[at + 3] = data[place + 3]
            at += size
        elif entry & SPECIAL:
            if code != _DOTTED_I:
                return -1
            out[at], out[at + 1], out[at + 2] = 0x69, 0xCC, 0x87
            at += 3
        elif not entry & DELETED:
            at = _put(out, at, entry & CODE)
        place += size
    return at - begin


@kernel
def _line_end(data, start, end):
    """Where the first newline stands, or `end`."""
    place = start
    while place < end:
        if place + WIDTH > len(data):
            if data[place] == _NEWLINE:
                return place
            place += 1
            continue
        before = bytes_before(data, place, np.uint8(_NEWLINE))
        place += before
        if before < WIDTH:
            break
    return min(place, end)


@kernel
def _is_solid(byte):
    """Whether this is an ASCII character that is seen; most lines begin and end with one."""
    return 0x20 < byte < 0x7F


@kernel
def _skip_space(data, start, stop, table):
    while start < stop and not _is_solid(data[start]):
        size = _char_size(data, start, stop)
        code = _code_point(data, start, size)
        if code >= TABLE_SIZE or not table[code] & SPACE:
            break
        start += size
    return start


@kernel
def _drop_space(data, start, stop, table):
    while start < stop and not _is_solid(data[stop - 1]):
        last = stop - 1
        while last > start and data[last] & 0xC0 == 0x80:
            last -= 1
        code = _code_point(data, last, _char_size(data, last, stop))
        if code >= TABLE_SIZE or not table[code] & SPACE:
            break
        stop = last
    return stop


@kernel
def _char_size(data, place, stop):
    """Bytes of the character there; 1 where the bytes are no UTF-8 up to `stop`."""
    byte = data[place]
    size = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
    return size if place + size <= stop else 1


@kernel
def _code_point(data, place, size):
    first = np.uint32(data[place])
    if size == 1:
        return first
    second = np.uint32(data[place + 1]) & np.uint32(0x3F)
    if size == 2:
        return (first & np.uint32(0x1F)) << np.uint32(6) | second
    third = np.uint32(data[place + 2]) & np.uint32(0x3F)
    if size == 3:
        return (first & np.uint32(0x0F)) << np.uint32(12) | second << np.uint32(6) | third
    fourth = np.uint32(data[place + 3]) & np.uint32(0x3F)
    code = (first & np.uint32(0x07)) << np.uint32(18) | second << np.uint32(12)
    return code | third << np.uint32(6) | fourth


@kernel
def _put(out, at, code):
    """Writes a code point as UTF-8; where it ends."""
    if code < 0x80:
        out[at] = code
        return at + 1
    if code < 0x800:
        out[at] = 0xC0 | code >> np.uint32(6)
        out[at + 1] = 0x80 | code & np.uint32(0x3F)
        return at + 2
    if code < 0x10000:
        out[at] = 0xE0 | code >> np.uint32(12)
        out[at + 1] = 0x80 | (code >> np.uint32(6)) & np.uint32(0x3F)
        out[at + 2] = 0x80 | code & np.uint32(0x3F)
        return at + 3
    out[at] = 0xF0 | code >> np.uint32(18)
    out[at + 1] = 0x80 | (code >> np.uint32(12)) & np.uint32(0x3F)
    out[at + 2] = 0x80 | (code >> np.uint32(6)) & np.uint32(0x3F)
    out[at + 3] = 0x80 | code & np.uint32(0x3F)
    return at + 4
