r"""How definitions are written: what stands after `\newcommand`, `\def`, `\let` and their like.

Arguments, optional ones, delimited parameters. Everything is read in one pass from a place in a
text, whose `Ends` count what was read; what cannot be read is None.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from corpus.latex.macros import SLOT, Ends, Macro, group_end, macro

_MAX_PARAMETERS = 9

Definition = tuple[Macro, int]  # and the place after it

_NAME = r"(?:\{\s*+\\(?P<braced>[A-Za-z@]+|.)\s*+\}|\\(?P<bare>[A-Za-z@]+|.))"
_NEWCOMMAND = re.compile(rf"\s*+\*?\s*+{_NAME}\s*+(?:\[\s*+(?P<count>\d)\s*+\]\s*+)?", re.S)
_OPERATOR = re.compile(rf"\s*+(?P<star>\*?)\s*+{_NAME}\s*+", re.S)
_DEF = re.compile(r"\s*+\\(?P<bare>[A-Za-z@]+|.)(?P<parameters>[^{}]{0,200})", re.S)
_LET = re.compile(
    r"\s*+\\(?P<bare>[A-Za-z@]+|.)[ \t]*+=?[ \t]?(?P<meaning>\\(?:[A-Za-z@]+|.)|[^\s\\{}])", re.S
)
_TOKEN = re.compile(r"\\(?:[A-Za-z@]+|.)|[^\s{}\\]", re.S)


def read_newcommand(ends: Ends, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\newcommand`; None where it is none that can be read."""
    text = ends.text
    head = _NEWCOMMAND.match(text, start)
    if head is None:
        return None
    place, default = head.end(), None
    count = int(head["count"] or 0)
    if count and text.startswith("[", place):
        end = ends.bracket(place)
        if end < 0:
            return None
        default, place = text[place + 1 : end - 1], _after_spaces(text, end)
    body = _body(ends, place)
    if body is None:
        return None
    name = head["braced"] or head["bare"]
    return macro(name, body[0], ("",) * (count + 1), (default,), at_letter), body[1]


def read_document_command(ends: Ends, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\NewDocumentCommand`, of mandatory and optional arguments with a default."""
    text = ends.text
    head = _OPERATOR.match(text, start)
    if head is None or head["star"] or not text.startswith("{", head.end()):
        return None
    end = ends.group(head.end())
    defaults = _specification(text[head.end() + 1 : end - 1]) if end >= 0 else None
    body = _body(ends, _after_spaces(text, end)) if defaults is not None else None
    if body is None or defaults is None:
        return None
    name = head["braced"] or head["bare"]
    return macro(name, body[0], ("",) * (len(defaults) + 1), defaults, at_letter), body[1]


def _specification(text: str) -> list[str | None] | None:
    """The defaults that `m O{d} +m` gives; None where it has other kinds of arguments."""
    defaults: list[str | None] = []
    place = 0
    while (place := _after_spaces(text, place)) < len(text):
        if text[place] == "+":
            place += 1
        elif text[place] == "m":
            defaults.append(None)
            place += 1
        elif text.startswith("O{", place) and (end := group_end(text, place + 1)) >= 0:
            defaults.append(text[place + 2 : end - 1])
            place = end
        else:
            return None
    return defaults if len(defaults) <= _MAX_PARAMETERS else None


def read_operator(ends: Ends, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\DeclareMathOperator`."""
    head = _OPERATOR.match(ends.text, start)
    body = head and _body(ends, head.end())
    if not head or not body:
        return None
    name = head["braced"] or head["bare"]
    return macro(name, f"\\operatorname{head['star']}{{{body[0]}}}", at_letter=at_letter), body[1]


def read_def(ends: Ends, start: int, at_letter: bool) -> Definition | None:
    r"""What follows `\def`."""
    text = ends.text
    head = _DEF.match(text, start)
    if head is None or not text.startswith("{", head.end()):
        return None
    parts = SLOT.split(head["parameters"])
    numbers = parts[1::2]
    if numbers != [str(n) for n in range(1, len(numbers) + 1)] or "#" in "".join(parts[::2]):
        return None
    end = ends.group(head.end())
    if end < 0:
        return None
    delimiters = [part.strip(" \t\n") if part.isspace() else part for part in parts[::2]]
    body = text[head.end() + 1 : end - 1]
    return macro(head["bare"], body, delimiters, (), at_letter), end


def read_let(
    ends: Ends, start: int, meaning: Callable[[str], Macro | None], at_letter: bool
) -> Definition | None:
    r"""What follows `\let`: what a macro means now, or a command of TeX's own."""
    head = _LET.match(ends.text, start)
    if head is None:
        return None
    name, target = head["bare"], head["meaning"]
    known = meaning(target[1:]) if target.startswith("\\") else None
    if known is not None:
        return replace(known, name=name), head.end()
    text = "" if target == "\\relax" else target
    return Macro(name, (text,), final=True, at_letter=at_letter, constant=text), head.end()


def _body(ends: Ends, place: int) -> tuple[str, int] | None:
    text = ends.text
    if text.startswith("{", place):
        end = ends.group(place)
        return None if end < 0 else (text[place + 1 : end - 1], end)
    token = _TOKEN.match(text, place)
    return (token[0], token.end()) if token else None


def _after_spaces(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place
