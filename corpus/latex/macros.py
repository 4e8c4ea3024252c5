"""What a macro is and becomes, and where groups and delimiters end in a text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters

_BRACE = re.compile(r"\\.|[{}]", re.S)
_BRACKET = re.compile(r"\\.|[{}\]]", re.S)
SLOT = re.compile(r"#([#1-9])")

# A command; \begin and \end are one with their environment, so that most mean nothing to us.
_ENVIRONMENT = r"(?:begin|end)\{[^{}\\\n]{1,100}\}"
COMMAND = re.compile(rf"\\({_ENVIRONMENT}|[A-Za-z]+|.)", re.S)
COMMAND_AT = re.compile(rf"\\({_ENVIRONMENT}|[A-Za-z@]+|.)", re.S)  # where @ is a letter

SPACES = re.compile(r"[ \t]*+\n?[ \t]*+")  # what may stand before an argument: no blank line

# TeX programs itself with these, and with all that has an @: out of place they mean nothing,
# but as names that a definition gives.
_MACHINERY = frozenset(["csname", "expandafter", "futurelet", "catcode", "afterassignment"])
_TARGET = re.compile(
    r"\\(?:(?:re|provide)?newcommand\*?\s*+\{?|[gex]?def|let)\s*+\\[A-Za-z]*@[A-Za-z@]*\}?"
)


@dataclass(frozen=True, slots=True)
class Macro:
    """A definition: the pieces of its body are text, or the numbers of parameters from 0."""

    name: str
    pieces: tuple[str | int, ...]
    # [parameters] what ends each, "" where it is one token or group; the first: what stands ahead
    delimiters: tuple[str, ...] = ("",)
    # [parameters] what an optional one is where it is not given; None: it must be
    defaults: tuple[str | None, ...] = ()
    final: bool = False  # the meaning a command had before it was redefined: read no further
    at_letter: bool = False  # whether @ was a letter where it was defined
    constant: str | None = None  # what it always becomes, without parameters
    commands: tuple[str, ...] = ()  # in its body, the arguments left out
    machinery: tuple[str, ...] = ()  # of these those that only TeX's programming knows


def macro(
    name: str,
    body: str,
    delimiters: Sequence[str] = ("",),
    defaults: Sequence[str | None] = (),
    at_letter: bool = False,
) -> Macro:
    """A macro of a body as it is written, with `#1` to `#9`."""
    parameters = len(delimiters) - 1
    pieces: list[str | int] = []
    literal, start = "", 0
    for slot in SLOT.finditer(body):
        literal += body[start : slot.start()]
        start = slot.end()
        if slot[1] == "#":
            literal += "#"
        elif int(slot[1]) > parameters:
            literal += slot[0]
        else:
            if literal:
                pieces.append(literal)
            pieces.append(int(slot[1]) - 1)
            literal = ""
    literal += body[start:]
    if literal:
        pieces.append(literal)
    pattern = COMMAND_AT if at_letter else COMMAND
    commands = tuple(pattern.findall(body))
    used = pattern.findall(_TARGET.sub("", body)) if "@" in body else commands
    machinery = tuple(c for c in used if c in _MACHINERY or ("@" in c and c != "@"))
    return Macro(
        name,
        tuple(pieces),
        tuple(delimiters),
        tuple(defaults),
        at_letter=at_letter,
        constant="".join(map(str, pieces)) if tuple(delimiters) == ("",) else None,
        commands=commands,
        machinery=machinery,
    )


def size(macro: Macro, arguments: Sequence[str]) -> int:
    """Characters that a macro becomes, before it is made; spaces between words left out."""
    return sum(len(arguments[p]) if isinstance(p, int) else len(p) for p in macro.pieces)


def substitute(macro: Macro, arguments: Sequence[str]) -> str:
    """The body with its arguments in place; a space keeps a command from growing into a letter."""
    if macro.constant is not None:
        return macro.constant
    out: list[str] = []
    for piece in macro.pieces:
        text = arguments[piece] if isinstance(piece, int) else piece
        if text:
            if out and text[0] in ascii_letters and ends_in_command(out[-1]):
                out.append(" ")
            out.append(text)
    return "".join(out)


def ends_in_command(text: str) -> bool:
    r"""Whether text ends in a command of letters (`\alpha`), which a letter would prolong."""
    at = len(text) - 1
    while at >= 0 and text[at] in ascii_letters:
        at -= 1
    if at < 0 or text[at] != "\\" or at == len(text) - 1:
        return False
    first = at
    while first > 0 and text[first - 1] == "\\":
        first -= 1
    return (at - first) % 2 == 0


def group_end(text: str, start: int) -> int:
    """The place after the `}` that closes the `{` at `start`; -1 where nothing closes it."""
    depth = 0
    for match in _BRACE.finditer(text, start):
        character = match[0]
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    return -1


def bracket_end(text: str, start: int) -> int:
    """The place after the `]` that closes the `[` at `start`, past groups; -1 where none does."""
    depth = 0
    for match in _BRACKET.finditer(text, start + 1):
        character = match[0]
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth < 0:
                return -1
        elif character == "]" and depth == 0:
            return match.end()
    return -1


class Ends:
    """Finds where groups and brackets of a text end; `seen` counts the characters that took."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.seen = 0

    def group(self, start: int) -> int:
        return self._count(start, group_end(self.text, start))

    def bracket(self, start: int) -> int:
        return self._count(start, bracket_end(self.text, start))

    def _count(self, start: int, end: int) -> int:
        self.seen += (end if end >= 0 else len(self.text)) - start
        return end


def delimiter_start(text: str, start: int, delimiter: str) -> int:
    """Where a delimiter stands outside of groups, from `start` on; -1 where it does not."""
    at = text.find(delimiter, start)
    while at >= 0:
        inner = start
        while (brace := text.find("{", inner, at)) >= 0:
            inner = group_end(text, brace)
            if inner < 0:
                return -1
        if inner <= at:
            return at
        at = text.find(delimiter, inner)
        start = inner
    return -1
