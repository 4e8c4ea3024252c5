r"""Removes TeX comments as TeX does, in one pass: `\%` stays, and so does all that is verbatim."""

import numpy as np

from corpus.kernels import inner, kernel
from corpus.kernels.tex_text import (
    AT_SIGN,
    BACKSLASH,
    CLOSE,
    CLOSE_BRACKET,
    NEWLINE,
    OPEN,
    OPEN_BRACKET,
    PERCENT,
    STAR,
    character_end,
    is_blank,
    is_letter,
    is_space,
)
from corpus.kernels.tex_text import SPACE as BLANK

_LONGEST_INLINE = 10_000  # bytes of an argument; a paper may be one line
_LONGEST_OPTIONS, _LONGEST_LANGUAGE = 200, 100
_MOST_SEARCHED = 20  # bytes looked over in vain, for each of the text's; and as many in any text:
_SPARE_SEARCHED = 1 << 20
_LONGEST_CONTROL = 40  # bytes of a command that is looked for before a comment

# What holds text verbatim, by its place among these
_NAMES = [b"begin", b"verb", b"lstinline", b"mintinline", b"url", b"nolinkurl", b"href", b"path"]
_BEGIN, VERB, LSTINLINE, MINTINLINE, _URL = range(5)


def flat(names):
    """Names as [bytes] uint8 and where each ends [names + 1] int64, the first before them."""
    ends = np.cumsum([0, *map(len, names)])
    ends.flags.writeable = False
    return np.frombuffer(b"".join(names), np.uint8), ends


_BYTES, _ENDS = flat(_NAMES)


@inner
def _name_at(text, first, last, names, ends):
    """Which of some names `text[first:last]` is, or -1."""
    for name in range(ends.size - 1):
        if ends[name + 1] - ends[name] == last - first:
            same = 0
            while same < last - first and text[first + same] == names[ends[name] + same]:
                same += 1
            if same == last - first:
                return name
    return -1


@inner
def inline_end(text, name, at, end):
    r"""Where the argument of `\verb` and its like ends, which is one line.

    Where it does not: a negative number, whose size is that of the bytes looked over, and one.
    `at` is the place after the command's name, which is a number of `_NAMES`.
    """
    if name == VERB and at < end and text[at] == STAR:
        at += at + 1 >= end or not is_letter(text[at + 1])
    if name in (LSTINLINE, MINTINLINE):
        at = _after_options(text, at, end)
    if name == MINTINLINE and at < end and text[at] == OPEN:
        for place in range(at + 1, min(end, at + 2 + _LONGEST_LANGUAGE)):
            byte = text[place]
            if byte == CLOSE:
                at = place + 1
            if byte in (CLOSE, OPEN, NEWLINE):
                break
    if at >= end:
        return -1
    mark = text[at]
    if is_space(mark) or mark == BACKSLASH or (mark != OPEN and name >= _URL):
        return -1
    closing = CLOSE if mark == OPEN and name != VERB else mark
    width = character_end(text, at, end) - at
    last = min(end - width + 1, at + _LONGEST_INLINE)
    for place in range(at + width, last):
        same = text[place] == closing
        for other in range(1, width):
            same = same and text[place + other] == text[at + other]
        if same:
            return place + width
        if text[place] == NEWLINE:
            last = place
            break
    return -1 - max(last - at, 0)


@inner
def _after_options(text, at, end):
    if at < end and text[at] == BLANK:
        at += 1
    if at < end and text[at] == OPEN_BRACKET:
        for place in range(at + 1, min(end, at + 2 + _LONGEST_OPTIONS)):
            if text[place] == CLOSE_BRACKET:
                at = place + 1
            if text[place] == CLOSE_BRACKET or text[place] == NEWLINE:
                break
    if at < end and text[at] == BLANK:
        at += 1
    return at


