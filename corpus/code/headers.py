"""Licence headers taken off source files, and nothing else with them.

Only comments before the first line of code are looked at, in the syntax of the file's language, so
`#include` is never one. Of those only paragraphs that speak of copyright or licence go: a comment
that describes the file stays, in the same block too. Docstrings are code and stay.
RedPajama-v1 cuts every leading line that begins with `#`, `//` or `--`, whatever it says.
"""

import functools
import re
from typing import NamedTuple

from corpus.code.languages import Comments

LONGEST_HEADER = 64 << 10  # characters looked at

# Passed over: what must come first in a file, and guards that stand before a header.
_PINNED = re.compile(
    r"#![^\n]*\n|<\?php\b[^\n]*\n|<\?xml[^>]*\?>[ \t]*\n?|<!doctype[^>]*>[ \t]*\n?"
    r"|@charset[^\n]*\n|@echo off[^\n]*\n"
    r"|[ \t]*#[ \t]*(?:pragma once|ifndef[ \t]+\w+|define[ \t]+\w+)[ \t]*\n",
    re.IGNORECASE,
)
# Lines in comments that a tool reads; they stay wherever they are.
_DIRECTIVE = re.compile(
    r"[^\w\n]*(?:coding[:=]|-\*-|vim?:|\bvim: |go:build|\+build|frozen_string_literal|eslint|tslint"
    r"|jshint|@ts-|@flow|@jsx|flake8|pylint|mypy|type:|noqa|syntax=|istanbul|prettier|clang-format"
    r"|shellcheck|language [A-Z]|lint:|cython:|distutils:)|.*-\*-.*-\*-"
)
_NAMES = (
    r"(?:mit|bsd|[al]?gpl\w*|apache|mpl|isc|zlib|cc0|cc[ -]by|psf|unlicen[cs]e|wtfpl|artistic"
    r"|boost)\b"
)
# Of a comment's lines in lower case.
_COPYRIGHT = re.compile(
    r"\bcopyright\b.*(?:\d{4}|\(c\)|©|\bby\b|, |\b(?:inc|ltd|llc|corp|gmbh|authors?|contributors"
    r"|foundation|holders?)\b)|^\W*(?:©|\(c\)\W*\d{4}|copr\.)|\ball rights reserved\b"
    r"|spdx-license-identifier|spdx-filecopyrighttext|^\W*@?copyright\s*:?\s"
    rf"|^\W*(?:@licen[cs]e\b|licen[cs]e\s*(?::|\(|-|{_NAMES}))"
    r"|^\W*@?(?:copyright|licen[cs]e)\W*$"
    r"|^\W*(?:the )?(?:mit|bsd|apache|isc|zlib|boost|gnu|mozilla)\b[\w .,-]{0,40}licen[cs]ed?\b"
    r"[\w .,()-]{0,40}$",
)
_TERMS = re.compile(
    r"\blicen[cs]ed? (?:to .{1,80} )?under\b|\bunder the (?:terms|licen[cs]e|apache|mit|bsd|gnu|"
    r"gpl|lgpl|mozilla|\w+ licen[cs]e)\b|governed by (?:a|an|the) [\w -]{1,30}licen[cs]e"
    r"|permission is (?:hereby )?granted|permission to use,? copy|redistributions? (?:of|in)"
    r"|redistribution and use"
    r"|in compliance with the licen[cs]e|obtain a copy of the licen[cs]e|without warrant(?:y|ies)"
    r"|distributed on an .as is|provided .{0,60}.as.is.|this permission notice"
    r"|this program is free software|terms of the gnu|general public licen[cs]e"
    r"|see the (?:accompanying )?(?:file )?.{0,20}\b(?:licen[cs]e|copying|copyright)\b"
    r"|licen[cs]e that can be found in|(?:found|described) in the .{0,20}licen[cs]e"
    r"|contributor licen[cs]e agreements|regarding copyright ownership|in no event (?:shall|will)"
    r"|endorse or promote products|origin of this software must not|altered source versions"
    r"|source distribution\.$|apache\.org/licenses|gnu\.org/(?:licenses|copyleft)"
    r"|opensource\.org/licenses|creativecommons\.org/licenses|boost\.org/license"
    r"|mozilla\.org/mpl|software foundation, inc"
    r"|(?:released|placed|put|dedicated|donated)\b.{0,20} (?:in)?to the public domain"
    r"|(?:placed|put|dedicated) in the public domain|(?:^|(?<=[.:;!?] ))public domain\b"
    r"|(?:^|(?<=[.:;!?] ))(?:this|the|these|all)\b(?:(?!whether|\bif\b|[.!?] ).){0,90}"
    r"\bpublic domain"
    r"|neither the names? of|above copyright notice|free of charge, to any person"
    rf"|(?:released|distributed|available) under (?:\S+ ){{0,6}}?(?:\S?{_NAMES}|licen[cs]|terms\b)"
    r"|subject to the (?:terms .{0,60}(?:licen[cs]e|agreement)|boost|[\w ]{1,60}licen[cs]e)"
    r"|source code form is subject|is free software|redistribute it and/or modify"
    r"|use, modification,? and distribution|copying and distribution of this file",
)
# Terms only beside other terms or a copyright: descriptions have these too.
_WEAK = r"|\bpublic domain\b|(?:released|distributed|available) under|subject to the terms"
_ALL_TERMS = re.compile(_TERMS.pattern + _WEAK)
_GOES_ON = re.compile(r"(?:and|with|by|contributors)\b")  # after a line of copyright
_PART_OF = re.compile(r"this (?:file|module|program) is part of ")  # beside terms
_COPYRIGHT_HINTS = ("copyright", "copr.", "(c)", "©", "licen", "rights reserved")
# One is in each of what these find.
_HINTS = (
    "copyright", "copr.", "(c)", "©", "licen", "rights reserved", "spdx", "under ", "permission",
    "redistribut", "distribut", "warrant", "as is", "as-is", "free software", "gnu", "in no event",
    "in compliance", "altered source", "origin of this", "endorse or", "public domain", "boost.org",
    "mozilla", "software foundation", "names of", "name of", "free of charge", "terms", "as.is",
    "source code form", "provided", "governed by", "copying",
)  # fmt: skip
_DECORATION = " \t\r\n/*#;%!-=+~<>{}()|:@'\"_.\\"


