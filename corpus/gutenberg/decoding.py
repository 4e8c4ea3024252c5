"""The bytes of a book to text: byte order mark, UTF-8, what is declared, what it looks like.

The archive began in 1971: beside UTF-8 and Latin-1 it holds texts of DOS and of the old Macintosh,
and headers that declare another encoding than the bytes are in.
"""

import codecs
import re
from typing import NamedTuple

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"^[ \t]*(?:character set encoding|charset|encoding):[ \t]*([^\r\n]{2,60})",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_BYTES = 32 << 10
_WORD_CODECS = {"macintosh": "mac_roman", "mac": "mac_roman", "windows": "cp1252"}
_WESTERN = ("cp1252", "mac_roman", "cp850", "cp437")  # ties go to the first
_LATIN = {"iso8859-1", "ascii", "cp1252"}  # declared for each other; cp1252 holds all that they do
_MOSTLY = 0.9  # of the bytes that are not ASCII
_SAMPLE = 4096  # such bytes looked at
_HIGH = re.compile(rb"[\x80-\xff]")
_RUNS = re.compile(r"[^\W\d_]+")
_LETTERS = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŒ")
_SIGNS = frozenset("“”‘’„«»—–…£°§©½¼¾¿¡·ºª†‡•\xa0")


class Decoded(NamedTuple):
    """A text, its encoding as Python names it, and whether U+FFFD stands for some of its bytes."""

    text: str
    encoding: str
    replaced: bool = False


def decode(content: bytes) -> Decoded:
    """Never raises; lines end as they do in the content."""
    for mark, encoding in _MARKS:
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
    first = (declared,) if declared in _WESTERN else ()
    sample = _high_lines(content)
    candidates = dict.fromkeys((*first, *_WESTERN))
    return _replacing(content, max(candidates, key=lambda codec: _likeness(sample, codec)))


def _replacing(content: bytes, encoding: str) -> Decoded:
    text = _by(content, encoding)
    if text is not None:
        return Decoded(text, encoding)
    return Decoded(content.decode(encoding, "replace"), encoding, replaced=True)


def _by(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeError, LookupError, ValueError):
        return None


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
        if codec._is_text_encoding:  # there are codecs from bytes to bytes, too
            return codec.name.replace("mac-roman", "mac_roman")
    return None


def _is_mostly_utf8(content: bytes) -> bool:
    """Whether some stray bytes alone keep a text from being UTF-8."""
    high = len(_HIGH.findall(content))
    valid = len(content.decode("utf-8", "ignore").encode()) - (len(content) - high)
    return valid >= _MOSTLY * high


def _high_lines(content: bytes) -> bytes:
    """Lines that hold bytes that are not ASCII, the first so many of them."""
    lines, seen = [], 0
    for line in content.splitlines():
        if not line.isascii():
            lines.append(line)
            seen += len(_HIGH.findall(line))
            if seen >= _SAMPLE:
                break
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
            fits = word.islower() or word.isupper() or word.istitle()
            high = [char for char in word if char > "\x7f"]
            score += sum(2 if fits and char in _LETTERS else -2 for char in high)
    return score
