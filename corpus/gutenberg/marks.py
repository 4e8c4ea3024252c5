"""Where the book begins and ends in a file: the marks that fifty years of releases have used.

A mark is believed only where one can stand: at the start of a line, near the file's head or tail,
and only if little but small print or licence is between it and them. So a mark inside of a book (of
one of its volumes, say, or in a text about the archive) cuts nothing off.
"""

import re
from typing import NamedTuple

_HEAD = 96 << 10  # characters in which a header ends
_AFTER = 24 << 10  # in which an older header follows a newer one
_TAIL = 96 << 10  # in which a footer begins
_SHORT = 1500  # characters of a header or footer without a licence
_DENSE = 2500  # a licence or small print names the archive at least once in so many characters

_NAME = r"(?:the[ \t]+)?pro(?:ject|jekt|jet|getto|yecto)[ \t]+gutenberg"
_BOOK = r"e-?(?:book|text)"
_LINE = r"^[ \t>]*"
_START = re.compile(
    rf"""{_LINE}(?:
    \*\*\*[ \t]*START[ ]OF[ ](?:THE|THIS)[ ](?:COPYRIGHTED[ ])?(?:PROJECT[ ]GUTENBERG|E-?BOOK)
    | \*[ \t]*END[ \t]*\*[ \t]*THE[ ]SMALL[ ]PRINT
    | \*[ ]?END[ ]THE[ ]SMALL[ ]PRINT
    | \*{{3}}[ \t]*(?:BEGIN|START)[ ]OF[ ](?:THE|THIS)[ ]PROJECT[ ]GUTENBERG
    | <<?THIS[ ]ELECTRONIC[ ]VERSION[ ]OF[ ]THE[ ]COMPLETE[ ]WORKS
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_SMALL_PRINT = re.compile(
    rf"{_LINE}\*{{2,}}[ \t]*START[ \t]*\*+[ \t]*THE SMALL PRINT", re.IGNORECASE | re.MULTILINE
)
_END = re.compile(
    rf"""{_LINE}(?:
    \*\*\*[ \t]*END[ ]OF[ ](?:THE|THIS)[ ](?:COPYRIGHTED[ ])?(?:PROJECT[ ]GUTENBERG|E-?BOOK)
    | (?:\*+[ \t]*)?End[ ]of[ ]{_NAME}
    | (?:\*+[ \t]*)?End[ ]of[ ]th(?:is|e)[ ](?:is[ ])?(?:copyrighted[ ])?
        (?:project[ ]gutenberg|{_BOOK})
    | Ende?[ ]d(?:ieses|es|e)[ ](?:pro(?:ject|jekt|jet)[ ]gutenberg|{_BOOK})
    | Fin[ ]d(?:e|u)[ ](?:ce[ ]|cet[ ]|l['’])?(?:pro(?:ject|jet)[ ]gutenberg|{_BOOK})
    | Einde[ ]van[ ](?:het|dit|deze)?[ ]?(?:project[ ]gutenberg|{_BOOK})
    | Fine[ ]d(?:el|i)[ ](?:presente[ ]|questo[ ])?(?:pro(?:ject|getto)[ ]gutenberg|{_BOOK})
    | Fin[ ]de[ ](?:este[ ])?(?:proyecto[ ]gutenberg)
    | \*{{3}}[ \t]*START:[ ]FULL[ ]LICENSE
    | \**[ \t]*This[ ]file[ ]should[ ]be[ ]named[ ]
    | Updated[ ]editions[ ]will[ ]replace[ ]the[ ]previous[ ]one
    | THE[ ]FULL[ ]PROJECT[ ]GUTENBERG[ ]LICENSE
    | \*{{2,}}[ \t]*START[ \t]*\*+[ \t]*THE[ ]SMALL[ ]PRINT
    )""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_MENTION = re.compile(r"gutenberg|\betexts?\b|\be-?books?\b|https?://|www\.", re.IGNORECASE)
_OPENING = re.compile(
    rf"{_LINE}(?:\**[ \t]*)?(?:this is )?(?:the |a )?project gutenberg", re.IGNORECASE
)
PARAGRAPH = re.compile(  # of so many lines at most, for `re` remembers each of them
    r"(?:^[^\S\n]*\S[^\n]*\n?){1,4000}", re.MULTILINE
)
_OTHERS = 6  # paragraphs of a header without marks that may say nothing of the archive


class Body(NamedTuple):
    """The book is `text[start:end]`; `header` and `footer` say whether anything stood around it."""

    start: int
    end: int
    header: bool
    footer: bool


def find_body(text: str) -> Body:
    """Where the book stands in a file's text of `\\n` lines; the whole of it where no mark is."""
    start = _find_start(text)
    end = _find_end(text, start)
    return Body(start, end, start > 0, end < len(text))


def _find_start(text: str) -> int:
    found = None
    until = _HEAD
    while (mark := _START.search(text, found.end() if found else 0, until)) is not None:
        if not _is_boilerplate(text[found.end() if found else 0 : mark.start()]):
            break
        if found is None and _in_footer(text, mark.start()):
            break
        found = mark
        until = mark.end() + _AFTER
    if found is not None:
        return _end_of_mark(text, found.end())
    return _unmarked_header(text)


def _in_footer(text: str, at: int) -> bool:
    """Whether the small print that ends here stands at the file's end, as the first ones did."""
    opened = [mark.start() for mark in _SMALL_PRINT.finditer(text, 0, at)]
    return bool(opened) and opened[-1] > len(text) - at


def _end_of_mark(text: str, at: int) -> int:
    """A mark with a long title is wrapped: it ends with the line that closes its asterisks."""
    line_end = text.find("\n", at)
    if line_end < 0:
        return len(text)
    if "*" not in text[at:line_end]:
        closed = text.find("***", line_end, line_end + 400)
        if closed >= 0 and not re.search(r"\n[ \t]*\n", text[line_end:closed]):
            line_end = text.find("\n", closed)
    return len(text) if line_end < 0 else line_end + 1


def _unmarked_header(text: str) -> int:
    """The end of a header without a mark: the last paragraph at the head that names the archive."""
    paragraphs = PARAGRAPH.finditer(text, 0, min(_HEAD, max(len(text) // 2, 1)))
    end = others = 0
    for number, paragraph in enumerate(paragraphs):
        if number == 0 and not _OPENING.match(paragraph[0]):
            return 0
        if _MENTION.search(paragraph[0]):
            end, others = paragraph.end(), 0
        else:
            others += 1
        if others > _OTHERS:
            break
    return end


def _find_end(text: str, start: int) -> int:
    """Goes back from the file's end over all marks that have only footer behind them."""
    end = len(text)
    marks = [mark.start() for mark in _END.finditer(text, max(start, len(text) - _TAIL))]
    for mark in reversed(marks):
        if not _is_boilerplate(text[mark:end]):
            break
        end = mark
    return end


def _is_boilerplate(text: str) -> bool:
    return len(text) <= _SHORT or len(_MENTION.findall(text)) * _DENSE >= len(text)
