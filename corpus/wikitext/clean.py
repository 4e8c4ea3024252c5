"""Wikitext to plain text, a pass for each layer that MediaWiki has.

Each pass is linear in the page and none calls a parser, so that no page needs a time limit:
comments and extension tags, templates, tables, inline markup, lines, characters.
"""

import re
from collections.abc import Set

from corpus.wikitext import blocks, hidden, inline, templates
from corpus.wikitext.marks import BREAK, GONE, without_marks
from corpus.wikitext.names import HIDDEN_LINKS

_BREAKS = re.compile(f"[{BREAK}\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]+")
_SPACES = re.compile(r"[^\S\n]+")
_GAP = re.compile(f" ?{GONE}[ {GONE}]*+")
_AFTER_BRACKET = re.compile(rf"([(（\[「])(?: ?{GONE} ?[,;:–—/]?)++ ?")
_BEFORE_BRACKET = re.compile(rf"(?: ?+[,;:–—]?+ ?+{GONE} ?+){{1,8}}(?=[)）\]」])")
_BEFORE_END = re.compile(rf"(?: ?+[,;–—]?+ ?+{GONE} ?+){{1,8}}(?=[.;!?。]|$)")
_QUOTED = re.compile(rf"(?<!\S)(?:\"{GONE}\"|«{GONE}»|“{GONE}”|„{GONE}“|「{GONE}」)(?!\w)")
_BEFORE_COMMA = re.compile(rf"(?:[,;:،、，]?+ ?+{GONE} ?+){{1,8}}(?=[,;،、，])| ?{GONE} ?(?=:)")
_WORD = re.compile(r"\w")
_EMPTY = re.compile(r" ?(?:\( ?\)|（ ?）|\[ ?\])")


def clean(
    wikitext: str,
    title: str = "",
    hidden_links: Set[str] = HIDDEN_LINKS,
    gaps: list[str] | None = None,
) -> str:
    """The text of a page: a line for each paragraph, heading and list item.

    `hidden_links` are the namespace names, in lower case, of links that show nothing. `gaps` gets
    the names of templates within a sentence whose words the page does not hold.
    """
    kept: list[str] = []
    text = hidden.hide(without_marks(wikitext), kept)
    text = templates.resolve(text, title, [] if gaps is None else gaps)
    text = blocks.without_tables(text)
    text = inline.plain(text, hidden_links)
    lines = [
        line._replace(text="\n".join(shown))
        for line in blocks.lines(text)
        if (shown := _shown(line.text))
    ]
    return hidden.show("\n".join(blocks.without_empty_sections(lines)), kept).strip()


def _shown(line: str) -> list[str]:
    """What a line shows, in one line or, where it is broken, in several; none without a word."""
    parts = (_mended(part) for part in _BREAKS.split(inline.characters(line)))
    return [part for part in parts if _WORD.search(part)]


def _mended(line: str) -> str:
    """A line with single spaces, and no bracket or space left alone by what was taken out."""
    line = _SPACES.sub(" ", line)
    if GONE in line:
        line = _QUOTED.sub(GONE, line)
        line = _GAP.sub(_gap, line)
        line = _AFTER_BRACKET.sub(r"\1", line)
        line = _BEFORE_BRACKET.sub("", line)
        line = _BEFORE_COMMA.sub("", line)
        line = _BEFORE_END.sub("", line)
        line = line.replace(f" {GONE} ", " ").replace(GONE, "")
        line = _EMPTY.sub("", line)
    return line.strip().removesuffix(" //")  # what pointed to a source


def _gap(match: re.Match[str]) -> str:
    return f"{' ' * (match[0][0] == ' ')}{GONE}{' ' * (match[0][-1] == ' ')}"
