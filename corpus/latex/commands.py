r"""What the scanner does at the commands that structure a paper.

Each function is called where its command stands, with the place of its backslash; the frame's
position is after the command's name.
"""

import re

from corpus.latex.arguments import Frame
from corpus.latex.comments import inline_end
from corpus.latex.conditionals import CONDITIONALS
from corpus.latex.definitions import DEFINITIONS
from corpus.latex.inputs import ARGUMENT, END_DOCUMENT, INPUTS
from corpus.latex.macros import bracket_end
from corpus.latex.scanner import Action, Scanner

_UPPER = "part chapter section beginsection head heading".split()
_LOWER = "subsection subsubsection paragraph subparagraph".split()
_TITLED = re.compile(r"[ \t]*+\*?[ \t]*+\n?[ \t]*+(?:\[[^\[\]]{0,500}\]\s*+)?\{")
_REFERENCES = re.compile(
    r"\s*+\*?\s*+\{[\s{]*+(?:\\[A-Za-z]+[\s{]*+)?(?:references|bibliography|literature(?= cited))"
    r"(?: cited)?[\s.:]*+\}",
    re.I,
)
_FLOATS = frozenset("figure table longtable sidewaystable sidewaysfigure wrapfigure".split())

# environments that go: references, and what is no text
_REMOVED = frozenset("thebibliography references bibdiv biblist comment filecontents".split())

_ENVIRONMENT = re.compile(r"[ \t]*+\n?[ \t]*+\{([^{}\\\n]{1,100})\}")
_NEXT_TOKEN = re.compile(r"[ \t]*+\\(?:[A-Za-z@]+|.)", re.S)
_FRAGILE = re.compile(r"[\\{}$]")
_END_REFERENCES = "\\endthebibliography"


def _begin(scanner: Scanner, frame: Frame, at: int) -> None:
    match = _ENVIRONMENT.match(frame.text, at + len("\\begin"))
    if match is None:
        scanner.keep(frame, at)
        return
    name, frame.position = match[1], match.end()
    plain = name.rstrip("*")
    if name == "document":
        if not scanner.in_body:
            scanner.truncate(0)
            scanner.in_body = True
    elif plain in _REMOVED or plain in scanner.verbatim:
        end = _environment_end(scanner, frame, name, match.end())
        frame.position = end or match.end()
        if end and plain in _REMOVED:
            scanner.drop_line(frame)
        else:
            scanner.write(frame.text[at : frame.position], verbatim=end is not None)
    else:
        if plain in _FLOATS:  # set after the references, but none of them
            scanner.end_references()
        scanner.keep(frame, at)


def _environment_end(scanner: Scanner, frame: Frame, name: str, start: int) -> int | None:
    close = f"\\end{{{name}}}"
    end = -1 if scanner.is_spent else frame.text.find(close, start)
    if end < 0:
        scanner.charge(len(frame.text) - start)
        return None
    return end + len(close)


def _end(scanner: Scanner, frame: Frame, at: int) -> None:
    match = _ENVIRONMENT.match(frame.text, at + len("\\end"))
    plain_tex = match is None and not scanner.has_document
    if plain_tex or (match and match[1] == "document"):
        _stop(scanner, frame, at)
    else:
        scanner.keep(frame, at)


def _stop(scanner: Scanner, frame: Frame, at: int) -> None:
    while scanner.frames:
        scanner.leave()


def _section(scanner: Scanner, frame: Frame, at: int) -> None:
    name = frame.text[at + 1 : frame.position]
    if scanner.in_body and _is_heading(frame.text, name, frame.position):
        scanner.end_references()
        if _REFERENCES.match(frame.text, frame.position):
            scanner.references = len(scanner.out)
        elif name in _LOWER and scanner.subsection is None:
            scanner.subsection = len(scanner.out)
        elif name not in _LOWER and scanner.section is None:
            scanner.section = len(scanner.out)
    scanner.keep(frame, at)


def _is_heading(text: str, name: str, place: int) -> bool:
    """Whether it has a title: a command may also be named, as in `\\titleformat{\\section}`."""
    if name in ("head", "heading"):
        return text.find("\\end" + name, place, place + 500) > 0
    return name == "beginsection" or _TITLED.match(text, place) is not None


