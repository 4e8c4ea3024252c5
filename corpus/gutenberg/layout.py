"""The form of a book's text: line ends, blank lines, what other formats left, wrapped lines."""

import html
import itertools
import re
from collections.abc import Iterator

_BLANKS = re.compile(r"\n\n\n\n\n+")
_IMAGE = re.compile(  # begins with one certain character, which `re` looks for ten times as fast
    r"\n[ \t]*(?:[\[{]{1,2}(?:illustration:?[ ]*)?\d{3,5}[a-z][\]}]{1,2}"
    r"|illustration:?[ ]*\d{3,5}[a-z]|\[(?:illustration|image):?\])"
    r"(?=\n)(?:\n+Original(?=\n))?",
    re.IGNORECASE,
)
# `0042m` alone in a paragraph; so could be 1850m, but not many times in a book
_NUMBERED_IMAGE = re.compile(
    r"\n(?<=\n\n)[ \t]*\d{4,5}m(?=\n\n)(?:\n+Original(?=\n))?", re.IGNORECASE
)
_NUMBERED_IMAGES = 5  # of a book that has such marks, at least
_TAG = re.compile(
    r"</?(?:i|b|u|em|strong|tt|sup|sub|small|big|center|pre|p|br|hr|div|span|font|blockquote|h[1-6])"
    r"(?:[ ][^<>\n]{0,200})?[ ]?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}\d{0,2}|#\d{2,5}|#[xX][0-9a-fA-F]{2,5});")
_CONTROLS = "".join(map(chr, (*range(9), *range(14, 32), 127, 0xFEFF)))
_NO_CONTROLS = str.maketrans("", "", _CONTROLS)

_FULL_LINE = 55  # characters that the longest line of wrapped prose has at least
_RAGGED = 5  # characters by which a line may be shorter than it needs to be
_UNWRAPPED = 8  # of so many line ends one may stand where the next word would have fitted
_PROSE = re.compile(  # of so many lines at most, for `re` remembers each of them
    r"(?:^\S[^\n]*\n){1,4000}^\S[^\n]*$", re.MULTILINE
)
_PIECE = (
    1 << 20
)  # characters whose lines are in memory at once: a short line takes 20 times its own


def newlines(text: str) -> str:
    """Every line ended by `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def tidy(text: str) -> str:
    """Without control characters, tags, marks of pictures without words, and space at line ends.

    At most three blank lines stand together: more of them space out title pages.
    """
    if any(control in text for control in _CONTROLS):
        text = text.translate(_NO_CONTROLS)
    if "</" in text:
        text = _TAG.sub("", text)
    if "&" in text and ";" in text:
        text = _ENTITY.sub(lambda found: html.unescape(found[0]), text)
    text = "\n".join(_stripped_pieces(text))
    text = _IMAGE.sub("\n", f"\n\n{text}\n\n")
    found = itertools.islice(_NUMBERED_IMAGE.finditer(text), _NUMBERED_IMAGES)
    if sum(1 for _ in found) == _NUMBERED_IMAGES:
        text = _NUMBERED_IMAGE.sub("\n", text)
    return _BLANKS.sub("\n\n\n\n", text).strip("\n")


def _stripped_pieces(text: str) -> Iterator[str]:
    """The text in pieces of whole lines, without space at their ends and newlines between them."""
    at = 0
    while at <= len(text):
        end = text.find("\n", at + _PIECE)
        end = len(text) if end < 0 else end
        yield "\n".join([line.rstrip(" \t\f\v") for line in text[at:end].split("\n")])
        at = end + 1


def unwrap(text: str) -> str:
    """Joins the lines of each paragraph of prose.

    Prose is wrapped where the next word would not have fitted: what has lines that end earlier
    (verse, letters' heads, tables) stays as it is, and so does all that is indented, or of which
    every line begins with a capital.
    """
    return _PROSE.sub(_joined, text)


def _joined(paragraph: re.Match[str]) -> str:
    lines = paragraph[0].split("\n")
    longest = max(map(len, lines))
    if longest < _FULL_LINE:
        return paragraph[0]
    if len(lines) > 2 and all(_begins_with_capital(line) for line in lines):
        return paragraph[0]
    early = sum(
        len(line) + 1 + len(following.split(None, 1)[0]) <= longest - _RAGGED
        for line, following in itertools.pairwise(lines)
    )
    if early * _UNWRAPPED > len(lines) - 1:
        return paragraph[0]
    return " ".join(lines)


def _begins_with_capital(line: str) -> bool:
    return next((char for char in line if char.isalnum()), "").isupper()
