"""Bytes of a TeX file to text: encodings tried in order, so that no file costs a paper.

A byte order mark, valid UTF-8, what the paper declares (inputenc, CJK), Windows-1252, Latin-1,
which takes any bytes.
"""

import codecs
import re

from corpus.formats.byte_order_marks import BYTE_ORDER_MARKS

# inputenc's and CJK's names, where Python's differ or are hidden
_CODECS = {
    "ansinew": "cp1252",
    "applemac": "mac_roman",
    "decmulti": "latin-1",
    "latin1": "latin-1",
    "latin9": "iso8859-15",
    "latin10": "iso8859-16",
    "koi8-ru": "koi8-u",
    "maccyr": "mac_cyrillic",
    "gb": "gb18030",
    "gbk": "gb18030",
    "bg5": "big5",
    "jis": "euc-jp",
    "ks": "euc-kr",
}

_DECLARED = re.compile(
    rb"\\(?:usepackage|RequirePackage)\s*+\[([\w-]{2,20})\]\s*+\{inputenc\}"
    rb"|\\inputencoding\s*+\{([\w-]{2,20})\}"
    rb"|\\begin\s*+\{CJK\*?\}\s*+(?:\[[^\]]{0,20}\])?\s*+\{([\w-]{2,20})\}"
)


def declared_codec(content: bytes) -> str | None:
    """Python's name of the encoding that a file declares, where that is known and not UTF-8."""
    for match in _DECLARED.finditer(content):
        name = (match[1] or match[2] or match[3]).decode("ascii", "replace").lower()
        try:
            codec = codecs.lookup(_CODECS.get(name, name)).name
        except LookupError:
            continue
        if codec != "utf-8":
            return codec
    return None


def is_utf8(content: bytes) -> bool:
    """Whether a TeX file is UTF-8 as it is, without a byte order mark."""
    if content.isascii():
        return True
    try:
        content.decode()
    except UnicodeError:
        return False
    return not any(content.startswith(mark) for mark, _ in BYTE_ORDER_MARKS)


def to_utf8(content: bytes, declared: str | None = None) -> bytes:
    """A TeX file as UTF-8, with line ends as newlines; never raises."""
    if is_utf8(content):
        return _with_newlines(content) if b"\r" in content else content
    return decode(content, declared).encode("utf-8", "surrogatepass")


def _with_newlines(content: bytes) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def decode(content: bytes, declared: str | None = None) -> str:
    """The text of a TeX file, with line ends as newlines; never raises."""
    return _text(content, declared).replace("\r\n", "\n").replace("\r", "\n")


def _text(content: bytes, declared: str | None) -> str:
    for mark, codec in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(codec, "replace")
    for codec in filter(None, ("utf-8", declared, "cp1252")):
        try:
            return content.decode(codec)
        except (UnicodeError, LookupError):
            continue
    return content.decode("latin-1")
