"""Which lines of a text speak of copyright or licence, and which describe what it stands above."""

import re

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
_COPYRIGHT_WORD = re.compile(r"\bcopyright\b")
_HOLDER = re.compile(  # behind the word
    r"\d{4}|\(c\)|©|\bby\b|, |\b(?:inc|ltd|llc|corp|gmbh|authors?|contributors|foundation"
    r"|holders?)\b"
)
_COPYRIGHT = re.compile(
    r"^\W*(?:©|\(c\)\W*\d{4}|copr\.)|\ball rights reserved\b"
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
    r"|(?:^|(?<=[.:;!?] ))(?:this|the|these|all)\b(?:(?!whether|original|\bif\b|[.!?] ).){0,90}"
    r"\bpublic domain"
    r"|neither the names? of|above copyright notice|free of charge, to any person"
    rf"|(?:released|distributed|available) under (?:\S+ ){{0,6}}?(?:\S?{_NAMES}|licen[cs]|terms\b)"
    r"|covered by (?:\S+ ){1,6}licen[cs]e"
    r"|under the (?:terms and )?conditions of (?:\S+ ){1,8}licen[cs]e"
    r"|(?:waived?|waives) all copyright|to the extent possible under law"
    r"|subject to the (?:terms .{0,60}(?:licen[cs]e|agreement)|boost|[\w ]{1,60}licen[cs]e)"
    r"|source code form is subject|is free software|redistribute it and/or modify"
    r"|use, modification,? and distribution|copying and distribution of this file",
)
# Terms only beside other terms or a copyright: descriptions have these too.
_WEAK = r"|\bpublic domain\b|(?:released|distributed|available) under|subject to the terms"
_ALL_TERMS = re.compile(_TERMS.pattern + _WEAK)
# Where a sentence goes on in the next line: that begins so, or this ends so.
_GOES_ON = re.compile(r"(?:and|with|by|contributors)\b")
_UNFINISHED = re.compile(
    r"(?:,|&|\b(?:and|or|by|of|the|to|in|from|with|under|for|at|see|are|is|on|as|rights|terms|same"
    r"|all))$"
)
_PART_OF = re.compile(r"this (?:file|module|program) is part of ")  # beside terms
_COPYRIGHT_HINTS = ("copyright", "copr.", "(c)", "©", "licen", "rights reserved")
# One is in each of what these find.
_HINTS = (
    "copyright", "copr.", "(c)", "©", "licen", "rights reserved", "spdx", "under ", "permission",
    "redistribut", "distribut", "warrant", "as is", "as-is", "free software", "gnu", "in no event",
    "in compliance", "altered source", "origin of this", "endorse or", "public domain", "boost.org",
    "mozilla", "software foundation", "names of", "name of", "free of charge", "terms", "as.is",
    "source code form", "provided", "governed by", "copying", "waive",
)  # fmt: skip


def may_be_legal(text: str) -> bool:
    """Whether a text has any word without which none of its lines are legal; cheap."""
    lower = text.lower()
    return any(hint in lower for hint in _HINTS)


def legal_lines(words: list[str]) -> list[bool]:
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
                goes_on = _GOES_ON.match(lower[line]) or _UNFINISHED.search(lower[line - 1])
                legal[line] |= legal[line - 1] and goes_on is not None
            drop[at:end] = legal
        at = max(end, at + 1)
    if spans:  # paragraphs between terms are terms too
        for line in range(spans[0][0], spans[-1][1]):
            drop[line] = not _DIRECTIVE.match(words[line])
    return drop


def _is_copyright(line: str) -> bool:
    if not any(hint in line for hint in _COPYRIGHT_HINTS):
        return False
    word = _COPYRIGHT_WORD.search(line)
    held = word is not None and _HOLDER.search(line, word.end()) is not None
    return held or _COPYRIGHT.search(line) is not None


def _sentence_start(paragraph: list[str], lower: list[str], position: int) -> int:
    """The line where the sentence begins that holds a position of `lower` joined by spaces."""
    line = 0
    while position > len(lower[line]):
        position -= len(lower[line]) + 1
        line += 1
    while line and paragraph[line - 1][-1] not in ".:;!?":
        open_end = paragraph[line - 1][-1] != "," and _UNFINISHED.search(lower[line - 1])
        if not open_end and not paragraph[line][0].islower():
            break
        line -= 1
    return line
