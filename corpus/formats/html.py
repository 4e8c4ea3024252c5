"""HTML to plain text by Resiliparse, whatever encoding the page is really in.

The text is what a reader sees, one block a line, every line stripped and blank ones left out: the
shape CCNet's WET lines have, which line dedup relies on. Boilerplate stays in: CCNet removes it by
dedup. A fresh tree is parsed for each page, so that no page's result depends on the one before.
"""

import codecs
import re

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_SEVEN_BIT_ESCAPES = (b"\x1b", b"\0")  # ISO-2022-* and UTF-16 look like UTF-8 to a decoder
_META_BYTES = 4096  # where a page must state its encoding; browsers look at the first 1,024
_MAX_REPLACED_SHARE = 0.01  # of characters; more, and the declared encoding is believed wrong


def extract_text(html: bytes, content_type: str, main_content: bool) -> tuple[str, str]:
    """A page's title and text; `content_type` is the HTTP header, `main_content` a heuristic cut.

    Raises whatever Resiliparse raises on a page it cannot parse.
    """
    tree = HTMLTree.parse(decode_html(html, content_type))
    text = extract_plain_text(
        tree,
        preserve_formatting=True,
        main_content=main_content,
        list_bullets=True,
        alt_texts=False,
    )
    # a no-break space is a matter of layout: in text it would make other words of the same words
    lines = (line.strip() for line in text.replace("\xa0", " ").splitlines())
    title = " ".join((tree.title or "").split())
    return title, "\n".join(line for line in lines if line)


def decode_html(html: bytes, content_type: str) -> str:
    """Decodes a page: its byte order mark, UTF-8 if valid, what it declares, what it looks like.

    Valid UTF-8 goes before the declaration: bytes of another encoding hardly ever are valid UTF-8,
    while servers often declare Latin-1 for everything they send.
    """
    for mark, marked in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if html.startswith(mark):
            return html[len(mark) :].decode(marked, "replace")
    if not any(escape in html for escape in _SEVEN_BIT_ESCAPES):
        try:
            return html.decode("utf-8")
        except UnicodeDecodeError:
            pass
    for place in (content_type.encode("utf-8", "replace"), html[:_META_BYTES]):
        declared = _CHARSET.search(place)
        encoding = _python_codec(declared.group(1).decode("latin-1")) if declared else None
        if encoding:
            text = html.decode(encoding, "replace")
            if text.count("\ufffd") <= _MAX_REPLACED_SHARE * len(text):
                return text
    return bytes_to_str(html, detect_encoding(html) or "utf-8", errors="replace")


def _python_codec(label: str) -> str | None:
    """The codec browsers use for a charset label, in Python's name; None for an unknown label."""
    name = map_encoding_to_html5(label, fallback_utf8=False)
    # browsers read these two with Microsoft's extensions, which Python keeps under other names
    name = {"euc_kr": "cp949", "shift_jis": "cp932"}.get(name or "", name)
    try:
        return codecs.lookup(name).name if name else None
    except LookupError:
        return None
