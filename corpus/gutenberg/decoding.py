"""The bytes of a book to text: byte order mark, UTF-8, what is declared, what it looks like.

What it may look like is what the language uses that the header states; else Western, or Cyrillic.

The archive began in 1971: beside UTF-8 and Latin-1 it holds texts of DOS and of the old Macintosh,
and headers that declare another encoding than the bytes are in.
"""

import codecs
import re
from typing import NamedTuple

from corpus.formats.byte_order_marks import BYTE_ORDER_MARKS
from corpus.gutenberg import likeness
from corpus.gutenberg.code_pages import WESTERN, code_page

_DECLARED = re.compile(
    rb"^[ \t]*(?:character set encoding|charset|encoding):[ \t]*([^\r\n]{2,60})",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_BYTES = 32 << 10
_WORD_CODECS = {"macintosh": "mac_roman", "mac": "mac_roman", "windows": "cp1252"}
_NO_CHARACTER_SETS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"}
_LATIN = {"iso8859-1", "ascii", "cp1252"}  # declared for each other; cp1252 holds all that they do
_CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5")
_MOSTLY = 0.9  # of the bytes that are not ASCII
_SAMPLE = 4096  # such bytes looked at
_LINE = 200  # bytes before and after one of them that are looked at with it
_ASCII = bytes(range(128))
_HIGH_WORDS = re.compile(rb"[\x80-\xff]{3,}")  # words of Western Europe have ASCII letters
_HIGH = re.compile(rb"[\x80-\xff]")


class Decoded(NamedTuple):
    """A text, its encoding as Python names it, and what is wrong with it."""

    text: str
    encoding: str
    replaced: bool = False  # whether U+FFFD stands for some of its bytes
    doubtful: bool = False  # whether it reads like none of the encodings tried


def decode(content: bytes) -> Decoded:
    """Never raises; lines end as they do in the content."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return _replacing(content[len(mark) :], encoding)
    if content.isascii():
        return Decoded(content.decode("ascii"), "ascii")
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        pass
    declared = _declared(content)
    if declared == "utf-8" or _is_mostly_utf8(content):
        return _replacing(content, "utf-8")
    if declared is not None and declared not in (*WESTERN, *_LATIN):
        text = _by(content, declared)
        if text is not None:
            return Decoded(text, declared)
    sample = _around_high_bytes(content)
    of_language = code_page(content, sample)
    if of_language is not None:
        return _replacing(content, of_language)
    western = 2 * sum(map(len, _HIGH_WORDS.findall(sample))) <= _count_high(sample)
    if not western:
        scores = ((likeness.cyrillic(sample.decode(c, "replace")), c) for c in _CYRILLIC)
        score, best = max(scores)
        if score > 0:
            return _replacing(content, best)
    first = (declared,) if declared in WESTERN else ()
    codecs_tried = dict.fromkeys((*first, *WESTERN))
    readings = {codec: sample.decode(codec, "replace") for codec in codecs_tried}
    best = max(readings, key=lambda codec: likeness.alphabetic(readings[codec], likeness.WESTERN))
    return _replacing(content, best)._replace(doubtful=not western)


def _replacing(content: bytes, encoding: str) -> Decoded:
    text = _by(content, encoding)
    if text is not None:
        return Decoded(text, encoding)
    return Decoded(content.decode(encoding, "replace"), encoding, replaced=True)


def _by(content: bytes, encoding: str) -> str | None:
    try:
        text = content.decode(encoding)
        text.encode()  # a codec may give half a surrogate pair, which is no character
    except (LookupError, ValueError):
        return None
    return text


def _declared(content: bytes) -> str | None:
    """The encoding that the header names, by Python's name for it."""
    found = _DECLARED.search(content, 0, _HEADER_BYTES)
    if found is None:
        return None
    said = found[1].decode("latin-1").strip().lower()
    # "ISO-646-US (US-ASCII)", "Codepage 850", "ISO Latin-1", "Macintosh Roman"
    for name in (said, said.partition("(")[0].strip(), *re.split(r"[\s(),]+", said)):
        name = re.sub(r"^iso[ -]?latin-?", "latin", name)
        name = re.sub(r"^(?:code ?page|cp)[ -]?(?=\d)", "cp", name)
        try:
            codec = codecs.lookup(_WORD_CODECS.get(name, name.replace(" ", "-")))
        except (LookupError, ValueError):
            continue
        # there are codecs from bytes to bytes, and of Python's and of domain names
        if codec._is_text_encoding and codec.name.replace("_", "-") not in _NO_CHARACTER_SETS:
            return codec.name.replace("mac-roman", "mac_roman")
    return None


def _is_mostly_utf8(content: bytes) -> bool:
    """Whether some stray bytes alone keep a text from being UTF-8."""
    high = _count_high(content)
    valid = len(content.decode("utf-8", "ignore").encode()) - (len(content) - high)
    return valid >= _MOSTLY * high


def _count_high(content: bytes) -> int:
    return len(content.translate(None, _ASCII))


def _around_high_bytes(content: bytes) -> bytes:
    """Lines that hold bytes that are not ASCII, the first so many of them; of long ones a part."""
    lines, seen, at = [], 0, 0
    while seen < _SAMPLE and (high := _HIGH.search(content, at)) is not None:
        earliest = max(at, high.start() - _LINE)
        start = max(content.rfind(b"\n", earliest, high.start()) + 1, earliest)
        end = content.find(b"\n", high.end(), high.end() + _LINE)
        at = end if end >= 0 else high.end() + _LINE
        lines.append(content[start:at])
        seen += _count_high(lines[-1])
    return b"\n".join(lines)
