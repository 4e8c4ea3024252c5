r"""Finds references that are typed by hand: no environment, `[1] A. Author, …` a paragraph each.

They go where they are surely that: three entries or more whose numbers follow one another from 1,
or a list, right under a line that says References, Bibliography or Literature; or without such a
line entries in brackets, years in most. The document ends with them, but for addresses.
"""

import re

_WORDS = [
    word for name in (b"eferences", b"ibliography", b"iterature") for word in (name, name.upper())
]
_MOST_TITLES = 4  # of a word, from the end, that are looked at
_LONGEST_BEFORE, _LONGEST_AFTER = 80, 15  # bytes of its line around a title
_LONGEST_FILLER = 300  # bytes between a title and its first entry
_LONGEST_REST = 1500  # bytes after the last entry: addresses
_LONGEST_ENTRY = 1000
_FEWEST = 3

_DECORATION = rb"(?:\\[A-Za-z]+\*?|[\s{}:.$~*\d])*+"
_TITLE = re.compile(
    _DECORATION + rb"(?:references|bibliography|literature(?: cited)?)" + _DECORATION, re.I
)
_FILLER = re.compile(
    rb"(?:[\s{}]|\\[A-Za-z]+\*?(?:\{[^{}\n]{0,60}\}|-?[\d.]{1,6}[a-z]{2})*+|\\\\)*+"
)
_CENTERED = re.compile(rb"\\begin\{center\}\s*+\Z")
_LEADING = (
    rb"^[ \t{]*+(?:\\(?:noindent|par|smallskip|medskip|bigskip|hang|item|itemitem)(?![A-Za-z])"
    rb"[ \t{]*+(?:\[\{?(?=\[))?)*+(?:\\(?:bf|textbf|rm)[ \t{]++)?"
)
_BRACKETED = re.compile(_LEADING + rb"\[(\d{1,3})\]", re.M)
_NUMBERED = re.compile(_LEADING + rb"(\d{1,3})[.)]", re.M)
_LIST = re.compile(rb"\\begin\{(enumerate|itemize|description|list|trivlist)\}")
_ITEM = re.compile(rb"^[ \t]*+\\item(?![A-Za-z])", re.M)
_LIST_END = re.compile(rb"\s*+(?:\\end\{(?!document)[a-z]{1,20}\}\s*+)*+")
_HEADING = re.compile(rb"\\(?:part|chapter|section|subsection|appendix)(?![A-Za-z])")
_YEAR = re.compile(rb"(?<!\d)(?:1[89]|20)\d\d(?!\d)")

# what the last of any entries looks like; few papers end so
_ENTRY = re.compile(
    rb"^[ \t]*+(?:\\item(?![A-Za-z])|(?:\\[a-z]|[{\[\d])[^\n]{0,40}?\d[\].)])", re.M
)

Span = tuple[int, int]


def without_typed_references(text: bytes) -> bytes:
    """The text without references that were typed, where there surely are some."""
    if not _ENTRY.search(text, max(0, len(text) - _LONGEST_REST - _LONGEST_ENTRY)):
        return text
    span = _titled(text) or _untitled(text)
    return text[: span[0]].rstrip() + b"\n\n" + text[span[1] :].lstrip() if span else text


def _titled(text: bytes) -> Span | None:
    for first, last in _title_lines(text):
        found = _entries_from(text, last) or _list_from(text, last)
        if found and _is_end(text, found):
            centered = _CENTERED.search(text, max(0, first - 30), first)
            return (centered.start() if centered else first), found
    return None


def _title_lines(text: bytes) -> list[Span]:
    """The lines that only say what follows, the last first."""
    lines = set()
    for word in _WORDS:
        at = len(text)
        for _ in range(_MOST_TITLES):
            at = text.rfind(word, 0, at)
            if at < 0:
                break
            after = at + len(word)
            last = text.find(b"\n", after, after + _LONGEST_AFTER)
            if last < 0:
                continue
            first = text.rfind(b"\n", max(0, at - _LONGEST_BEFORE), at) + 1
            if _TITLE.fullmatch(text, first, last):
                lines.add((first, last))
    return sorted(lines, reverse=True)


def _entries_from(text: bytes, place: int) -> int | None:
    """The place after the entries that begin right here; None where there are not enough."""
    for form in (_BRACKETED, _NUMBERED):
        entry = form.search(text, place, place + _LONGEST_FILLER)
        if entry and _FILLER.fullmatch(text, place, entry.start()):
            run = _run(form, text, entry.start())
            if len(run) >= _FEWEST:
                return _paragraph_end(text, run[-1])
    return None


def _run(form: re.Pattern[bytes], text: bytes, place: int) -> list[int]:
    """Where the entries 1, 2, 3 … stand, one after another."""
    found: list[int] = []
    for entry in form.finditer(text, place):
        if int(entry[1]) != len(found) + 1:
            break
        found.append(entry.start())
    return found


def _list_from(text: bytes, place: int) -> int | None:
    """The place after a list that begins right here and that the document ends with."""
    begin = _LIST.search(text, place, place + _LONGEST_FILLER)
    if begin is None or not _FILLER.fullmatch(text, place, begin.start()):
        return None
    end = text.find(b"\\end{%b}" % begin[1], begin.end())
    if end < 0 or len(_ITEM.findall(text, begin.end(), end)) < _FEWEST:
        return None
    match = _LIST_END.match(text, end)
    return match.end() if match else None


def _untitled(text: bytes) -> Span | None:
    if not all(b"[%d]" % number in text for number in range(1, _FEWEST + 1)):
        return None
    first = [entry.start() for entry in _BRACKETED.finditer(text) if entry[1] == b"1"]
    run = _run(_BRACKETED, text, first[-1]) if first else []
    if len(run) < _FEWEST or not _is_end(text, end := _paragraph_end(text, run[-1])):
        return None
    ends = [*run[1:], end]
    years = sum(_YEAR.search(text, *entry) is not None for entry in zip(run, ends, strict=True))
    return (run[0], end) if 2 * years > len(run) else None


def _is_end(text: bytes, place: int) -> bool:
    """Whether nothing follows but what a document closes with."""
    return len(text) - place <= _LONGEST_REST and not _HEADING.search(text, place)


def _paragraph_end(text: bytes, place: int) -> int:
    end = text.find(b"\n\n", place)
    match = _LIST_END.match(text, end) if end >= 0 else None
    return match.end() if match else len(text)
