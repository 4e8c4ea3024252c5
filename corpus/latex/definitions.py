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
from corpus.latex.macros import bracket_end, group_end
from corpus.latex.scanner import Action, Scanner

_NEXT_COMMAND = re.compile(r"[ \t]*+\\([A-Za-z@]+)")


def _defines(read: Callable[[str, int, bool], Definition | None], keep_old: bool = False) -> Action:
    def action(scanner: Scanner, frame: Frame, at: int) -> None:
        at_letter = scanner.at_letter if frame.at_letter is None else frame.at_letter
        definition = read(frame.text, frame.position, at_letter)
        if definition is None:
            scanner.charge(1000)
            scanner.keep(frame, at)
            return
        macro, frame.position = definition
        if not (keep_old and macro.name in scanner.meanings):
            scanner.define(macro.name, macro)
        scanner.drop_line(frame)

    return action


def _let(scanner: Scanner, frame: Frame, at: int) -> None:
    def read(text: str, start: int, at_letter: bool) -> Definition | None:
        return read_let(text, start, scanner.macro, at_letter)

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
    for _ in range(8):
        while place < len(text) and text[place].isspace():
            place += 1
        opening = text[place : place + 1]
        if opening not in ("{", "["):
            break
        end = group_end(text, place) if opening == "{" else bracket_end(text, place)
        if end < 0:
            scanner.charge(len(text) - place)
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
