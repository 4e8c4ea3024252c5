"""Templates: matched by their braces as MediaWiki matches them, then dropped or their text kept.

One pass with a stack, linear in the page: what a dropped template holds is never looked at again,
and nesting deeper than MediaWiki's own limit is not followed.
"""

import re

from corpus.wikitext.marks import BREAK, GONE
from corpus.wikitext.template_rules import list_of_lines
from corpus.wikitext.template_texts import text_of

_BRACES = re.compile(r"\{\{+|\}\}+")
_MAX_DEPTH = 40
_NAME = re.compile(r"[^|\n\[\]]{0,200}+(?:\||(?=\n\s*\|))")
_SPLIT = re.compile(r"\[\[|\]\]|\|")
_KEY = re.compile(r"[\w \-]{1,40}")
_LONGEST_NAME = 200
_LIST = re.compile(r"[^|=\n]{1,40}+\|(?:\d\|)?\n[*#]")  # its columns, whatever its name
# What stands around a template within a sentence; a note stands at the word before.
_BEFORE = re.compile(r"(?:\w[])'\"»”]{0,4}(?: |&nbsp;)|[\u3040-\u9fff\uac00-\ud7a3])\Z")
_AFTER = re.compile(r"(?: |&nbsp;)?(?:\[\[|'')?[^\W\d_]")
_NAME_END = re.compile(r"[|:]")
_NO_VALUE = re.compile(  # notes, references, flags, pronunciations
    r"(?:#tag|sic|ref|cite|cita|web ?arch|archiv|flag|флаг|прапор|bandera|drapeau|flagg|ipa|msapi"
    r"|api$|мфа|respell|audio|pronon|anchor|anker|якір|coord|note|sfn|efn|r$|rp$|fact|fakt|cn$"
    r"|citation|who$|when$|year missing|джерело|коли|хто|enlink|要出典|誰|いつ|信頼性|独自研究)"
)
_BLANK = f" \t\n{GONE}{BREAK}"


def resolve(text: str, title: str, gaps: list[str]) -> str:
    """The text with each template, parser function and parameter replaced by what it shows.

    `gaps` gets the names of templates that stood within a sentence and show nothing.
    """
    out: list[str] = []
    opened: list[list[int]] = []  # braces, and where in `out` their content begins
    too_deep = at = 0
    for match in _BRACES.finditer(text):
        out.append(text[at : match.start()])
        at = match.end()
        count = at - match.start()
        if match[0][0] == "{":
            if len(opened) < _MAX_DEPTH:
                opened.append([count, len(out)])
            else:
                too_deep += 1
        elif too_deep:
            too_deep -= 1
        else:
            outer = out[opened[0][1]] if opened else ""
            _close(out, opened, count, title)
            if outer and not opened and out[-1] == GONE and _AFTER.match(text, at):
                gaps += _gap(outer, out[-2])
    out.append(text[at:])
    for _, start in opened:  # never closed: its content is the page's, without what names it
        if name := _NAME.match(out[start]):
            out[start] = out[start][name.end() :]
    return "".join(out)


def _close(out: list[str], opened: list[list[int]], count: int, title: str) -> None:
    while count >= 2 and opened:
        braces, start = opened[-1]
        used = 3 if braces >= 3 and count >= 3 else 2
        shown = _template(out, start, title) if used == 2 else _parameter(out, start)
        out[start:] = [shown]
        count -= used
        opened[-1][0] -= used
        if braces - used < 2:
            opened.pop()
            if braces - used == 1:
                out.insert(start, "{")
    if count == 1:
        out.append("}")


def _gap(content: str, before: str) -> list[str]:
    """The name of a template that a sentence lacks; none in a table, a caption or after no word."""
    line = before.rpartition("\n")[2]
    in_link = line.rfind("[[") > line.rfind("]]")
    name = _NAME_END.split(content, maxsplit=1)[0].strip(_BLANK)[:60]
    if in_link or line.lstrip()[:1] in ("|", "!") or not _BEFORE.search(line[-9:]):
        return []
    return [] if _NO_VALUE.match(name.lower()) else [name]


def _template(out: list[str], start: int, title: str) -> str:
    """What a template shows; its name is looked at first, for most go unread."""
    head = out[start] if len(out) > start else ""
    name = head.partition("|")[0]
    if len(name) > _LONGEST_NAME:
        return GONE
    if ":" in name and "|" not in head:  # a function, whose argument may hold templates
        name = "".join(out[start:]).partition("|")[0]
    rule = text_of(name.strip(_BLANK), title)
    if rule is None:
        if not _LIST.match(head):
            return GONE
        rule = list_of_lines
    if isinstance(rule, str):
        return rule or GONE * (":" in name)
    shown = rule(*_arguments("".join(out[start:])))
    return shown.strip(" \t\n") or GONE


def _parameter(out: list[str], start: int) -> str:
    """A parameter has no value on a page: its default is shown."""
    return "".join(out[start:]).partition("|")[2]


def _arguments(content: str) -> tuple[list[str], dict[str, str]]:
    """A template's arguments, by place and by name; bars within links part none."""
    pieces, at, depth = [], 0, 0
    for match in _SPLIT.finditer(content):
        if match[0] == "|":
            if not depth:
                pieces.append(content[at : match.start()])
                at = match.end()
        else:
            depth = depth + 1 if match[0] == "[[" else max(depth - 1, 0)
    pieces.append(content[at:])
    places: list[str] = []
    names: dict[str, str] = {}
    for piece in pieces[1:]:
        key, equals, value = piece.partition("=")
        if equals and _KEY.fullmatch(key.strip()):
            names[key.strip().lower()] = value.strip()
        else:
            places.append(piece.strip())
    for number in range(1, 5):
        if (stated := names.get(str(number))) is not None:
            places += [""] * (number - len(places))
            places[number - 1] = stated
    return places, names
