"""Titles and texts out of raw blocks: every line stripped, the first apart (CCNet, section 3.1).

A line ends at `\\n`, `\\r` or `\\r\\n`, as a text stream with universal newlines has it, and
nowhere else (not at U+0085 or U+2028). What is stripped is what `str.strip` strips. A text whose
lines are as long as they were is one copy: runs of untouched lines are moved in one piece.
"""

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.white_space import stripped

_NEWLINE, _RETURN = 0x0A, 0x0D
_MARK = np.frombuffer(b"WARC/1.0", np.uint8)  # the line that CCNet takes for a record's first


@kernel
def _line_ends(data):
    """Positions of every `\\n` and `\\r`: most words of eight bytes hold none and are passed by."""
    flags = np.zeros((data.size + 8) // 8 * 8, np.uint8)
    for at in range(data.size):
        flags[at] = (data[at] == _NEWLINE) | (data[at] == _RETURN)
    words = flags.view(np.uint64)
    positions = np.empty(data.size + 1, np.int32)
    count = 0
    for word in range(words.size):
        if words[word] == 0:
            continue
        for at in range(word * 8, word * 8 + 8):
            positions[count] = at
            count += flags[at]
    return positions[:count]


@kernel
def _append(target, size, data, start, end):
    piece = data[start:end]  # of views LLVM knows that no index is negative, and vectorises
    room = target[size : size + piece.size]
    for at in range(piece.size):
        room[at] = piece[at]
    return size + piece.size


@kernel
def _num_chars(data, start, end):
    text = data[start:end]
    count = 0
    for at in range(text.size):
        count += (text[at] & 0xC0) != 0x80
    return count


@kernel
def _is_mark(data, at):
    same = True
    for place in range(_MARK.size):
        same &= data[at + place] == _MARK[place]
    return same


@kernel
def title_and_text(data, starts, ends, one_stays, min_chars):
    """Splits blocks of valid UTF-8 into their titles and texts.

    `data` [bytes] uint8, under 2 GiB, holds block n from `starts[n]` to `ends[n]` ([N] int64, in
    order). Of a block's last two lines those that are blank go, but a single one only if not
    `one_stays`. A text of fewer than `min_chars` characters is left out, with its title.

    Returns titles [bytes] uint8, title_ends [N] int64, texts [bytes] uint8, text_ends [N] int64
    and num_chars [N] int64 of every text, the ones left out too, whose ends are those before, and
    whether any line is `WARC/1.0`.
    """
    line_ends = _line_ends(data)
    titles, texts = np.empty(data.size, np.uint8), np.empty(data.size, np.uint8)
    title_ends, text_ends = np.empty(ends.size, np.int64), np.empty(ends.size, np.int64)
    num_chars = np.empty(ends.size, np.int64)
    title_size = text_size = line = 0
    marked = False
    for block in range(ends.size):
        at, block_end = starts[block], ends[block]
        while line < line_ends.size and line_ends[line] < at:
            line += 1
        text_start, title_start = text_size, title_size
        lines = blanks = 0
        run_start = run_end = -1  # of the data still to be copied
        while at < block_end:
            if line < line_ends.size and line_ends[line] < block_end:
                line_end = int(line_ends[line])
                following = line_end + 1
                line += 1
                if data[line_end] == _RETURN and following < block_end:
                    paired = int(data[following] == _NEWLINE)
                    following += paired
                    line += paired
            else:
                line_end = following = block_end
            start, end = stripped(data, at, line_end)
            at = following
            if end - start == _MARK.size and data[start] == _MARK[0]:
                marked |= _is_mark(data, start)
            blanks = blanks + 1 if start == end else 0
            lines += 1
            if lines == 1:
                title_size = _append(titles, title_size, data, start, end)
            elif lines > 2 and start == run_end + 1 and data[run_end] == _NEWLINE:
                run_end = end
            else:
                if lines > 2:
                    text_size = _append(texts, text_size, data, run_start, run_end)
                    texts[text_size] = _NEWLINE
                    text_size += 1
                run_start, run_end = start, end
        if lines > 1:
            text_size = _append(texts, text_size, data, run_start, run_end)
        gone = min(blanks, 2)
        if gone == 2 or not one_stays:
            text_size = text_start if lines - 1 <= gone else text_size - gone
        num_chars[block] = _num_chars(texts, text_start, text_size)
        if num_chars[block] < min_chars:
            text_size, title_size = text_start, title_start
        title_ends[block], text_ends[block] = title_size, text_size
    return titles[:title_size], title_ends, texts[:text_size], text_ends, num_chars, marked
