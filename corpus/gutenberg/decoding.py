"""The bytes of a book to text: byte order mark, UTF-8, what is declared, what it looks like.

The archive began in 1971: beside UTF-8 and Latin-1 it holds texts of DOS and of the old Macintosh,
and headers that declare another encoding than the bytes are in.
"""

import codecs
import re
from typing import NamedTuple

from corpus.formats.byte_order_marks import BYTE_ORDER_MARKS

_DECLARED = re.compile(
    rb"^[ \t]*(?:character set encoding|charset|encoding):[ \t]*([^\r\n]{2,60})",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_BYTES = 32 << 10
_WORD_CODECS = {"macintosh": "mac_roman", "mac": "mac_roman", "windows": "cp1252"}
_NO_CHARACTER_SETS = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"}
_WESTERN = ("cp1252", "mac_roman", "cp850", "cp437")  # ties go to the first
_LATIN = {"iso8859-1", "ascii", "cp1252"}  # declared for each other; cp1252 holds all that they do
_CYRILLIC = ("cp1251", "koi8-r", "cp866", "iso8859-5")
_MOSTLY = 0.9  # of the bytes that are not ASCII
_SAMPLE = 4096  # such bytes looked at
_LINE = 200  # bytes before and after one of them that are looked at with it
_ASCII = bytes(range(128))
_HIGH_WORDS = re.compile(rb"[\x80-\xff]{3,}")  # words of Western Europe have ASCII letters
_HIGH = re.compile(rb"[\x80-\xff]")
_RUNS = re.compile(r"[^\W\d_]+")
_LETTERS = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŒ")
_SIGNS = frozenset("“”‘’„«»—–…£°§©½¼¾¿¡·ºª†‡•\xa0")
_COMMON_CYRILLIC = frozenset("оеаинтсрвлі")  # over 60 % of the letters of Slavic texts


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
    if declared is not None and declared not in (*_WESTERN, *_LATIN):
        text = _by(content, declared)
        if text is not None:
            return Decoded(text, declared)
    sample = _around_high_bytes(content)
    western = 2 * sum(map(len, _HIGH_WORDS.findall(sample))) <= _count_high(sample)
    if not western:
        score, best = max((_cyrillic_likeness(sample, codec), codec) for codec in _CYRILLIC)
        if score > 0:
            return _replacing(content, best)
    first = (declared,) if declared in _WESTERN else ()
    best = max(dict.fromkeys((*first, *_WESTERN)), key=lambda codec: _likeness(sample, codec))
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


def _likeness(sample: bytes, codec: str) -> int:
    """How much a reading of Western European text looks like one.

    Letters count where the case of their word agrees, signs of print anywhere, all else against it.
    """
    text = sample.decode(codec, "replace")
    score = sum(
        1 if char in _SIGNS else -1 for char in text if char > "\x7f" and not char.isalpha()
    )
    for word in _RUNS.findall(text):
        if not word.isascii():
            fits = _is_cased(word)
            high = [char for char in word if char > "\x7f"]
            score += sum(2 if fits and char in _LETTERS else -2 for char in high)
    return score


def _cyrillic_likeness(sample: bytes, codec: str) -> int:
    """How much a reading looks like a Slavic text: above 0 where common letters are over 60 %.

    Greek and Hebrew bytes give Cyrillic words as well, but not of these letters.
    """
    score = 0
    for word in _RUNS.findall(sample.decode(codec, "replace")):
        if not word.isascii():
            common = sum(char in _COMMON_CYRILLIC for char in word.lower())
            score += 5 * common * _is_cased(word) - 3 * len(word)
    return score


def _is_cased(word: str) -> bool:
    return word.islower() or word.isupper() or word.istitle()
