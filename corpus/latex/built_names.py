r"""Names that TeX builds: `\expandafter\def\csname foo\endcsname{…}` and `\csname foo\endcsname`.

Such a definition becomes `\def\foo`, such a use `\foo` where that is a macro, in the text that is
read; both are shorter. What builds a name of other characters than letters stays as it is written.
"""

import re

from corpus.kernels import tex_state as fields
from corpus.latex.definition_text import BUILT_NAME
from corpus.latex.scanner import Action, Scanner

_DEFINING = re.compile(
    rb"\\expandafter[ \t]*+\\(?:[gex]?def|let|(?:re|provide)?newcommand)(?![A-Za-z@])"
)


def _built_name(scanner: Scanner, at: int) -> None:
    match = scanner.match(BUILT_NAME, at)
    name = match["name"] if match else b""
    if not match or not name.isascii():
        defining = scanner.match(_DEFINING, at)  # of a name that is not known: it is not read
        scanner.position = defining.end() if defining else scanner.position
        scanner.keep(at)
        return
    definition = match["definition"] or b""
    number = -1 if definition or not _is_readable(scanner, name) else scanner.number(name)
    is_macro = number >= 0 and scanner.state.names[number, fields.KIND] == fields.MACRO
    if definition or is_macro:
        text = definition + b"\\" + name
        scanner.position = match.end() - len(text)
        scanner.text[scanner.position : match.end()] = text
    else:
        scanner.keep(at)


def _is_readable(scanner: Scanner, name: bytes) -> bool:
    """Whether the command can be read where it stands."""
    return b"@" not in name or scanner.is_at_letter


BUILT_NAMES: dict[bytes, Action] = dict.fromkeys([b"expandafter", b"csname"], _built_name)
