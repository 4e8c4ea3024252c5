r"""What a macro is: how its definition is read, how its arguments are, what it becomes.

`\newcommand` with arguments and an optional one, `\def` with delimited parameters, `\let`,
`\DeclareMathOperator`. Everything is read in one pass from a place in a string.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from string import ascii_letters

MAX_PARAMETERS = 9
_BRACE = re.compile(r"\\.|[{}]", re.S)
_BRACKET = re.compile(r"\\.|[{}\]]", re.S)
_SLOT = re.compile(r"#([#1-9])")

# A command; \begin and \end are one with their environment, so that most mean nothing to us.
_ENVIRONMENT = r"(?:begin|end)\{[^{}\\\n]{1,100}\}"
COMMAND = re.compile(rf"\\({_ENVIRONMENT}|[A-Za-z]+|.)", re.S)
COMMAND_AT = re.compile(rf"\\({_ENVIRONMENT}|[A-Za-z@]+|.)", re.S)  # where @ is a letter

SPACES = re.compile(r"[ \t]*\n?[ \t]*")  # what may stand before an argument: no blank line

# TeX programs itself with these, and with all that has an @: out of place they mean nothing,
# but as names that a definition gives.
_MACHINERY = frozenset(["csname", "expandafter", "futurelet", "catcode", "afterassignment"])
_TARGET = re.compile(
    r"\\(?:(?:re|provide)?newcommand\*?\s*\{?|[gex]?def|let)\s*\\[A-Za-z]*@[A-Za-z@]*\}?"
)


@dataclass(frozen=True, slots=True)
class Macro:
    """A definition: the pieces of its body are text, or the numbers of parameters from 0."""

    name: str
    pieces: tuple[str | int, ...]
    # [parameters] what ends each, "" where it is one token or group; the first: what stands ahead
    delimiters: tuple[str, ...] = ("",)
    default: str | None = None  # of the first parameter, where it is optional
    final: bool = False  # the meaning a command had before it was redefined: read no further
    at_letter: bool = False  # whether @ was a letter where it was defined
    constant: str | None = None  # what it always becomes, without parameters
    commands: tuple[str, ...] = ()  # in its body, the arguments left out
    machinery: tuple[str, ...] = ()  # of these those that only TeX's programming knows


def macro(
    name: str,
    body: str,
    delimiters: Sequence[str] = ("",),
    default: str | None = None,
    at_letter: bool = False,
) -> Macro:
    """A macro of a body as it is written, with `#1` to `#9`."""
    parameters = len(delimiters) - 1
    pieces: list[str | int] = []
    literal, start = "", 0
    for slot in _SLOT.finditer(body):
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
        default,
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


Definition = tuple[Macro, int]  # and the place after it

_NAME = r"(?:\{\s*\\(?P<braced>[A-Za-z@]+|.)\s*\}|\\(?P<bare>[A-Za-z@]+|.))"
_NEWCOMMAND = re.compile(rf"\s*\*?\s*{_NAME}\s*(?:\[\s*(?P<count>\d)\s*\]\s*)?", re.S)
_OPERATOR = re.compile(rf"\s*(?P<star>\*?)\s*{_NAME}\s*", re.S)
_DEF = re.compile(r"\s*\\(?P<bare>[A-Za-z@]+|.)(?P<parameters>[^{}]{0,200})", re.S)
_LET = re.compile(
    r"\s*\\(?P<bare>[A-Za-z@]+|.)[ \t]*=?[ \t]?(?P<meaning>\\(?:[A-Za-z@]+|.)|[^\s\\{}])", re.S
)
_TOKEN = re.compile(r"\\(?:[A-Za-z@]+|.)|[^\s{}\\]", re.S)


def read_newcommand(text: str, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\newcommand`; None where it is none that can be read."""
    head = _NEWCOMMAND.match(text, start)
    if head is None:
        return None
    place, default = head.end(), None
    count = int(head["count"] or 0)
    if count and text.startswith("[", place):
        end = bracket_end(text, place)
        if end < 0:
            return None
        default, place = text[place + 1 : end - 1], _after_spaces(text, end)
    body = _body(text, place)
    if body is None:
        return None
    name = head["braced"] or head["bare"]
    return macro(name, body[0], ("",) * (count + 1), default, at_letter), body[1]


def read_operator(text: str, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\DeclareMathOperator`."""
    head = _OPERATOR.match(text, start)
    body = head and _body(text, head.end())
    if not head or not body:
        return None
    name = head["braced"] or head["bare"]
    return macro(name, f"\\operatorname{head['star']}{{{body[0]}}}", at_letter=at_letter), body[1]


def read_def(text: str, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\def`."""
    head = _DEF.match(text, start)
    if head is None or not text.startswith("{", head.end()):
        return None
    parts = _SLOT.split(head["parameters"])
    numbers = parts[1::2]
    if numbers != [str(n) for n in range(1, len(numbers) + 1)] or "#" in "".join(parts[::2]):
        return None
    end = group_end(text, head.end())
    if end < 0:
        return None
    delimiters = [part.strip(" \t\n") if part.isspace() else part for part in parts[::2]]
    body = text[head.end() + 1 : end - 1]
    return macro(head["bare"], body, delimiters, None, at_letter), end


def read_let(
    text: str, start: int, meaning: Callable[[str], Macro | None], at_letter: bool
) -> Definition | None:
    r"""What follows `\let`: what a macro means now, or a command of TeX's own."""
    head = _LET.match(text, start)
    if head is None:
        return None
    name, target = head["bare"], head["meaning"]
    known = meaning(target[1:]) if target.startswith("\\") else None
    if known is not None:
        return replace(known, name=name), head.end()
    text = "" if target == "\\relax" else target
    return Macro(name, (text,), final=True, at_letter=at_letter, constant=text), head.end()


def _body(text: str, place: int) -> tuple[str, int] | None:
    if text.startswith("{", place):
        end = group_end(text, place)
        return None if end < 0 else (text[place + 1 : end - 1], end)
    token = _TOKEN.match(text, place)
    return (token[0], token.end()) if token else None


def _after_spaces(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place
