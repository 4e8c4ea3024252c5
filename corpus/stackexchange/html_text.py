"""The HTML of posts to plain text: what Stack Exchange's own Markdown renders, and no more.

Posts come sanitised: a few dozen tags, always closed. So one pass over the tags is enough. Blocks
are parted by a blank line, list items begin with `- ` or their number, links leave their text and
images what they say instead, powers are raised characters; scripts and styles go. Code blocks keep
every space and line; everywhere else white space is one space.
"""

import html
import re

from corpus.formats.superscripts import raise_powers

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)([^<>\"']*(?:(?:\"[^\"]*\"|'[^']*')[^<>\"']*)*)>")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_OTHER_SPACES = ("\n", "  ", "\t", "\r", "\f")  # than one space: looked for first, being rare
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_START = re.compile(r"\bstart\s*=\s*[\"']?(\d{1,9})")

# New lines that a block is parted by from what is before and after it.
_GAPS = {
    **dict.fromkeys("p pre blockquote h1 h2 h3 h4 h5 h6 hr ul ol table dl".split(), 2),
    **dict.fromkeys("div li tr dt dd".split(), 1),
}
_HIDDEN = frozenset(["script", "style"])  # what stands in them is no text
# the other tags only mark text up
_LAYOUT = frozenset([*_GAPS, *_HIDDEN, "br", "img", "td", "th"])
# What the site's editor puts in for an author who says nothing of an image.
_PLACEHOLDERS = ("enter image description here", "alt text", "image")
_INDENT = "  "
_DEEPEST = 8  # levels of lists that are indented


def html_to_text(source: str) -> str:
    """The text of a post's HTML; of anything else, some text."""
    source = _without_comments(source)
    pieces = _TAG.split(raise_powers(source) if "<sup" in source else source)
    page = _Page()
    page.text(pieces[0])
    for at in range(1, len(pieces), 4):
        closes, name, attributes, text = pieces[at : at + 4]
        if (name := name.lower()) in _LAYOUT:
            page.tag(name, bool(closes), attributes)
        if text:
            page.text(text)
    return "".join(page.out).strip("\n").rstrip()


def _without_comments(source: str) -> str:
    """Without `<!-- language: … -->` and its like; linear, where one is never closed too."""
    parts = []
    at = 0
    while (start := source.find("<!--", at)) >= 0:
        end = source.find("-->", start + 4)
        if end < 0:
            break
        parts.append(source[at:start])
        at = end + 3
    return "".join([*parts, source[at:]]) if parts else source


class _Page:
    """Text so far, and what stands open."""

    def __init__(self) -> None:
        self.out: list[str] = []
        self._hidden = ""  # the tag that hides all up to its end
        self._gap = 0  # new lines owed before the next text
        self._pre = 0
        self._lists: list[int] = []  # the number of the next item; 0 where items have none
        self._glued = False  # right after an item's mark: its first block stands on the same line

    def text(self, text: str) -> None:
        if self._hidden:
            return
        if self._pre:
            self._put(html.unescape(text) if "&" in text else text)
            return
        if text == "\n" and self._gap:
            return  # between blocks, as in most places
        for space in _OTHER_SPACES:
            if space in text:
                text = _SPACE.sub(" ", text)
                break
        if self._gap or self._glued or not self.out or self.out[-1].endswith((" ", "\n")):
            text = text.lstrip(" ")
        if text:
            self._put(html.unescape(text) if "&" in text else text)

    def tag(self, name: str, closes: bool, attributes: str) -> None:
        if self._hidden:
            self._hidden = "" if closes and name == self._hidden else self._hidden
        elif name in _HIDDEN:
            self._hidden = "" if closes else name
        elif name == "pre":
            self._code(closes)
        elif self._pre:  # code is marked up inside for its colours only
            if name == "br":
                self._put("\n")
        elif name in ("ul", "ol"):
            self._list(name, closes, attributes)
        elif name == "li" and not closes:
            self._part(_GAPS[name])
            self._put(self._mark())
            self._glued = True
        elif name in _GAPS:
            self._part(_GAPS[name], closes)
        elif name == "br":
            self._part(min(self._gap + 1, 2), closes=True)
        elif name == "img":
            alt = _ALT.search(attributes)
            said = (alt[1] or alt[2] or "") if alt else ""
            self.text("" if said in _PLACEHOLDERS else said)
        elif name in ("td", "th") and closes:
            self._put("\t")

    def _code(self, closes: bool) -> None:
        if closes and self._pre and self.out:
            self.out[-1] = self.out[-1].rstrip("\n")
        self._part(_GAPS["pre"], closes)
        self._pre = max(self._pre + (-1 if closes else 1), 0)

    def _list(self, name: str, closes: bool, attributes: str) -> None:
        inner = len(self._lists) > int(closes)
        self._part(1 if inner else _GAPS[name], closes)  # an inner list is part of its item
        if closes:
            del self._lists[-1:]
            return
        start = _START.search(attributes)
        self._lists.append(0 if name == "ul" else int(start[1]) if start else 1)

    def _mark(self) -> str:
        indent = _INDENT * (min(len(self._lists), _DEEPEST) - 1)
        if not self._lists or not self._lists[-1]:
            return f"{indent}- "
        number = self._lists[-1]
        self._lists[-1] += 1
        return f"{indent}{number}. "

    def _part(self, gap: int, closes: bool = False) -> None:
        """Owes new lines before the next text; none between an item's mark and its first block."""
        if self._glued and not closes:
            return
        self._glued = False
        if self.out and not self._pre:
            self.out[-1] = self.out[-1].rstrip(" \t")
        self._gap = max(self._gap, gap)

    def _put(self, text: str) -> None:
        if self._gap and self.out:
            self.out.append("\n" * self._gap)
        self._gap = 0
        self._glued = False
        self.out.append(text)
