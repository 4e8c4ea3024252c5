"""Markup of lines: tables, headings, lists and paragraphs, to a line for each.

Tables go: their cells are no running text. Headings stay where a section has text, list items get
a dash, the lines of a paragraph become one.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from corpus.wikitext.marks import BREAK, GONE

_TABLE = re.compile(rf"^[ \t:*#{GONE}{BREAK}]*+\{{\|.*$|^[ \t{GONE}{BREAK}]*+\|\}}", re.M)
_HTML_TABLE = re.compile(r"<(/?)table(?=[\s>])[^<>]*+>", re.I)
_HEADING = re.compile(r"(={1,6})(.+?)\1\s*$", re.S)
_RULE = re.compile(r"-{4,}")
_MARKERS = re.compile(r"[*#:;]+")
_WORD = re.compile(r"\w")
_BLANK = f" \t{GONE}"
_CJK = re.compile(r"[\u3000-\u9fff\uf900-\ufaff\uff00-\uffef]")
_DEEPEST = 6


class Line(NamedTuple):
    level: int  # of a heading, or 0
    text: str


def without_tables(text: str) -> str:
    """The text without its tables; one that is never closed ends where its line does."""
    return _cut(_cut(text, _HTML_TABLE, "</"), _TABLE, "|}")


def _cut(text: str, mark: re.Pattern[str], closing: str) -> str:
    opened: list[re.Match[str]] = []
    cuts: list[tuple[int, int]] = []
    for match in mark.finditer(text):
        if match[0].strip(_BLANK + BREAK)[:2] != closing:
            opened.append(match)
        elif opened:
            begin = opened.pop().start()
            while cuts and cuts[-1][0] >= begin:
                cuts.pop()
            cuts.append((begin, match.end()))
    cuts = sorted([*cuts, *(match.span() for match in opened)])
    parts, at = [], 0
    for begin, end in cuts:
        if end > at:
            parts.append(text[at : max(begin, at)])
            at = end
    return "\n".join([*parts, text[at:]]) if cuts else text


def without_empty_sections(lines: list[Line]) -> list[str]:
    """The texts of the lines, but for headings without text up to the next of their level."""
    kept: list[str] = []
    # whether text stands below a line, up to the next heading of each level or higher
    below = [False] * (_DEEPEST + 1)
    for line in reversed(lines):
        if not line.level:
            below = [True] * (_DEEPEST + 1)
        elif below[line.level]:
            below[line.level :] = [False] * (_DEEPEST + 1 - line.level)
        else:
            continue
        kept.append(line.text)
    return kept[::-1]


def lines(text: str) -> Iterator[Line]:
    """The lines of what is left: a paragraph, heading or list item each."""
    paragraph: list[str] = []
    for raw in text.split("\n"):
        line = raw.strip(_BLANK)
        markers = _MARKERS.match(line)
        heading = _HEADING.match(line) if line[:1] == "=" else None
        indented = raw[:1] == " " and line
        # cells whose table a template begins, arguments of a template that is never closed
        of_table = line[:1] == "|" or (line[:1] == "!" and ("!!" in line or "|" in line))
        of_table = of_table or line == "}"
        if line and not (markers or heading or of_table or indented or _RULE.match(line)):
            paragraph.append(line)
            continue
        if paragraph:
            yield Line(0, _joined(paragraph))
            paragraph = []
        if heading:
            if title := heading[2].strip(_BLANK + BREAK):
                yield Line(len(heading[1]), title)
        elif markers:
            item = line[markers.end() :].strip(_BLANK + BREAK)
            if _WORD.search(item):
                yield Line(0, f"- {item}" if markers[0][-1] in "*#" else item)
        elif not of_table and (rest := line.lstrip("-") if _RULE.match(line) else line):
            yield Line(0, rest)
    if paragraph:
        yield Line(0, _joined(paragraph))


def _joined(paragraph: list[str]) -> str:
    """The lines of a paragraph as one; scripts without spaces get none."""
    text = paragraph[0]
    if len(paragraph) == 1:
        return text
    parts = [text]
    for before, after in pairwise(paragraph):
        close = _CJK.match(before[-1]) and _CJK.match(after[0])
        parts += [after] if close else [" ", after]
    return "".join(parts)
