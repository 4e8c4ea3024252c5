r"""How definitions are written: what stands after `\newcommand`, `\def`, `\let` and their like.

Most are read by the kernel; this reads the others: delimited parameters, several optional ones,
bodies of one token, names that are no letters. What cannot be read is None.
"""

import re
from dataclasses import dataclass

import numpy as np

from corpus.kernels.tex_state import DELIMITED, MANDATORY, MAX_PARAMETERS, OPTIONAL, SLOT, STARRED
from corpus.kernels.tex_text import bracket_end, group_end

_NAME = (
    rb"(?:\{\s*+\\(?P<braced>[A-Za-z@]+|.[\x80-\xbf]*+)\s*+\}"
    rb"|\\(?P<bare>[A-Za-z@]+|.[\x80-\xbf]*+))"
)
_NEWCOMMAND = re.compile(rb"\s*+\*?\s*+" + _NAME + rb"\s*+(?:\[\s*+(?P<count>\d)\s*+\]\s*+)?", re.S)
_OPERATOR = re.compile(rb"\s*+(?P<star>\*?)\s*+" + _NAME + rb"\s*+", re.S)
_DEF = re.compile(rb"\s*+\\(?P<bare>[A-Za-z@]+|.[\x80-\xbf]*+)(?P<parameters>[^{}]{0,200})", re.S)
_LET = re.compile(
    rb"\s*+\\(?P<bare>[A-Za-z@]+|.[\x80-\xbf]*+)[ \t]*+=?[ \t]?"
    rb"(?P<meaning>\\(?:[A-Za-z@]+|.[\x80-\xbf]*+)|[^\s\\{}][\x80-\xbf]*+)",
    re.S,
)
_TOKEN = re.compile(rb"\\(?:[A-Za-z@]+|.[\x80-\xbf]*+)|[^\s{}\\][\x80-\xbf]*+", re.S)

_SPACES = re.compile(rb"\s*+")
_PARAMETER = re.compile(rb"#([#1-9])")
_SLOT = re.compile(rb"(\\.)|#([#1-9])", re.S)

# What an argument is that is not there, as xparse has it
NO_VALUE, NOT_STARRED = b"-NoValue-", b"\\BooleanFalse"

_MANDATORY, _OPTIONAL = bytes([MANDATORY]), bytes([OPTIONAL])
_KINDS = {b"m": _MANDATORY, b"o": _OPTIONAL + NO_VALUE, b"s": bytes([STARRED]) + NOT_STARRED}

# TeX programs itself with these, and with all that has an @: out of place they mean nothing,
# but as names that a definition gives.
MACHINERY_WORDS = frozenset(
    [b"csname", b"expandafter", b"futurelet", b"catcode", b"afterassignment"]
)
_TARGET = re.compile(
    rb"\\(?:(?:re|provide)?newcommand\*?\s*+\{?|[gex]?def|let)\s*+\\[A-Za-z]*@[A-Za-z@]*\}?"
)
# `\csname name\endcsname`, which is `\name`, and its definition; a macro may have slots there
BUILT_NAME = re.compile(
    rb"(?:\\expandafter[ \t]*+(?P<definition>\\(?:[gex]?def|let|(?:re|provide)?newcommand\*?))"
    rb"[ \t]*+)?\\csname\s*+(?P<name>[A-Za-z@%b]{1,100})[ \t]*+\\endcsname(?![A-Za-z@])"
    % bytes(range(SLOT, SLOT + MAX_PARAMETERS))
)
_ENVIRONMENT = rb"(?:begin|end)\{[^{}\\\n]{1,100}\}"
_COMMAND = re.compile(rb"\\(" + _ENVIRONMENT + rb"|[A-Za-z]+|.[\x80-\xbf]*+)", re.S)
_COMMAND_AT = re.compile(rb"\\(" + _ENVIRONMENT + rb"|[A-Za-z@]+|.[\x80-\xbf]*+)", re.S)


@dataclass(frozen=True, slots=True)
class Definition:
    """A macro as the kernels read it (`corpus.kernels.tex_state`), and the place after it."""

    name: bytes
    signature: bytes
    body: bytes
    end: int
    final: bool = False  # the meaning a command had before it was redefined: read no further
    same_as: bytes | None = None  # the command whose meaning it takes over, should that be a macro


@dataclass
class Reader:
    """A text [bytes] uint8 up to `end`; `seen` counts the bytes that were searched for ends."""

    text: np.ndarray
    end: int
    seen: int = 0

    def match(self, pattern: re.Pattern[bytes], place: int) -> re.Match[bytes] | None:
        return pattern.match(self.text.data, place, self.end)

    def at(self, place: int) -> bytes:
        """The byte at a place; none at the end."""
        return self.text[place : min(place + 1, self.end)].tobytes()

    def piece(self, first: int, last: int) -> bytes:
        return self.text[first:last].tobytes()

    def group(self, start: int) -> int:
        """The place after the group that begins at a place, or -1."""
        return self._count(start, group_end(self.text, start, self.end))

    def bracket(self, start: int) -> int:
        return self._count(start, bracket_end(self.text, start, self.end))

    def group_or_token(self, start: int) -> tuple[bytes, int] | None:
        """What is in a group, or a token alone, and the place after it."""
        if self.at(start) == b"{":
            end = self.group(start)
            return None if end < 0 else (self.piece(start + 1, end - 1), end)
        token = self.match(_TOKEN, start)
        return (token[0], token.end()) if token else None

    def after_spaces(self, place: int) -> int:
        spaces = self.match(_SPACES, place)
        return spaces.end() if spaces else place

    def _count(self, start: int, end: int) -> int:
        self.seen += (end if end >= 0 else self.end) - start
        return end


