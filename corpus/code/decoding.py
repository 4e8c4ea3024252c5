"""The bytes of a source file to text: byte order mark, UTF-8, what the file declares, Latin-1."""

import re

from corpus.formats.byte_order_marks import BYTE_ORDER_MARKS

BINARY = "binary"
UNDECODABLE = "undecodable"
EMPTY = "empty"

_DECLARED = re.compile(
    rb"""^[ \t\f]*(?:\#|"|%|;|//).{0,80}?coding[:=][ \t]*([-\w.]+)"""
    rb"""|<\?xml[^>]{0,80}encoding=["']([-\w.]+)|<meta[^>]{0,80}charset=["']?([-\w.]+)""",
    re.MULTILINE | re.IGNORECASE,
)
_DECLARATION_BYTES = 512
_CONTROLS = bytes([*range(9), 11, *range(14, 27), *range(28, 32), 127])  # none is white space
_NO_TEXT_SHARE = 0.01  # of bytes that are controls: more is no text
_HIGH_SHARE = 0.1  # of bytes that are not ASCII, in a text taken for Latin-1


class NoTextError(ValueError):
    """Content that gives no text; its message is one of the reasons above."""


def decode_source(content: bytes) -> str:
    """The text of a file, its lines ended by newlines alone; NoTextError says why there is none.

    Latin-1 decodes any bytes, so it is asked last, and believed only where what is not ASCII is
    little and has no C1 control.
    """
    text = _decode(content).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise NoTextError(EMPTY)
    return text


def checked_text(text: str) -> str:
    """A text that came as a string, by the same rules."""
    try:
        content = text.encode()  # a JSON string may hold half a surrogate pair, which no file can
    except UnicodeError:
        raise NoTextError(UNDECODABLE) from None
    return decode_source(content)


def _decode(content: bytes) -> str:
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            text = _by(content[len(mark) :], encoding)
            if text is None:
                break
            if "\0" in text:
                raise NoTextError(BINARY)
            return text
    if b"\0" in content or _controls(content) > _NO_TEXT_SHARE * len(content):
        raise NoTextError(BINARY)
    text = _by(content, "utf-8")
    if text is None:
        text = _by(content, _declared(content))
    if text is None and _looks_latin(content):
        text = content.decode("latin-1")
    if text is None:
        raise NoTextError(UNDECODABLE)
    return text


def _by(content: bytes, encoding: str | None) -> str | None:
    try:
        text = content.decode(encoding) if encoding else None
        # a codec may give what is no character, or no text at all (`rot13`)
        return text if isinstance(text, str) and text.encode() is not None else None
    except (ValueError, LookupError, TypeError):
        return None


def _declared(content: bytes) -> str | None:
    found = _DECLARED.search(content[:_DECLARATION_BYTES])
    if found is None:
        return None
    return (found[1] or found[2] or found[3]).decode("ascii", "replace")


def _controls(content: bytes) -> int:
    return len(content) - len(content.translate(None, _CONTROLS))


def _looks_latin(content: bytes) -> bool:
    high = content.translate(None, bytes(range(128)))
    return len(high) <= _HIGH_SHARE * len(content) and min(high, default=255) >= 0xA0
