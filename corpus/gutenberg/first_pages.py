"""Notes of the archive on a book's first pages, behind its title page or its contents.

Only what is not the book's beyond doubt goes: a transcriber's notes that stand in brackets or speak
of the archive, and short paragraphs that name one of its texts. All others stay.
"""

import re

from corpus.gutenberg.credits import ARCHIVE, NOTE
from corpus.gutenberg.marks import PARAGRAPH

_FIRST_PAGES = 12_000  # characters: a title page, and contents of over a hundred chapters
_BRACKETED = re.compile(
    r"^[ \t]*\[[ \t_*=]*(?:(?:e-?text[ ])?(?:transcri(?:ber|ption)|proof-?reader|redactor)"
    r"|anmerkungen?[ ]zur|notes?[ ](?:du|de[ ]la)[ ]transcri|(?:this[ ]|note:?[ ])*"
    r"e-?(?:text|book)\b)",
    re.IGNORECASE | re.MULTILINE,
)
_NOTE_CHARACTERS = 3000
_REST_OF_LINE = re.compile(r"[ \t_*=]*(?:\n|\Z)")
_BLANK_LINES = re.compile(r"(?:[ \t]*\n)*")
_HEADING = re.compile(
    r"[ \t_*=]*(?:original[ ])?transcri(?:ber['’]?s?['’]?|ption)[ ]notes?[ \t_*=:.]*\n?",
    re.IGNORECASE,
)
_NOTE_LINES = 12
_NAMES_A_TEXT = re.compile(
    r"\be-?(?:text|book)s?[ ]?(?:\#|no\.)[ ]?\d"
    r"|^[ \t]*(?:an?[ ]|the[ ])?project[ ]gutenberg[ ](?:e-?(?:text|book)|edition)s?[ \t.]*$",
    re.IGNORECASE | re.MULTILINE,
)
_SHORT_LINES = 3


def without_notes(book: str) -> str:
    """A book without such notes."""
    book = _without(book, _bracketed(book))
    return _without(book, _paragraphs(book))


def _without(book: str, notes: list[tuple[int, int]]) -> str:
    """Without these notes, and the blank lines behind each that stands between blank lines."""
    kept, at = [], 0
    for start, end in notes:
        kept.append(book[at:start])
        alone = not start or book.endswith("\n\n", 0, start)
        at = _BLANK_LINES.match(book, end).end() if alone else end  # type: ignore[union-attr]
    return "".join([*kept, book[at:]])


def _bracketed(book: str) -> list[tuple[int, int]]:
    """From where to where a transcriber's notes in brackets stand, in whole lines."""
    notes: list[tuple[int, int]] = []
    for found in _BRACKETED.finditer(book, 0, _FIRST_PAGES):
        end = _closed(book, found.end())
        if end is not None and not (notes and found.start() < notes[-1][1]):
            notes.append((found.start(), end))
    return notes


def _closed(book: str, at: int) -> int | None:
    """Behind the bracket that closes one open at `at`; None if it is far, or ends no line."""
    depth = 1
    for bracket in re.finditer(r"[\[\]]", book[at : at + _NOTE_CHARACTERS]):
        depth += 1 if bracket[0] == "[" else -1
        if not depth:
            rest = _REST_OF_LINE.match(book, at + bracket.end())
            return rest.end() if rest else None
    return None


def _paragraphs(book: str) -> list[tuple[int, int]]:
    """From where to where paragraphs stand that speak of the archive."""
    notes = []
    heading = None  # where the paragraph before begins, if it is a heading of notes
    for paragraph in PARAGRAPH.finditer(book, 0, _FIRST_PAGES):
        if paragraph.end() == _FIRST_PAGES:
            break  # it goes on
        words = paragraph[0]
        lines = words.strip().count("\n") + 1
        note = lines <= _NOTE_LINES and (heading is not None or NOTE.match(words))
        named = lines <= _SHORT_LINES and _NAMES_A_TEXT.search(words)
        if named or (note and ARCHIVE.search(words)):
            notes.append((paragraph.start() if heading is None else heading, paragraph.end()))
        heading = paragraph.start() if _HEADING.fullmatch(words) else None
    return notes
