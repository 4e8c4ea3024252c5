r"""TeX's conditionals whose outcome a paper states: `\iffalse`, `\iftrue` and those of `\newif`.

Of these the branch that TeX takes is read and the other goes; of all others (`\ifx`, `\ifnum`)
both stay, as they are written.
"""

import re

from corpus.latex.arguments import Frame
from corpus.latex.scanner import Action, Scanner

_PRIMITIVES = frozenset(
    "if ifcat ifnum ifdim ifodd ifvmode ifhmode ifmmode ifinner ifvoid ifhbox ifvbox ifx ifeof "
    "iftrue iffalse ifcase ifdefined ifcsname iffontchar ifpdf ifxetex ifluatex".split()
)
_TOKEN = re.compile(r"\\(if[A-Za-z@]*|else(?![A-Za-z@])|fi(?![A-Za-z@]))")
_NEWIF = re.compile(r"\s*+\{?\s*+\\if([A-Za-z@]+)\s*+\}?")


def _new_if(scanner: Scanner, frame: Frame, at: int) -> None:
    match = _NEWIF.match(frame.text, frame.position)
    if match is None:
        scanner.keep(frame, at)
        return
    frame.position = match.end()
    name = match[1]
    scanner.flags[name] = False
    scanner.meanings["if" + name] = _choose(name)
    scanner.meanings[name + "true"] = _set(name, True)
    scanner.meanings[name + "false"] = _set(name, False)
    scanner.drop_line(frame)


def _set(name: str, value: bool) -> Action:
    def action(scanner: Scanner, frame: Frame, at: int) -> None:
        scanner.flags[name] = value
        scanner.drop_line(frame)

    return action


def _choose(name: str) -> Action:
    def action(scanner: Scanner, frame: Frame, at: int) -> None:
        _branch(scanner, frame, at, scanner.flags.get(name, False))

    return action


def _false(scanner: Scanner, frame: Frame, at: int) -> None:
    _branch(scanner, frame, at, False)


def _true(scanner: Scanner, frame: Frame, at: int) -> None:
    _branch(scanner, frame, at, True)


def _branch(scanner: Scanner, frame: Frame, at: int, value: bool) -> None:
    """Reads on in one branch; a conditional that nothing ends stays as it is written."""
    start, otherwise, depth = frame.position, None, 0
    for match in _TOKEN.finditer(frame.text, start) if not scanner.is_spent else ():
        name = match[1]
        if name == "else":
            otherwise = match if depth == 0 and otherwise is None else otherwise
        elif name == "fi":
            depth -= 1
            if depth < 0:
                middle = otherwise or match
                if value:
                    first, last = start, middle.start()
                else:
                    first, last = (otherwise.end() if otherwise else match.start()), match.start()
                while first < last and frame.text[first] in " \t":  # as after any command
                    first += 1
                frame.position = match.end()
                if not scanner.charge(last - first):
                    break
                if first == last:
                    scanner.drop_line(frame)
                else:
                    scanner.push_branch(frame, first, last)
                return
        elif name in _PRIMITIVES or name[2:] in scanner.flags or "@" in name:
            depth += 1
    scanner.charge(len(frame.text) - start)
    frame.position = start
    scanner.keep(frame, at)


CONDITIONALS: dict[str, Action] = {"newif": _new_if, "iffalse": _false, "iftrue": _true}
