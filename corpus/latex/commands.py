r"""What the scanner does at the commands that structure a paper.

Each function is called where its command stands, with the place of its backslash; the scanner's
position is after the command's name.
"""

import re
from functools import lru_cache

import numpy as np

from corpus.kernels import tex_state as fields
from corpus.kernels.tex_comments import LSTINLINE, MINTINLINE, VERB, inline_end
from corpus.kernels.tex_state import State
from corpus.latex.built_names import BUILT_NAMES
from corpus.latex.choices import CHOICES
from corpus.latex.conditionals import CONDITIONALS
from corpus.latex.definition_text import MACHINERY_WORDS
from corpus.latex.definitions import DEFINITIONS
from corpus.latex.inputs import ARGUMENT, END_DOCUMENT, INPUTS
from corpus.latex.scanner import Action, Scanner
from corpus.latex.state import Meaning, vocabulary

_UPPER = b"part chapter section beginsection head heading".split()
_LOWER = b"subsection subsubsection paragraph subparagraph".split()
_TITLED = re.compile(rb"[ \t]*+\*?[ \t]*+\n?[ \t]*+(?:\[[^\[\]]{0,500}\]\s*+)?\{")
_REFERENCES = re.compile(
    rb"\s*+\*?\s*+\{[\s{]*+(?:\\[A-Za-z]+[\s{]*+)?(?:references|bibliography|literature(?= cited))"
    rb"(?: cited)?[\s.:]*+\}",
    re.I,
)
_FLOATS = b"figure table longtable sidewaystable sidewaysfigure wrapfigure".split()

# titles of what ends a letter that has no sections: its text is not what stands before the first
_BACK_MATTER = re.compile(
    rb"\s*+\*?\s*+\{[\s{]*+(?:\\[A-Za-z]+[\s{]*+)?(?:acknowledge?ments?|appendix|appendices"
    rb"|supplementa(?:ry|l))",
    re.I,
)
# environments that go: references, and what is no text
_REMOVED = b"thebibliography references bibdiv biblist comment filecontents".split()

_ENVIRONMENT = re.compile(rb"[ \t]*+\n?[ \t]*+\{([^{}\\\n]{1,100})\}")
_NEXT_TOKEN = re.compile(rb"[ \t]*+\\(?:[A-Za-z@]+|.[\x80-\xbf]*+)", re.S)
_FRAGILE = re.compile(r"[\\{}$]")
_END_REFERENCES = b"\\endthebibliography"
_INLINE = {b"verb": VERB, b"lstinline": LSTINLINE, b"mintinline": MINTINLINE}
_LONGEST_INLINE = 10_500  # bytes of an argument and what stands before it


def _begin(scanner: Scanner, at: int) -> None:
    match = scanner.match(_ENVIRONMENT, at + len(b"\\begin"))
    if match is None:
        scanner.keep(at)
        return
    name, scanner.position = match[1], match.end()
    plain = name.rstrip(b"*")
    if name == b"document":
        if not scanner.registers[fields.IN_BODY]:
            scanner.truncate(0)
            scanner.registers[fields.IN_BODY] = True
    elif plain in _REMOVED or plain in scanner.verbatim:
        end = _environment_end(scanner, name, match.end())
        scanner.position = end or match.end()
        if end and plain in _REMOVED:
            scanner.drop_line()
        else:
            scanner.keep(at, verbatim=end is not None)
    else:
        if plain in _FLOATS:  # set after the references, but none of them
            scanner.end_references()
        scanner.keep(at)


def _environment_end(scanner: Scanner, name: bytes, start: int) -> int | None:
    close = b"\\end{%b}" % name
    end = -1 if scanner.is_spent else scanner.find(close, start)
    if end < 0:
        scanner.charge(scanner.end - start)
        return None
    return end + len(close)


def _end(scanner: Scanner, at: int) -> None:
    match = scanner.match(_ENVIRONMENT, at + len(b"\\end"))
    plain_tex = match is None and not scanner.has_document
    if plain_tex or (match and match[1] == b"document"):
        _stop(scanner, at)
    else:
        scanner.keep(at)


def _stop(scanner: Scanner, at: int) -> None:
    while scanner.registers[fields.NUM_FRAMES]:
        scanner.leave()


def _section(scanner: Scanner, at: int) -> None:
    name, registers = scanner.piece(at + 1, scanner.position), scanner.registers
    if registers[fields.IN_BODY] and _is_heading(scanner, name):
        scanner.end_references()
        if scanner.match(_REFERENCES, scanner.position):
            registers[fields.REFERENCES] = scanner.written
        elif (
            registers[fields.SECTION] < 0
            and name not in _LOWER
            and not scanner.match(_BACK_MATTER, scanner.position)
        ):
            registers[fields.SECTION] = scanner.written
    scanner.keep(at)


def _is_heading(scanner: Scanner, name: bytes) -> bool:
    """Whether it has a title: a command may also be named, as in `\\titleformat{\\section}`."""
    place = scanner.position
    if name in (b"head", b"heading"):
        return scanner.find(b"\\end" + name, place, place + 500) > 0
    return name == b"beginsection" or scanner.match(_TITLED, place) is not None


def _appendix(scanner: Scanner, at: int) -> None:
    """Where no section stands before it, the text is a letter: it is kept from its start."""
    scanner.end_references()
    if scanner.registers[fields.IN_BODY] and scanner.registers[fields.SECTION] < 0:
        scanner.registers[fields.SECTION] = 0
    scanner.keep(at)


