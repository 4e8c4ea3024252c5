"""A dump's bytes as UTF-8, whatever encoding its byte order mark or XML declaration names."""

import codecs
import re
from collections.abc import Callable

from corpus.formats.byte_order_marks import BYTE_ORDER_MARKS

_HEAD_BYTES = 256  # of a file, in which its declaration stands
_DECLARED = re.compile(rb"\s*<\?xml\b[^<>]{0,80}?\bencoding\s*=\s*[\"']([\w.:-]{2,40})[\"']")
_BEGINNING = "<?xml"
# Of Python, or for mail: they read plain letters as others, and give halves of surrogate pairs.
_REFUSED = ("utf-7", "unicode-escape", "raw-unicode-escape")
_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")  # told by how a declaration begins


class Utf8:
    """Calls `feed` with a file's pieces in UTF-8; what cannot be decoded becomes U+FFFD.

    Bytes that are said to be UTF-8, or of which nothing is said, come through as they are.
    """

    def __init__(self, feed: Callable[[bytes], object]) -> None:
        self._feed = feed
        self._head: bytes | None = b""  # until it is long enough to tell the encoding
        self._decoder: codecs.IncrementalDecoder | None = None

    def feed(self, piece: bytes) -> None:
        if self._head is not None:
            self._head += piece
            if len(self._head) < _HEAD_BYTES:
                return
            piece = self._begin(self._head)
        self._feed(self._decoder.decode(piece).encode() if self._decoder else piece)

    def end(self) -> None:
        """No more comes: what was held back goes on."""
        last = b"" if self._head is None else self._begin(self._head)
        self._feed(self._decoder.decode(last, final=True).encode() if self._decoder else last)

    def _begin(self, head: bytes) -> bytes:
        self._head = None
        codec = encoding_of(head[:_HEAD_BYTES])
        self._decoder = codecs.getincrementaldecoder(codec)("replace") if codec else None
        return head


def encoding_of(head: bytes) -> str | None:
    """The encoding of XML that begins so, by Python's name; None for UTF-8 and unknown ones."""
    for mark, codec in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return None if codec == "utf-8" else codec
    for codec in _WIDE:
        if head.startswith(_BEGINNING.encode(codec)):
            return codec
    declared = _DECLARED.match(head)
    if declared is None:
        return None
    try:
        codec = codecs.lookup(declared[1].decode()).name
        fits = _BEGINNING.encode().decode(codec, "replace") == _BEGINNING
    except (LookupError, ValueError):  # no encoding, or none of texts
        return None
    return codec if fits and codec not in ("utf-8", "ascii", *_REFUSED) else None
