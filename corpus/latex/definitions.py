r"""What the scanner does at the commands that define others: they are gone once they are read.

An environment's definition stays as it is written: what it stands for is not expanded.
"""

import re
from collections.abc import Callable

from corpus.latex.arguments import Frame
from corpus.latex.definition_text import (
    Definition,
    read_def,
    read_document_command,
    read_let,
    read_newcommand,
    read_operator,
)
from corpus.latex.macros import Ends
from corpus.latex.scanner import Action, Scanner

_UNREAD = 16  # characters that a definition which cannot be read counts for beside those read
_NEXT_COMMAND = re.compile(r"[ \t]*+\\([A-Za-z@]+)")


_Read = Callable[[Ends, int, bool], Definition | None]


def _defines(read: _Read, keep_old: bool = False) -> Action:
    def action(scanner: Scanner, frame: Frame, at: int) -> None:
        at_letter = scanner.at_letter if frame.at_letter is None else frame.at_letter
        ends = Ends(frame.text)
        definition = None if scanner.is_spent else read(ends, frame.position, at_letter)
        if definition is None:
            scanner.charge(ends.seen + _UNREAD)
            scanner.keep(frame, at)
            return
        macro, frame.position = definition
        if not (keep_old and macro.name in scanner.meanings):
            scanner.define(macro.name, macro)
        scanner.drop_line(frame)

    return action


def _let(scanner: Scanner, frame: Frame, at: int) -> None:
    def read(ends: Ends, start: int, at_letter: bool) -> Definition | None:
        return read_let(ends, start, scanner.macro, at_letter)

    _defines(read)(scanner, frame, at)


def _prefix(scanner: Scanner, frame: Frame, at: int) -> None:
    """`\\long`, `\\global`: gone where a definition follows."""
    following = _NEXT_COMMAND.match(frame.text, frame.position)
    if not following or following[1] not in _DEFINING:
        scanner.keep(frame, at)


def _new_environment(scanner: Scanner, frame: Frame, at: int) -> None:
    """Left as it is, its parts unread: a `\\begin{verbatim}` there begins nothing."""
    text, place = frame.text, frame.position
    place += text[place : place + 1] == "*"
    for _ in range(0 if scanner.is_spent else 8):
        while place < len(text) and text[place].isspace():
            place += 1
        opening = text[place : place + 1]
        if opening not in ("{", "["):
            break
        ends = Ends(text)
        end = ends.group(place) if opening == "{" else ends.bracket(place)
        if end < 0:
            scanner.charge(ends.seen)
            break
        place = frame.position = end
    scanner.keep(frame, at)


_DEFINING: dict[str, Action] = {
    **dict.fromkeys(
        ["newcommand", "renewcommand", "DeclareRobustCommand", "newrobustcmd"],
        _defines(read_newcommand),
    ),
    **dict.fromkeys(
        ["NewDocumentCommand", "RenewDocumentCommand", "DeclareDocumentCommand"],
        _defines(read_document_command),
    ),
    "providecommand": _defines(read_newcommand, keep_old=True),
    **dict.fromkeys(["DeclareMathOperator"], _defines(read_operator)),
    **dict.fromkeys(["def", "gdef", "edef", "xdef"], _defines(read_def)),
    "let": _let,
}

DEFINITIONS: dict[str, Action] = {
    **_DEFINING,
    **dict.fromkeys(["long", "global", "protected", "outer"], _prefix),
    **dict.fromkeys(["newenvironment", "renewenvironment"], _new_environment),
}
