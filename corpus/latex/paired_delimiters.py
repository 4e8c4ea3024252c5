r"""Reads mathtools' `\DeclarePairedDelimiter`, `…X` and `…XPP`: what `\abs{x}` becomes.

Each gives a macro of three forms: `\abs*{x}` grows with what it holds (`\left … \right`),
`\abs[\big]{x}` has the size that is said, `\abs{x}` has none. `\delimsize` in a body is that size.
"""

import re

from corpus.kernels.tex_state import MANDATORY, MAX_PARAMETERS, OPTIONAL, SLOT, STARRED
from corpus.latex.definition_text import NO_VALUE, NOT_STARRED, Definition, Reader

_NAME = re.compile(rb"\s*+(?:\{\s*+\\([A-Za-z@]+)\s*+\}|\\([A-Za-z@]+))\s*+")
_COUNT = re.compile(rb"\[\s*+([1-9])\s*+\]\s*+")
_PARAMETER = re.compile(rb"(\\.)|#([1-9])", re.S)
_SIZE = re.compile(rb"\\delimsize(?![A-Za-z@])\s*+")
_LAST_COMMAND = re.compile(rb"\\[A-Za-z]+\Z")
_OWN = 2  # parameters before those of a body: the star and the size


def read_paired(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\DeclarePairedDelimiter`."""
    found = _read(reader, start, has_count=False, parts=2)
    if found is None:
        return None
    name, _, (left, right), end = found
    return _definition(name, 1, [b"", left, right, b""], b"#1", end)


def read_paired_x(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    found = _read(reader, start, has_count=True, parts=3)
    if found is None:
        return None
    name, count, (left, right, body), end = found
    return _definition(name, count, [b"", left, right, b""], body, end)


def read_paired_xpp(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    found = _read(reader, start, has_count=True, parts=5)
    if found is None:
        return None
    name, count, (before, left, right, after, body), end = found
    return _definition(name, count, [before, left, right, after], body, end)


def _read(
    reader: Reader, start: int, has_count: bool, parts: int
) -> tuple[bytes, int, list[bytes], int] | None:
    """A name, the number of its parameters, so many groups or tokens, and the place after."""
    head = reader.match(_NAME, start)
    if head is None:
        return None
    place, count = head.end(), 1
    if has_count:
        number = reader.match(_COUNT, place)
        if number is None or int(number[1]) > MAX_PARAMETERS - _OWN:
            return None
        place, count = number.end(), int(number[1])
    found: list[bytes] = []
    for _ in range(parts):
        part = reader.group_or_token(reader.after_spaces(place))
        if part is None:
            return None
        found.append(part[0])
        place = part[1]
    return head[1] or head[2], count, found, place


def _definition(name: bytes, count: int, around: list[bytes], body: bytes, end: int) -> Definition:
    before, left, right, after = (_with_slots(part) for part in around)
    star, size = bytes([SLOT]), bytes([SLOT + 1])

    def form(open_size: bytes, close_size: bytes, inner_size: bytes) -> bytes:
        inside = _with_slots(_SIZE.sub(lambda _: inner_size, body))
        return _joined([before, open_size, left, inside, close_size, right, after])

    text = b"\\IfBooleanTF{%b}{%b}{\\IfNoValueTF{%b}{%b}{%b}}" % (
        star,
        form(b"\\left", b"\\right", b"\\middle"),
        size,
        form(b"", b"", b""),
        form(size, size, size),
    )
    signature = bytes([STARRED]) + NOT_STARRED + bytes([OPTIONAL]) + NO_VALUE
    return Definition(name, signature + bytes([MANDATORY]) * count, text, end)


def _joined(parts: list[bytes]) -> bytes:
    """The parts one after another, no letter directly behind a command."""
    text = b""
    for part in parts:
        glued = part[:1].isalpha() and _LAST_COMMAND.search(text)
        text += b" " + part if glued else part
    return text


def _with_slots(text: bytes) -> bytes:
    """A body with `#1` to `#7` as bytes of their own, after those of the star and the size."""

    def slot(match: re.Match[bytes]) -> bytes:
        number = int(match[2] or 0)
        if not 1 <= number <= MAX_PARAMETERS - _OWN:
            return match[0]
        return bytes([SLOT + _OWN + number - 1])

    return _PARAMETER.sub(slot, text)