def _verbatim_inline(scanner: Scanner, at: int) -> None:
    if scanner.is_spent:
        scanner.keep(at)
        return
    start = scanner.position
    name = _INLINE[scanner.piece(at + 1, start)]
    argument = scanner.piece(start, min(scanner.end, start + _LONGEST_INLINE))
    size = inline_end(np.frombuffer(argument, np.uint8), name, 0, len(argument))
    if size < 0:
        scanner.registers[fields.SEEN] -= size
        scanner.charge(-size)
    scanner.position = start + max(size, 0)
    scanner.keep(at, verbatim=size >= 0)


def _bibliography(scanner: Scanner, at: int) -> None:
    match = scanner.match(ARGUMENT, scanner.position)
    if match:
        scanner.position = match.end()
    elif not scanner.is_spent:
        reader = scanner.reader()
        if reader.at(scanner.position) == b"[":
            end = reader.bracket(scanner.position)
            if end < 0:
                scanner.charge_for(reader)
            else:
                scanner.position = end
    scanner.drop_line()


def _bibliography_as_command(scanner: Scanner, at: int) -> None:
    r"""`\thebibliography{9}`, used without `\begin`: to its end, or the document's."""
    if not scanner.registers[fields.IN_BODY] or scanner.reader().at(scanner.position) != b"{":
        scanner.keep(at)
        return
    end = scanner.find(_END_REFERENCES, at)
    if end >= 0:
        scanner.position = end + len(_END_REFERENCES)
        scanner.drop_line()
        return
    end = scanner.find(END_DOCUMENT, at)
    scanner.position = end if end >= 0 else scanner.end


def _references(scanner: Scanner, at: int) -> None:
    r"""AMS-TeX's `\Refs … \endRefs`."""
    end = -1 if scanner.is_spent else scanner.find(b"\\endRefs", scanner.position)
    if end < 0:
        scanner.charge(scanner.end - scanner.position)
        scanner.keep(at)
    else:
        scanner.position = end + len(b"\\endRefs")
        scanner.drop_line()


def _title(scanner: Scanner, at: int) -> None:
    match = scanner.match(ARGUMENT, scanner.position)
    if match and scanner.title is None:
        title = match[1].decode("utf-8", "surrogatepass").replace("\\\\", " ").replace("~", " ")
        title = " ".join(title.split())
        scanner.title = title if title and not _FRAGILE.search(title) else None
    scanner.keep(at)


def _quote(scanner: Scanner, at: int) -> None:
    r"""`\string\x`: the command after it is only named."""
    token = scanner.match(_NEXT_TOKEN, scanner.position)
    scanner.position = token.end() if token else scanner.position
    scanner.keep(at)


COMMANDS: dict[bytes, Action] = {
    **DEFINITIONS,
    **CONDITIONALS,
    **CHOICES,
    **BUILT_NAMES,
    b"begin": _begin,
    **dict.fromkeys([b"begin{document}", b"begin{document*}"], _begin),
    **{
        b"begin{%b%b}" % (name, star): _begin
        for name in [*_REMOVED, *_FLOATS]
        for star in (b"", b"*")
    },
    b"end": _end,
    b"end{document}": _end,
    **dict.fromkeys([b"enddocument", b"bye"], _stop),
    **dict.fromkeys([*_UPPER, *_LOWER], _section),
    b"appendix": _appendix,
    **dict.fromkeys(_INLINE, _verbatim_inline),
    **INPUTS,
    **dict.fromkeys(
        [b"bibliography", b"nobibliography", b"bibliographystyle", b"printbibliography"],
        _bibliography,
    ),
    b"thebibliography": _bibliography_as_command,
    b"Refs": _references,
    b"title": _title,
    **dict.fromkeys([b"string", b"noexpand", b"meaning"], _quote),
}
ACTIONS = [*dict.fromkeys(COMMANDS.values())]

# What the kernel does itself, where it can
_KINDS = {
    **dict.fromkeys(_UPPER, fields.HEADING),
    **dict.fromkeys(_LOWER, fields.LOW_HEADING),
    **{b"begin{%b%b}" % (name, star): fields.FLOAT for name in _FLOATS for star in (b"", b"*")},
    **dict.fromkeys(
        [b"newcommand", b"renewcommand", b"DeclareRobustCommand", b"newrobustcmd"],
        fields.NEWCOMMAND,
    ),
    b"providecommand": fields.PROVIDECOMMAND,
    b"DeclareMathOperator": fields.OPERATOR,
    **dict.fromkeys([b"def", b"gdef", b"edef", b"xdef"], fields.DEF),
    b"xspace": fields.XSPACE,
    b"makeatletter": fields.AT_LETTER_ON,
    b"makeatother": fields.AT_LETTER_OFF,
    **dict.fromkeys(MACHINERY_WORDS, fields.MACHINERY_WORD),
    **dict.fromkeys(BUILT_NAMES, fields.MACHINERY_ACTION),
}

# What structures a paper: redefined for its looks, never for its text.
_PROTECTED = [*rb"item label document fi else or \ { } % [ ] ( ) & $ # _".split(), b" ", b"\n"]


@lru_cache(maxsize=16)
def vocabulary_of(verbatim: frozenset[bytes]) -> State:
    """What commands mean before a paper is read whose `verbatim` environments are copied."""
    meanings = dict.fromkeys(_PROTECTED, Meaning(fields.NOTHING))
    for name, action in COMMANDS.items():
        meanings[name] = Meaning(_KINDS.get(name, fields.ACTION), ACTIONS.index(action))
    for name, kind in _KINDS.items():
        meanings.setdefault(name, Meaning(kind))
    for name in verbatim:
        for star in (b"", b"*"):
            meanings[b"begin{%b%b}" % (name, star)] = Meaning(fields.ACTION, ACTIONS.index(_begin))
    return vocabulary(meanings)
