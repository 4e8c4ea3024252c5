"""Bytes of a TeX file to text: encodings tried in order, so that no file costs a paper.

A byte order mark, valid UTF-8, what the file or else another of the paper's declares (inputenc,
CJK), Windows-1252, Latin-1, which takes any bytes.
"""

import re

from corpus.formats.byte_order_marks import BYTE_ORDER_MARKS

_PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)  # of ISO 8859

# Python's names of the encodings that inputenc and CJK name, none of which makes surrogates
_CODECS = {
    **{f"cp{n}": f"cp{n}" for n in (437, 850, 852, 855, 858, 862, 865, 866, *range(1250, 1258))},
    **{f"latin{n}": f"iso8859-{part}" for n, part in enumerate((1, 2, 3, 4, 9, 10), start=1)},
    **{f"{iso}{n}": f"iso8859-{n}" for iso in ("8859-", "iso-8859-", "iso8859-") for n in _PARTS},
    **{f"iso8859{n}": f"iso8859-{n}" for n in _PARTS},
    **dict.fromkeys(["gb", "gbk", "gb2312", "gb18030", "cp936"], "gb18030"),
    **dict.fromkeys(["bg5", "big5", "bg5+", "cp950"], "big5"),
    **dict.fromkeys(["jis", "euc-jp", "eucjp"], "euc-jp"),
    **dict.fromkeys(["sjis", "shift_jis", "cp932"], "cp932"),
    **dict.fromkeys(["ks", "ksc", "euc-kr", "euckr"], "euc-kr"),
    **dict.fromkeys(["koi8-u", "koi8-ru"], "koi8-u"),
    "koi8-r": "koi8-r",
    "latin9": "iso8859-15",
    "latin10": "iso8859-16",
    "decmulti": "iso8859-1",
    "ansinew": "cp1252",
    "cp437de": "cp437",
    "applemac": "mac_roman",
    "macce": "mac_latin2",
    "maccyr": "mac_cyrillic",
}

_DECLARED = re.compile(
    rb"\\(?:usepackage|RequirePackage)\s*+\[([\w\s,+-]{2,200})\]\s*+\{\s*+inputenc\s*+\}"
    rb"|\\inputencoding\s*+\{([\w+-]{2,20})\}"
    rb"|\\begin\s*+\{CJK\*?\}\s*+(?:\[[^\]]{0,20}\])?\s*+\{([\w+-]{2,20})\}"
)
_COMMENT = re.compile(rb"(?<!\\)(?:\\\\)*+%")
_LONGEST_LINE = 500  # bytes before a declaration that are looked over for a comment


def declared_codec(content: bytes) -> str | None:
    """Python's name of the encoding that a file declares, where that is known and not UTF-8."""
    for match in _DECLARED.finditer(content):
        before = content[max(match.start() - _LONGEST_LINE, 0) : match.start()]
        line = before[max(before.rfind(b"\n"), before.rfind(b"\r")) + 1 :]
        if b"%" in line and _COMMENT.search(line):
            continue
        names = (match[1] or match[2] or match[3]).decode("ascii", "replace").lower()
        for name in reversed(names.split(",")):  # the last is the one that holds
            if codec := _CODECS.get(name.strip()):
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
