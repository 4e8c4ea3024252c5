r"""Commands that choose by an argument: xparse's `\IfBooleanTF` and `\IfNoValueTF`, xstring's
`\IfStrEqCase` and `\IfStrEq`.

Macros of authors are made of them. Where the argument says what is chosen, that is read and the
rest goes; else all stays as it is written.
"""

import re
from collections.abc import Callable

from corpus.latex.definition_text import NO_VALUE, NOT_STARRED
from corpus.latex.scanner import Action, Scanner

_MOST_CASES = 200
_PLAIN = re.compile(rb"[^\\{}#$%&~]*+")
_BOOLEANS = {b"*": True, b"\\BooleanTrue": True, NOT_STARRED: False}

_Piece = tuple[int, int]  # the first and last byte of an argument


def _arguments(scanner: Scanner, count: int) -> list[_Piece] | None:
    """The next arguments, in braces or of one token; None where they are not all there."""
    reader, place = scanner.reader(), scanner.position
    found: list[_Piece] = []
    for _ in range(0 if scanner.is_spent else count):
        place = reader.after_spaces(place)
        part = reader.group_or_token(place)
        if part is None:
            scanner.charge_for(reader)
            return None
        braces = reader.at(place) == b"{"
        found.append((place + braces, part[1] - braces))
        place = part[1]
    if len(found) < count or not scanner.charge(place - scanner.position):
        return None
    scanner.position = place
    return found


def _read_on(scanner: Scanner, chosen: _Piece | None) -> None:
    if chosen is None or chosen[0] >= chosen[1]:
        scanner.drop_line()
    else:
        scanner.push_branch(*chosen)


def _boolean(argument: bytes) -> bool | None:
    return _BOOLEANS.get(argument)


def _no_value(argument: bytes) -> bool | None:
    return None if b"#" in argument else argument == NO_VALUE


def _value(argument: bytes) -> bool | None:
    none = _no_value(argument)
    return None if none is None else not none


def _choice(decide: Callable[[bytes], bool | None], branches: str) -> Action:
    """Of `branches`, those that are given: the one that is taken if so (T), if not (F), or both."""

    def action(scanner: Scanner, at: int) -> None:
        start = scanner.position
        found = _arguments(scanner, 1 + len(branches))
        decided = decide(scanner.piece(*found[0]).strip()) if found else None
        if found is None or decided is None:
            scanner.position = start
            scanner.keep(at)
            return
        given = dict(zip(branches, found[1:], strict=True))
        _read_on(scanner, given.get("T" if decided else "F"))

    return action


def _same_string(scanner: Scanner, at: int) -> None:
    r"""`\IfStrEq{a}{b}{if so}{if not}`."""
    start = scanner.position
    _pass_star(scanner)
    found = _arguments(scanner, 4)
    texts = [_plain(scanner, piece) for piece in found[:2]] if found else [None]
    if found is None or None in texts:
        scanner.position = start
        scanner.keep(at)
        return
    _read_on(scanner, found[2 if texts[0] == texts[1] else 3])


def _case(scanner: Scanner, at: int) -> None:
    r"""`\IfStrEqCase{a}{{a}{if a}{b}{if b}}[else]`."""
    start = scanner.position
    _pass_star(scanner)
    found = _arguments(scanner, 2)
    text = _plain(scanner, found[0]) if found else None
    if found is None or text is None:
        scanner.position = start
        scanner.keep(at)
        return
    chosen = _chosen(scanner, text, found[1])
    reader = scanner.reader()
    if reader.at(scanner.position) == b"[":
        end = reader.bracket(scanner.position)
        if end >= 0:
            chosen = chosen or (scanner.position + 1, end - 1)
            scanner.position = end
        else:
            scanner.charge_for(reader)
    _read_on(scanner, chosen)


def _pass_star(scanner: Scanner) -> None:
    """Of xstring's starred forms, which expand what they are given."""
    scanner.position += scanner.reader().at(scanner.position) == b"*"


def _chosen(scanner: Scanner, text: bytes, cases: _Piece) -> _Piece | None:
    """What stands after the case that is the text."""
    reader, place, last = scanner.reader(), *cases
    for _ in range(_MOST_CASES):
        pair: list[_Piece] = []
        for _ in range(2):
            place = reader.after_spaces(place)
            end = reader.group(place) if reader.at(place) == b"{" else -1
            if not 0 <= end <= last:
                return None
            pair.append((place + 1, end - 1))
            place = end
        if scanner.piece(*pair[0]).strip() == text:
            return pair[1]
    return None


def _plain(scanner: Scanner, piece: _Piece) -> bytes | None:
    """The text of an argument that no command is in."""
    text = scanner.piece(*piece).strip()
    return text if _PLAIN.fullmatch(text) else None


CHOICES: dict[bytes, Action] = {
    b"%b%b" % (name, branches.encode()): _choice(decide, branches)
    for name, decide in {
        b"IfBoolean": _boolean,
        b"IfNoValue": _no_value,
        b"IfValue": _value,
    }.items()
    for branches in ("TF", "T", "F")
} | {b"IfStrEq": _same_string, b"IfStrEqCase": _case}