_BORDER = " \t\r\n/*#;%!-=+~|"


class Stripped(NamedTuple):
    """A text without its licence header, and what that says; also one that code stands beside."""

    text: str
    notice: str


def strip_license_header(text: str, comments: Comments) -> Stripped:
    """Takes copyright and licence paragraphs off the comments that begin a file.

    Where nothing is taken off the text is the same to the letter. Lines end in a newline. A block
    with code after it on its last line is read, and stays.
    """
    at, copied = 0, 0
    kept: list[str] = []
    notice: list[str] = []
    run, block, gap = _patterns(comments)
    while at < LONGEST_HEADER:
        at = gap.match(text, at).end()  # type: ignore[union-attr]
        pinned = _PINNED.match(text, at)
        if pinned and (at == 0 or not pinned[0].startswith("#!")):
            at = pinned.end()
            continue
        found = (block and block.match(text, at)) or (run and run.match(text, at))
        if not found:
            break
        is_block = block is not None and found.re is block
        lines, gone = _without_license(found[0], is_block, comments)
        notice += gone
        if is_block and found["end"] is None:
            break
        if lines is not None:
            kept.append(text[copied : found.start()])
            kept.append(lines)
            copied = found.end()
            before = "".join(kept)
            if not before.strip():
                kept, before = [], ""
            if not lines and (not before or before.endswith("\n\n")):
                copied = gap.match(text, copied).end()  # type: ignore[union-attr]
        at = found.end()
    return Stripped("".join(kept) + text[copied:], "\n".join(notice))


@functools.cache
def _patterns(
    comments: Comments,
) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None, re.Pattern[str]]:
    """A run of line comments, a block comment with its line's `end` if it has it, blank lines."""
    opens = "|".join(re.escape(opening) for opening, _ in comments.block)
    run = block = None
    if comments.line:
        marks = "|".join(re.escape(mark) for mark in comments.line)
        other = f"(?!{opens})" if opens else ""
        run = re.compile(rf"(?:[ \t]*{other}(?:{marks})(?!!/)[^\n]*(?:\n|\Z))+")
    if comments.block:
        pairs = (rf"{re.escape(a)}.*?{re.escape(b)}" for a, b in comments.block)
        # atomic: a block ends at its first closer, whatever follows
        block = re.compile(rf"[ \t]*(?>{'|'.join(pairs)})[ \t]*(?P<end>\n|\Z)?", re.DOTALL)
    return run, block, re.compile(r"(?:[ \t\f]*\n)*")


