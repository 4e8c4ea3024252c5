r"""TeX's conditionals whose outcome a paper states: `\iffalse`, `\iftrue` and those of `\newif`.

Of these the branch that TeX takes is read and the other goes; of all others (`\ifx`, `\ifnum`)
both stay, as they are written.
"""

import re

from corpus.latex.scanner import Action, Scanner

_PRIMITIVES = frozenset(
    b"if ifcat ifnum ifdim ifodd ifvmode ifhmode ifmmode ifinner ifvoid ifhbox ifvbox ifx ifeof "
    b"iftrue iffalse ifcase ifdefined ifcsname iffontchar ifpdf ifxetex ifluatex".split()
)
_TOKEN = re.compile(rb"\\\\|\\(if[A-Za-z@]*|else(?![A-Za-z@])|fi(?![A-Za-z@]))")
_NEWIF = re.compile(rb"\s*+\{?\s*+\\if([A-Za-z@]+)\s*+\}?")


def _new_if(scanner: Scanner, at: int) -> None:
    match = scanner.match(_NEWIF, scanner.position)
    if match is None:
        scanner.keep(at)
        return
    scanner.position = match.end()
    name = match[1]
    scanner.flags[name] = False
    scanner.act_at(b"if" + name, _choose(name))
    scanner.act_at(name + b"true", _set(name, True))
    scanner.act_at(name + b"false", _set(name, False))
    scanner.drop_line()


def _set(name: bytes, value: bool) -> Action:
    def action(scanner: Scanner, at: int) -> None:
        scanner.flags[name] = value
        scanner.drop_line()

    return action


def _choose(name: bytes) -> Action:
    def action(scanner: Scanner, at: int) -> None:
        _branch(scanner, at, scanner.flags.get(name, False))

    return action


def _false(scanner: Scanner, at: int) -> None:
    _branch(scanner, at, False)


def _true(scanner: Scanner, at: int) -> None:
    _branch(scanner, at, True)


def _branch(scanner: Scanner, at: int, value: bool) -> None:
    """Reads on in one branch; a conditional that nothing ends stays as it is written."""
    text, start, otherwise, depth = scanner.text, scanner.position, None, 0
    for match in () if scanner.is_spent else _TOKEN.finditer(text, start, scanner.end):
        name = match[1]
        if name is None:  # a line's end: the letters after it are text
            continue
        if name == b"else":
            otherwise = match if depth == 0 and otherwise is None else otherwise
        elif name == b"fi":
            depth -= 1
            if depth < 0:
                if value:
                    first, last = start, (otherwise or match).start()
                else:
                    first, last = (otherwise.end() if otherwise else match.start()), match.start()
                while first < last and text[first] in b" \t":  # as after any command
                    first += 1
                scanner.position = match.end()
                if not scanner.charge(last - first):
                    break
                if first == last:
                    scanner.drop_line()
                else:
                    scanner.push_branch(first, last)
                return
        elif name in _PRIMITIVES or name[2:] in scanner.flags or b"@" in name:
            depth += 1
    scanner.charge(scanner.end - start)
    scanner.position = start
    scanner.keep(at)


CONDITIONALS: dict[bytes, Action] = {b"newif": _new_if, b"iffalse": _false, b"iftrue": _true}