def _appendix(scanner: Scanner, frame: Frame, at: int) -> None:
    scanner.end_references()
    scanner.keep(frame, at)


def _verbatim_inline(scanner: Scanner, frame: Frame, at: int) -> None:
    end = inline_end(frame.text, frame.text[at : frame.position], frame.position)
    frame.position = end or frame.position
    scanner.write(frame.text[at : frame.position], verbatim=end is not None)


def _bibliography(scanner: Scanner, frame: Frame, at: int) -> None:
    match = ARGUMENT.match(frame.text, frame.position)
    if match:
        frame.position = match.end()
    elif frame.text.startswith("[", frame.position) and not scanner.is_spent:
        end = bracket_end(frame.text, frame.position)
        if end < 0:
            scanner.charge(len(frame.text) - frame.position)
        else:
            frame.position = end
    scanner.drop_line(frame)


def _bibliography_as_command(scanner: Scanner, frame: Frame, at: int) -> None:
    r"""`\thebibliography{9}`, used without `\begin`: to its end, or the document's."""
    if not scanner.in_body or not frame.text.startswith("{", frame.position):
        scanner.keep(frame, at)
        return
    end = frame.text.find(_END_REFERENCES, at)
    if end >= 0:
        frame.position = end + len(_END_REFERENCES)
        scanner.drop_line(frame)
        return
    end = frame.text.find(END_DOCUMENT, at)
    frame.position = end if end >= 0 else len(frame.text)


def _references(scanner: Scanner, frame: Frame, at: int) -> None:
    r"""AMS-TeX's `\Refs … \endRefs`."""
    end = -1 if scanner.is_spent else frame.text.find("\\endRefs", frame.position)
    if end < 0:
        scanner.charge(len(frame.text) - frame.position)
        scanner.keep(frame, at)
    else:
        frame.position = end + len("\\endRefs")
        scanner.drop_line(frame)


def _title(scanner: Scanner, frame: Frame, at: int) -> None:
    match = ARGUMENT.match(frame.text, frame.position)
    if match and scanner.title is None:
        title = " ".join(match[1].replace("\\\\", " ").replace("~", " ").split())
        scanner.title = title if title and not _FRAGILE.search(title) else None
    scanner.keep(frame, at)


def _at_letter(value: bool) -> Action:
    def action(scanner: Scanner, frame: Frame, at: int) -> None:
        scanner.at_letter = value
        scanner.drop_line(frame)

    return action


def _quote(scanner: Scanner, frame: Frame, at: int) -> None:
    r"""`\string\x`: the command after it is only named."""
    token = _NEXT_TOKEN.match(frame.text, frame.position)
    frame.position = token.end() if token else frame.position
    scanner.keep(frame, at)


def _xspace(scanner: Scanner, frame: Frame, at: int) -> None:
    """Gone from the end of a macro: the space it would give back was never taken away."""
    if scanner.frames[frame.base] is frame:
        scanner.keep(frame, at)


COMMANDS: dict[str, Action] = {
    **DEFINITIONS,
    **CONDITIONALS,
    "begin": _begin,
    **{
        f"begin{{{name}{star}}}": _begin
        for name in ["document", *_REMOVED, *_FLOATS]
        for star in ("", "*")
    },
    "end": _end,
    "end{document}": _end,
    **dict.fromkeys(["enddocument", "bye"], _stop),
    **dict.fromkeys([*_UPPER, *_LOWER], _section),
    "appendix": _appendix,
    **dict.fromkeys(["verb", "lstinline", "mintinline"], _verbatim_inline),
    **INPUTS,
    **dict.fromkeys(
        ["bibliography", "nobibliography", "bibliographystyle", "printbibliography"], _bibliography
    ),
    "thebibliography": _bibliography_as_command,
    "Refs": _references,
    "title": _title,
    "makeatletter": _at_letter(True),
    "makeatother": _at_letter(False),
    **dict.fromkeys(["string", "noexpand", "meaning"], _quote),
    "xspace": _xspace,
}
