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
from corpus.code.legal_lines import legal_lines, may_be_legal

LONGEST_HEADER = 64 << 10  # characters looked at

# Passed over: what must come first in a file, and guards that stand before a header.
_PINNED = re.compile(
    r"#![^\n]*\n|<\?php\b[^\n]*\n|<\?xml[^>]*\?>[ \t]*\n?|<!doctype[^>]*>[ \t]*\n?"
    r"|@charset[^\n]*\n|@echo off[^\n]*\n"
    r"|[ \t]*#[ \t]*(?:pragma once|ifndef[ \t]+\w+|define[ \t]+\w+)[ \t]*\n",
    re.IGNORECASE,
)
_DECORATION = " \t\r\n/*#;%!-=+~<>{}()|:@'\"_.\\"
_BORDER = " \t\r\n/*#;%!-=+~|"


class Stripped(NamedTuple):
    """A text without its licence header, and what was at its head."""

    text: str
    notice: str = ""  # the words of what went, and of a header that code stands beside
    head: str = ""  # all comments before the first line of code
    end: int = 0  # of these, in the text as it was


def strip_license_header(text: str, comments: Comments) -> Stripped:
    """Takes copyright and licence paragraphs off the comments that begin a file.

    Where nothing is taken off the text is the same to the letter. Lines end in a newline. A block
    with code after it on its last line is read, and stays.
    """
    at, copied = 0, 0
    kept: list[str] = []
    notice: list[str] = []
    head: list[str] = []
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
        head.append(found[0])
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
    return Stripped("".join(kept) + text[copied:], "\n".join(notice), "".join(head), at)


def comments_at(text: str, at: int, comments: Comments) -> str:
    """The comments that stand together at a position, blank lines before them."""
    run, block, gap = _patterns(comments)
    first = at = gap.match(text, at).end()  # type: ignore[union-attr]
    while at < first + LONGEST_HEADER:
        found = (block and block.match(text, at)) or (run and run.match(text, at))
        if not found:
            break
        at = found.end()
    return text[first:at]


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
    if not may_be_legal(comment):
        return None, ()
    lines = comment.splitlines(keepends=True)
    opening, closing = _delimiters(comment, comments) if is_block else ("", "")
    words = [_content(line, comments) for line in lines]
    drop = legal_lines(words)
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
