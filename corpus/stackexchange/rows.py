"""The rows of a dump's `Posts.xml`: a tag a post, its columns as attributes.

A row of the usual form is taken apart by one expression, without a tree; any other that XML allows
goes to the standard parser.
"""

import re
from xml.etree.ElementTree import ParseError, fromstring

_ROW = re.compile(rb"<row(?: +[A-Za-z_]\w*=\"[^\"<\x00-\x1f]*\")* */>")
_TAG = re.compile(rb"<row\b(?:[^<>\"']++|\"[^<\"]*+\"|'[^<']*+')*+>")
_READ = frozenset("Id PostTypeId ParentId Score CreationDate ContentLicense Title Body".split())
_ENTITY = re.compile(r"&(?:#(\d+)|#[xX]([0-9a-fA-F]+)|(lt|gt|quot|apos|amp));")
_UNKNOWN = re.compile(r"&(?!(?:#\d+|#x[0-9a-fA-F]+|lt|gt|quot|apos|amp);)")
# Those that the dumps are full of; `&amp;` comes last, or it would make others.
_COMMON = (
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&#xA;", "\n"),
    ("&quot;", '"'),
    ("&apos;", "'"),
    ("&#xD;", "\r"),
    ("&#x9;", "\t"),
)
_NAMED = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}
_LAST_CHARACTER = 0x10FFFF


def columns(row: bytes) -> dict[str, str] | None:
    """The columns that are read of a row, by name; None where what begins here is no whole row.

    What stands behind the row's tag is not read.
    """
    try:
        text = row.decode()
    except UnicodeDecodeError:
        return None
    if not _ROW.fullmatch(row) or _UNKNOWN.search(text):
        return _by_parser(row)
    parts = text[len("<row") :].split('"')  # ` Name=`, its value, the next name, …
    found = dict(zip(parts[::2], parts[1::2], strict=False))
    if len(found) < len(parts) // 2:
        return None  # a column twice
    named = ((part.strip(" ").removesuffix("="), value) for part, value in found.items())
    return {name: unescape(value) for name, value in named if name in _READ}


def unescape(value: str) -> str:
    """An attribute's value without its entities; a reference to no character becomes U+FFFD."""
    plain = value
    for entity, character in _COMMON:
        if "&" not in plain:
            return plain
        plain = plain.replace(entity, character)
    if "&#" in plain:  # by one pass over the value as it was: what one gives is not read again
        return _ENTITY.sub(_character, value)
    return plain.replace("&amp;", "&")


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return _NAMED[match[3]]
    digits, base = (match[1], 10) if match[1] else (match[2], 16)
    code = int(digits, base) if len(digits) < 9 else _LAST_CHARACTER + 1
    if (code < 0x20 and chr(code) not in "\t\n\r") or 0xD800 <= code <= 0xDFFF:
        return "\ufffd"
    return chr(code) if code <= _LAST_CHARACTER else "\ufffd"


def _by_parser(row: bytes) -> dict[str, str] | None:
    tag = _TAG.match(row)
    if tag is None:
        return None
    try:
        found = fromstring(tag[0].removesuffix(b">").removesuffix(b"/") + b"/>").attrib
    except (ParseError, ValueError):
        return None
    return {name: value for name, value in found.items() if name in _READ}
