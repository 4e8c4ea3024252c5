r"""What the scanner does at the commands that define others: they are gone once they are read.

An environment's definition stays as it is written: what it stands for is not expanded.
"""

import re
from collections.abc import Callable

from corpus.latex.definition_text import (
    Definition,
    Reader,
    read_def,
    read_document_command,
    read_footnote,
    read_let,
    read_newcommand,
    read_operator,
)
from corpus.latex.paired_delimiters import read_paired, read_paired_x, read_paired_xpp
from corpus.latex.scanner import Action, Scanner

_UNREAD = 16  # bytes that a definition which cannot be read counts for beside those read
_NEXT_COMMAND = re.compile(rb"[ \t]*+\\([A-Za-z@]+)")


def _defines(
    read: Callable[[Reader, int, bool], Definition | None], keep_old: bool = False
) -> Action:
    def action(scanner: Scanner, at: int) -> None:
        reader, at_letter = scanner.reader(), scanner.is_at_letter
        definition = None if scanner.is_spent else read(reader, scanner.position, at_letter)
        if definition is None:
            scanner.charge_for(reader, _UNREAD)
            scanner.keep(at)
            return
        scanner.position = definition.end
        if not (keep_old and scanner.is_known(definition.name)):
            scanner.define(definition, at_letter)
        scanner.drop_line()

    return action


def _prefix(scanner: Scanner, at: int) -> None:
    """`\\long`, `\\global`: gone where a definition follows."""
    following = scanner.match(_NEXT_COMMAND, scanner.position)
    if not following or following[1] not in _DEFINING:
        scanner.keep(at)


def _new_environment(scanner: Scanner, at: int) -> None:
    """Left as it is, its parts unread: a `\\begin{verbatim}` there begins nothing."""
    reader, place = scanner.reader(), scanner.position
    place += reader.at(place) == b"*"
    for _ in range(0 if scanner.is_spent else 8):
        place = reader.after_spaces(place)
        opening = reader.at(place)
        if opening not in (b"{", b"["):
            break
        reader.seen = 0
        end = reader.group(place) if opening == b"{" else reader.bracket(place)
        if end < 0:
            scanner.charge_for(reader)
            break
        place = scanner.position = end
    scanner.keep(at)


_DEFINING: dict[bytes, Action] = {
    **dict.fromkeys(
        [b"newcommand", b"renewcommand", b"DeclareRobustCommand", b"newrobustcmd"],
        _defines(read_newcommand),
    ),
    **dict.fromkeys(
        [b"NewDocumentCommand", b"RenewDocumentCommand", b"DeclareDocumentCommand"],
        _defines(read_document_command),
    ),
    b"providecommand": _defines(read_newcommand, keep_old=True),
    b"ProvideDocumentCommand": _defines(read_document_command, keep_old=True),
    b"DeclareMathOperator": _defines(read_operator),
    b"DeclarePairedDelimiter": _defines(read_paired),
    b"DeclarePairedDelimiterX": _defines(read_paired_x),
    b"DeclarePairedDelimiterXPP": _defines(read_paired_xpp),
    b"DeclareFixedFootnote": _defines(read_footnote),
    **dict.fromkeys([b"def", b"gdef", b"edef", b"xdef"], _defines(read_def)),
    b"let": _defines(read_let),
}

DEFINITIONS: dict[bytes, Action] = {
    **_DEFINING,
    **dict.fromkeys([b"long", b"global", b"protected", b"outer"], _prefix),
    **dict.fromkeys([b"newenvironment", b"renewenvironment"], _new_environment),
}
