"""Comments and the tags whose content MediaWiki hands to an extension: first of all to be found.

What such a tag holds is no wikitext. Code and formulas are kept as they are written; notes,
galleries, charts, scores and maps are not text and go.
"""

import html
import re

from corpus.wikitext.marks import BREAK, GONE, KEPT, KEPT_TEXT

_CODE = {"pre", "syntaxhighlight", "source"}
_FORMULA = {"math", "chem", "ce"}
_NO_TEXT = {
    *("ref", "references", "gallery", "timeline", "score", "graph", "chart", "hiero", "imagemap"),
    *("templatedata", "templatestyles", "mapframe", "maplink", "inputbox", "categorytree"),
    *("includeonly", "section", "indicator", "rss", "quiz", "dynamicpagelist", "phonos"),
}
EXTENSIONS = _CODE | _FORMULA | _NO_TEXT | {"nowiki", "poem"}
_OPENING = re.compile(rf"<!--|<({'|'.join(sorted(EXTENSIONS))})(?=[\s/>])([^<>]*)>", re.I)
_CLOSING = {tag: re.compile(rf"</{tag}\s*>", re.I) for tag in EXTENSIONS}


def hide(text: str, kept: list[str]) -> str:
    """The text without comments and extension tags; what is shown as written goes to `kept`."""
    parts: list[str] = []
    at = 0
    unclosed: set[str] = set()
    while match := _OPENING.search(text, at):
        parts.append(text[at : match.start()])
        at = match.end()
        if match[1] is None:
            at = _comment_end(text, match.start())
            continue
        tag = match[1].lower()
        if match[2].rstrip().endswith("/"):
            continue
        closing = None if tag in unclosed else _CLOSING[tag].search(text, at)
        if closing is None:
            unclosed.add(tag)
            parts.append(" " if tag == "ref" else "")  # a note stands at a word
            continue
        content = text[at : closing.start()]
        parts.append(_shown(tag, match[2], content, kept))
        at = closing.end()
    parts.append(text[at:])
    return "".join(parts)


def show(text: str, kept: list[str]) -> str:
    """The text with what `hide` has put away."""
    return KEPT_TEXT.sub(lambda match: kept[int(match[1])], text)


def _comment_end(text: str, start: int) -> int:
    """Where the text goes on: a comment alone on its line takes the line with it."""
    end = text.find("-->", start + 4)
    if end < 0:
        return len(text)
    end += 3
    begins_line = start == 0 or text[start - 1] == "\n"
    return end + 1 if begins_line and text[end : end + 1] == "\n" else end


def _shown(tag: str, attributes: str, content: str, kept: list[str]) -> str:
    if tag in _NO_TEXT:
        return GONE
    if tag == "poem":
        lines = (line.lstrip(":") for line in hide(content, kept).split("\n"))
        return BREAK + BREAK.join(lines) + BREAK
    if tag in _FORMULA:
        content = f"${' '.join(content.split())}$" if content.strip() else ""
    else:
        content = html.unescape(content) if tag == "nowiki" else content
    block = tag in _CODE and "inline" not in attributes.lower()
    content = content.strip("\n").rstrip() if block else content
    if not content:
        return ""
    kept.append(content)
    mark = f"{KEPT}{len(kept) - 1}{KEPT}"
    return f"\n\n{mark}\n\n" if block else mark