def read_newcommand(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\newcommand`; None where it is none that can be read."""
    head = reader.match(_NEWCOMMAND, start)
    if head is None:
        return None
    place, count = head.end(), int(head["count"] or 0)
    parameters = [_MANDATORY] * count
    if count and reader.at(place) == b"[":
        end = reader.bracket(place)
        if end < 0:
            return None
        parameters[0] = _OPTIONAL + reader.piece(place + 1, end - 1)
        place = reader.after_spaces(end)
    return _definition(reader, head["braced"] or head["bare"], parameters, place)


def read_document_command(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\NewDocumentCommand`, of a star, mandatory and optional arguments."""
    head = reader.match(_OPERATOR, start)
    if head is None or head["star"] or reader.at(head.end()) != b"{":
        return None
    end = reader.group(head.end())
    parameters = _specification(reader.piece(head.end() + 1, end - 1)) if end >= 0 else None
    if parameters is None:
        return None
    place = reader.after_spaces(end)
    return _definition(reader, head["braced"] or head["bare"], parameters, place)


def _specification(text: bytes) -> list[bytes] | None:
    """The parameters of `s o O{d} m +m`; None where it has other kinds."""
    reader = Reader(np.frombuffer(text, np.uint8).copy(), len(text))
    parameters: list[bytes] = []
    place = 0
    while (place := reader.after_spaces(place)) < len(text):
        kind = text[place : place + 1]
        if kind == b"+":
            place += 1
        elif kind in _KINDS:
            parameters.append(_KINDS[kind])
            place += 1
        elif text.startswith(b"O{", place) and (end := reader.group(place + 1)) >= 0:
            parameters.append(_OPTIONAL + text[place + 2 : end - 1])
            place = end
        else:
            return None
    return parameters if len(parameters) <= MAX_PARAMETERS else None


def read_operator(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\DeclareMathOperator`."""
    head = reader.match(_OPERATOR, start)
    body = head and reader.group_or_token(head.end())
    if not head or not body:
        return None
    text = b"\\operatorname%b{%b}" % (head["star"], body[0])
    name = head["braced"] or head["bare"]
    return Definition(name, b"", _with_slots(text, 0), body[1])


def read_def(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\def`."""
    head = reader.match(_DEF, start)
    if head is None or reader.at(head.end()) != b"{":
        return None
    parts = _PARAMETER.split(head["parameters"])
    numbers = parts[1::2]
    if numbers != [b"%d" % n for n in range(1, len(numbers) + 1)] or b"#" in b"".join(parts[::2]):
        return None
    end = reader.group(head.end())
    if end < 0:
        return None
    ahead, *delimiters = (part.strip(b" \t\n") if part.isspace() else part for part in parts[::2])
    signature = ahead + b"".join(
        bytes([DELIMITED]) + each if each else bytes([MANDATORY]) for each in delimiters
    )
    body = reader.piece(head.end() + 1, end - 1)
    slots = _with_slots(body, len(numbers))
    return Definition(head["bare"], signature, slots, end)


def read_let(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\let`: what a macro means now, or a command of TeX's own."""
    head = reader.match(_LET, start)
    if head is None:
        return None
    target = head["meaning"]
    other = target[1:] if target.startswith(b"\\") else None
    text = b"" if target == b"\\relax" else target
    return Definition(head["bare"], b"", text, head.end(), final=True, same_as=other)


def read_footnote(reader: Reader, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\DeclareFixedFootnote`: a footnote of several places."""
    head = reader.match(_OPERATOR, start)
    body = head and reader.group_or_token(head.end())
    if not head or not body:
        return None
    name = head["braced"] or head["bare"]
    return Definition(name, b"", _with_slots(b"\\footnote{%b}" % body[0], 0), body[1])


def _definition(
    reader: Reader, name: bytes, parameters: list[bytes], place: int
) -> Definition | None:
    """A macro of undelimited arguments, whose body is next."""
    body = reader.group_or_token(place)
    if body is None:
        return None
    slots = _with_slots(body[0], len(parameters))
    return Definition(name, b"".join(parameters), slots, body[1])


def _with_slots(body: bytes, parameters: int) -> bytes:
    """A body with `#1` to `#9` as bytes of their own."""

    def slot(match: re.Match[bytes]) -> bytes:
        if match[1] or not match[2].isdigit():
            return match[1] or b"#"
        number = int(match[2])
        return bytes([SLOT + number - 1]) if number <= parameters else match[0]

    return _SLOT.sub(slot, body)


def may_be_machinery(body: bytes) -> bool:
    """Whether a macro's body could have what only TeX's programming knows."""
    return b"@" in body or any(word in body for word in MACHINERY_WORDS)


def machinery(body: bytes, at_letter: bool) -> tuple[bytes, ...]:
    """The commands in a macro's body that only TeX's programming knows."""
    others = BUILT_NAME.sub(b"", _TARGET.sub(b"", body))
    commands = (_COMMAND_AT if at_letter else _COMMAND).findall(others)
    return tuple(c for c in commands if c in MACHINERY_WORDS or (b"@" in c and c != b"@"))