@inner
def _environment(text, at, end, names, ends):
    r"""The verbatim environment after `\begin`, its number doubled, and one more with a star.

    And the place after its name's brace; -1 where there is none.
    """
    while at < end and is_blank(text[at]):
        at += 1
    if at >= end or text[at] != OPEN:
        return -1, at
    first = last = at + 1
    while last < end and is_letter(text[last]):
        last += 1
    starred = last < end and text[last] == STAR
    if last + starred >= end or text[last + starred] != CLOSE:
        return -1, at
    name = _name_at(text, first, last, names, ends)
    return (2 * name + starred if name >= 0 else -1), last + starred + 1


@inner
def _environment_end(text, opened, at, end):
    r"""The place after the `\end{…}` of the environment whose `{…}` ends at `opened`, or -1."""
    first = opened - 1
    while text[first] != OPEN:
        first -= 1
    size = opened - first
    while at + 4 + size <= end:
        if text[at] == BACKSLASH and text[at + 1] == 0x65:
            same = text[at + 2] == 0x6E and text[at + 3] == 0x64
            place = 0
            while same and place < size:
                same = text[at + 4 + place] == text[first + place]
                place += 1
            if same:
                return at + 4 + size
        at += 1
    return -1


@inner
def _verbatim_end(text, at, end, names, ends, unclosed, searched):
    """Where to go on after the backslash at `at`: past what is verbatim, or what it escapes."""
    after = at + 1
    while after < end and is_letter(text[after]):
        after += 1
    if after == at + 1:
        return at + 2
    command = _name_at(text, at + 1, after, _BYTES, _ENDS)
    if command < 0:
        return after
    if command == _BEGIN:
        environment, opened = _environment(text, after, end, names, ends)
        if environment < 0 or unclosed[environment]:
            return after
        close = _environment_end(text, opened, opened, end)
        if close < 0:  # looked for once: none that begins later can be closed
            unclosed[environment] = True
            return after
        return close
    if searched[0] > _MOST_SEARCHED * end + _SPARE_SEARCHED:
        return after
    close = inline_end(text, command, after, end)
    if close >= 0:
        return close
    searched[0] -= close
    return after


@inner
def _ends_in_control(text, start, end):
    r"""Whether a piece ends in a command, which the next line's letters would prolong."""
    first = max(start, end - _LONGEST_CONTROL)
    at = end
    while at > first and (is_letter(text[at - 1]) or text[at - 1] == AT_SIGN):
        at -= 1
    if at == end:  # one character that is no letter
        at -= 1
        while at > first and text[at] & 0xC0 == 0x80:
            at -= 1
    return at > first and text[at - 1] == BACKSLASH


@kernel
def without_comments(text, names, ends):
    r"""The text without its comments, [bytes] uint8 as it is; never longer.

    `names` [bytes] uint8, cut at `ends` [environments + 1] int64, are the environments whose
    content is verbatim. No array is written to, and all are read-only.
    """
    out = np.empty(text.size + 1, np.uint8)
    unclosed = np.zeros(2 * ends.size, np.bool_)
    searched = np.zeros(1, np.int64)  # bytes, for arguments that nothing closes
    size = start = at = 0  # text from `start` on is not written yet
    end = text.size
    while at < end:
        if text[at] == BACKSLASH:
            at = _verbatim_end(text, at, end, names, ends, unclosed, searched)
            continue
        if text[at] != PERCENT:
            at += 1
            continue
        last = at
        while last > start and is_blank(text[last - 1]):
            last -= 1
        piece = size
        for place in range(start, last):
            out[size] = text[place]
            size += 1
        following = at + 1
        while following < end and text[following] != NEWLINE:
            following += 1
        start = following + 1
        if size == 0 or out[size - 1] == NEWLINE:  # the line goes
            at = start
            continue
        following = start
        while following < end and is_blank(text[following]):
            following += 1
        paragraph = following >= end or text[following] == NEWLINE
        if last < at or paragraph or _ends_in_control(out, piece, size):
            out[size] = NEWLINE
            size += 1
        else:
            start = following
        at = start
    for place in range(start, end):
        out[size] = text[place]
        size += 1
    return out[:size]