@functools.lru_cache(maxsize=256)  # a project's files begin with the same one
def _without_license(
    comment: str, is_block: bool, comments: Comments
) -> tuple[str | None, tuple[str, ...]]:
    """A comment without its licence paragraphs, and the words of those that went.

    "" where all of it goes, None where none does.
    """
    lower = comment.lower()
    if not any(hint in lower for hint in _HINTS):
        return None, ()
    lines = comment.splitlines(keepends=True)
    opening, closing = _delimiters(comment, comments) if is_block else ("", "")
    words = [_content(line, comments) for line in lines]
    drop = _licence_lines(words)
    if not any(drop):
        return None, ()
    removed = tuple(word for word, gone in zip(words, drop, strict=True) if gone)
    if not any(word and not gone for word, gone in zip(words, drop, strict=True)):
        return "", removed
    _drop_blank_lines(words, drop, is_block)
    out = [line for line, gone in zip(lines, drop, strict=True) if not gone]
    if is_block and drop[0]:
        out.insert(0, f"{opening}\n")
    if is_block and drop[-1]:
        out.append(f"{closing}\n")
    return "".join(out), removed


def _licence_lines(words: list[str]) -> list[bool]:
    """Which lines of a comment are copyright or licence; `words` is each line's content."""
    drop = [False] * len(words)
    whole = [line.lower() for line in words]
    is_notice = any(map(_is_copyright, whole)) or _TERMS.search(" ".join(whole)) is not None
    sought = _ALL_TERMS if is_notice else _TERMS
    spans = []  # of paragraphs with terms
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and words[end]:
            end += 1
        paragraph = words[at:end]
        lower = whole[at:end]
        legal = [_is_copyright(line) for line in lower]
        terms = sought.search(" ".join(lower))
        if terms:
            legal = [a or bool(_PART_OF.match(b)) for a, b in zip(legal, lower, strict=True)]
            first = _sentence_start(paragraph, lower, terms.start())
            first = min(first, legal.index(True)) if True in legal else first
            drop[at + first : end] = [True] * (end - at - first)
            spans.append((at + first, end))
        else:
            for line in range(1, len(legal)):
                legal[line] |= legal[line - 1] and bool(_GOES_ON.match(paragraph[line]))
            drop[at:end] = legal
        at = max(end, at + 1)
    if spans:  # paragraphs between terms are terms too
        for line in range(spans[0][0], spans[-1][1]):
            drop[line] = not _DIRECTIVE.match(words[line])
    return drop


def _is_copyright(line: str) -> bool:
    hinted = any(hint in line for hint in _COPYRIGHT_HINTS)
    return hinted and _COPYRIGHT.search(line) is not None


def _sentence_start(paragraph: list[str], lower: list[str], position: int) -> int:
    """The line where the sentence begins that holds a position of `lower` joined by spaces."""
    line = 0
    while position > len(lower[line]):
        position -= len(lower[line]) + 1
        line += 1
    while line and paragraph[line][0].islower() and paragraph[line - 1][-1] not in ".:;!?":
        line -= 1
    return line


def _drop_blank_lines(words: list[str], drop: list[bool], is_block: bool) -> None:
    """Drops blank lines that a removal leaves at the comment's ends or beside other blank ones."""
    content = [at for at, word in enumerate(words) if word and not drop[at]]
    first = content[0] if any(drop[: content[0]]) else 0
    last = content[-1] if any(drop[content[-1] :]) else len(words)
    blank_before, gone = False, False  # of the kept line before, and whether one went since
    for at in range(is_block, len(words) - is_block):
        gone = gone or drop[at]
        if drop[at]:
            continue
        if not words[at] and (at < first or at > last or (blank_before and gone)):
            drop[at] = True
            continue
        blank_before, gone = not words[at], False


def _content(line: str, comments: Comments) -> str:
    """A comment's line without its marks, decoration and white space."""
    for opening, closing in comments.block:
        line = line.replace(opening, " ").replace(closing, " ")
    stripped = line.strip()
    for mark in comments.line:
        stripped = stripped.removeprefix(mark.strip())
    return stripped.strip(_BORDER).strip() if stripped.strip(_DECORATION) else ""


def _delimiters(comment: str, comments: Comments) -> tuple[str, str]:
    """What opens and closes a block, with the indentation its lines have."""
    indent = comment[: len(comment) - len(comment.lstrip(" \t"))]
    for opening, closing in comments.block:
        if comment.lstrip(" \t").startswith(opening):
            doubled = opening == "/*" and comment.lstrip(" \t").startswith("/**")
            starred = " " if opening == "/*" and "\n *" in comment else ""
            return indent + ("/**" if doubled else opening), indent + starred + closing
    raise AssertionError("a block that no opening begins")
