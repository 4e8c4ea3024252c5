r"""What stands where in LaTeX's text: commands, blanks, groups and brackets.

All take `text` [bytes] uint8, a place and the end of what is read; no place is beyond that end.
"""

from corpus.kernels import inlined, inner

BACKSLASH, OPEN, CLOSE, OPEN_BRACKET, CLOSE_BRACKET = 0x5C, 0x7B, 0x7D, 0x5B, 0x5D
NEWLINE, SPACE, TAB, STAR, AT_SIGN, HASH, PERCENT = 0x0A, 0x20, 0x09, 0x2A, 0x40, 0x23, 0x25
_LONGEST_ENVIRONMENT = 100
_LONGEST_COMMAND = 200  # letters that are looked back over


@inlined
def is_letter(byte):
    return 0x61 <= (byte | 0x20) <= 0x7A


@inlined
def is_blank(byte):
    return byte in (SPACE, TAB)


@inlined
def is_space(byte):
    return byte == SPACE or 0x09 <= byte <= 0x0D


@inner
def after_spaces(text, at, end):
    while at < end and is_space(text[at]):
        at += 1
    return at


@inner
def after_blanks(text, at, end):
    """Past what may stand before an argument: blanks and one newline, so no blank line."""
    while at < end and is_blank(text[at]):
        at += 1
    if at < end and text[at] == NEWLINE:
        at += 1
        while at < end and is_blank(text[at]):
            at += 1
    return at


@inner
def character_end(text, at, end):
    """The place after the character at `at`."""
    at += 1
    while at < end and text[at] & 0xC0 == 0x80:
        at += 1
    return at


@inlined
def command_end(text, at, end, at_letter):
    r"""The place after a command whose backslash is at `at`; `at` where the text ends before it.

    `\begin{x}` and `\end{x}` are one with their environment, so that most mean nothing to us.
    """
    place = at + 1
    if place >= end:
        return at
    while place < end and (is_letter(text[place]) or (at_letter and text[place] == AT_SIGN)):
        place += 1
    if place == at + 1:
        return character_end(text, place, end)
    if place >= end or text[place] != OPEN:
        return place
    letters = place - at - 1
    begin = letters == 5 and text[at + 1] == 0x62 and text[at + 2] == 0x65
    begin = begin and text[at + 3] == 0x67 and text[at + 4] == 0x69 and text[at + 5] == 0x6E
    closes = letters == 3 and text[at + 1] == 0x65 and text[at + 2] == 0x6E and text[at + 3] == 0x64
    if not begin and not closes:
        return place
    last = min(end, place + 2 + _LONGEST_ENVIRONMENT)
    for other in range(place + 1, last):
        byte = text[other]
        if byte == CLOSE and other > place + 1:
            return other + 1
        if byte in (OPEN, CLOSE, BACKSLASH, NEWLINE):
            break
    return place


@inner
def group_end(text, at, end):
    """The place after the `}` that closes the `{` at `at`; -1 where nothing closes it."""
    depth = 0
    while at < end:
        byte = text[at]
        at += 1
        if byte == BACKSLASH:
            at += 1
        elif byte == OPEN:
            depth += 1
        elif byte == CLOSE:
            depth -= 1
            if depth == 0:
                return at
    return -1


@inner
def bracket_end(text, at, end):
    """The place after the `]` that closes the `[` at `at`, past groups; -1 where none does."""
    depth = 0
    at += 1
    while at < end:
        byte = text[at]
        at += 1
        if byte == BACKSLASH:
            at += 1
        elif byte == OPEN:
            depth += 1
        elif byte == CLOSE:
            depth -= 1
            if depth < 0:
                return -1
        elif byte == CLOSE_BRACKET and depth == 0:
            return at
    return -1


@inner
def delimiter_start(text, at, end, delimiters, first, last):
    """Where `delimiters[first:last]` stands outside of groups; -1 where it does not."""
    size = last - first
    while at + size <= end:
        same = 0
        while same < size and text[at + same] == delimiters[first + same]:
            same += 1
        if same == size:
            return at
        if text[at] == OPEN:
            at = group_end(text, at, end)
            if at < 0:
                return -1
        elif text[at] == BACKSLASH:  # a brace after it opens nothing
            at += 1 + (at + 1 < end and text[at + 1] in (OPEN, CLOSE, BACKSLASH))
        else:
            at += 1
    return -1


@inner
def ends_in_command(text, start, end):
    r"""Whether text ends in a command of letters (`\alpha`), which a letter would prolong."""
    at = end - 1
    first = max(start, end - _LONGEST_COMMAND)
    while at >= first and is_letter(text[at]):
        at -= 1
    if at < first or text[at] != BACKSLASH or at == end - 1:
        return False
    backslashes = 0
    while at >= first and text[at] == BACKSLASH:
        backslashes += 1
        at -= 1
    return backslashes % 2 == 1
