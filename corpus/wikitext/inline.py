"""Markup within lines: links, tags, bold and italics, magic words, language variants, entities.

Links are resolved from the inside out, a pass of one regular expression a level, each linear: a
file's caption may hold links, which go with it.
"""

import html
import re
from collections.abc import Set

from corpus.formats.superscripts import raise_powers
from corpus.wikitext.hidden import EXTENSIONS
from corpus.wikitext.marks import BREAK, GONE

_MAX_DEPTH = 20
_VARIANTS = re.compile(r"-\{([^{}]*+)\}-")
_EXTERNAL = re.compile(
    rf"\[(?:(?:https?|ftps?|sftp|git|svn|ircs?|gopher|nntp|telnet|ssh)://|mailto:|news:|//|{GONE})"
    r"[^\s\[\]<>]*+((?:[^\[\]\n]++|\[\[[^\[\]\n]*+\]\]|\[[^\[\]\n]*+\])*+)\]",
    re.I,
)
_LINK = re.compile(r"\[\[([^\[\]|\n]*+)(\|(?:[^\[\]]++|\[(?!\[)|\](?!\]))*+)?\]\]")
_UNCLOSED_LINK = re.compile(r"\[\[([^\[\]|\n]*+)(\|[^\[\]\n]*+)?")
_QUOTES = re.compile(r"''+")
_MAGIC_WORD = re.compile(r"__([^\W_]++(?:_[^\W_]++)*+)__")
_LEFT = re.compile(r"\[\[|\]\]|\{\{+|\}\}+|\{\||\|\}|'''+|</?ref\b[^<>\n]*>?", re.I)
_ENTITY = re.compile(r"&(?:[a-zA-Z]\w{1,30}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)(?=[\s/>])[^<>]*+>")
_LINE_TAGS = frozenset(
    """br p div li ul ol dl dt dd tr th td caption hr blockquote center h1 h2 h3 h4 h5 h6 table
    tbody thead tfoot""".split()
)
_TEXT_TAGS = EXTENSIONS | frozenset(
    """abbr b bdi bdo big cite code data del dfn em font i ins kbd link mark meta rb rp rt rtc ruby
    s samp small span strike strong sub sup time tt u var wbr col colgroup noinclude onlyinclude
    img a""".split()
)


def plain(text: str, hidden: Set[str]) -> str:
    """The text of lines without their markup; `hidden` are the prefixes of links without text."""
    text = _VARIANTS.sub(_variant, text)
    text = raise_powers(text)
    text = _TAG.sub(_tag, text)
    text = _EXTERNAL.sub(_label, text)
    for _ in range(_MAX_DEPTH):
        text, found = _LINK.subn(lambda match: _link(match, hidden), text)
        if not found:
            break
    text = _UNCLOSED_LINK.sub(lambda match: _unclosed(match, hidden), text)
    if "'''" in text:
        text = "\n".join(_unquoted(line) if "'''" in line else line for line in text.split("\n"))
    text = _QUOTES.sub("", text)
    text = _MAGIC_WORD.sub(lambda match: match[0] if match[1].upper() != match[1] else "", text)
    return _LEFT.sub("", text)


def characters(text: str) -> str:
    """The text with its entities as the characters they name."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def _link(match: re.Match[str], hidden: Set[str]) -> str:
    target, label = match[1].strip(), (match[2] or "")[1:]
    if target.startswith(":"):
        return label.strip() or target[1:]
    if _is_hidden(target, hidden):
        return GONE
    if match[2] is None:
        return target
    return label or _without_bracket(target.rpartition(":")[2])


def _unclosed(match: re.Match[str], hidden: Set[str]) -> str:
    """What a link that nothing closes shows; one to a file ends where its line does."""
    if _is_hidden(match[1], hidden):
        return GONE
    return match[1] if match[2] is None else match[2][1:]


def _is_hidden(target: str, hidden: Set[str]) -> bool:
    prefix, colon, _ = target.partition(":")
    return bool(colon) and prefix.strip().replace("_", " ").lower() in hidden


def _label(match: re.Match[str]) -> str:
    """An external link's label, in which others may stand: one level, as brackets in it go."""
    label: str = match[1].strip()
    return (_EXTERNAL.sub(r"\1", label) if "[" in label else label) or GONE


def _without_bracket(name: str) -> str:
    """A title without what tells it from others of the same name: Mercury for Mercury (planet)."""
    before, bracket, inside = name.rpartition("(")
    return before.rstrip() if bracket and inside.find(")") == len(inside) - 1 else name


def _variant(match: re.Match[str]) -> str:
    """Of the forms for several scripts the first; what only sets a rule shows nothing."""
    flags, bar, content = match[1].partition("|")
    if bar and ("H" in flags or "T" in flags or "-" in flags):
        return ""
    first = (content if bar else flags).partition(";")[0]
    code, colon, form = first.partition(":")
    return form.strip() if colon and re.fullmatch(r"\s*[a-z]{2,3}(?:-[a-z]+)?\s*", code) else first


def _tag(match: re.Match[str]) -> str:
    name = match[2].lower()
    if name in _LINE_TAGS:
        return BREAK
    return "" if name in _TEXT_TAGS else match[0]


def _unquoted(line: str) -> str:
    """A line without bold and italics: of three apostrophes that balance nothing, one is kept.

    As MediaWiki does it, for l'''eau'' and its like: in a line with an odd number of both, the
    first bold that follows a word of one letter, or else a longer one, is an apostrophe and an
    italic; of four apostrophes the first is one, of more than five all but five are.
    """
    runs = list(_QUOTES.finditer(line))
    lengths = [len(run[0]) for run in runs]
    kept = [1 if n == 4 else max(n - 5, 0) for n in lengths]
    bold = sum(n != 2 for n in lengths)
    italic = sum(n == 2 or n >= 5 for n in lengths)
    if bold % 2 and italic % 2:
        threes = [k for k, n in enumerate(lengths) if n in (3, 4)]
        before = {k: line[max(runs[k].start() - 2, 0) : runs[k].start()] for k in threes}
        single = [k for k in threes if len(before[k]) == 2 and before[k][0] == " " != before[k][1]]
        longer = [k for k in threes if before[k] and before[k][-1] != " "]
        for k in (single or longer or threes)[:1]:
            kept[k] += 1
    parts, at = [], 0
    for run, apostrophes in zip(runs, kept, strict=True):
        parts += [line[at : run.start()], "'" * min(apostrophes, 1)]
        at = run.end()
    return "".join([*parts, line[at:]])
