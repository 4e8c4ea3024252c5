"""What a source file says of its own licence, at its head.

A licence is named there or given by its text: in comments, in a `License:` line, in a docstring, by
`__license__`. A notice that names one we do not know, or whose owner keeps the use to himself, is
never taken for the licence of the project.
"""

import functools
import re

from corpus.code.expressions import RESTRICTED, UNKNOWN, named_licenses
from corpus.code.headers import Stripped, comments_at
from corpus.code.languages import Comments
from corpus.code.legal_lines import legal_lines, may_be_legal
from corpus.code.license_names import drop_weaker, license_by_short_name, licenses_named
from corpus.code.license_texts import licenses_given, withholds_use
from corpus.code.spdx_ids import canonical_id

# `License: MIT`, `@license MIT`, `:License: MIT`, `License :: OSI Approved :: MIT License`
_FIELD = re.compile(
    r"^[^\w\n]*(?:@licen[cs]e\b(?!-end)|licen[cs]e[ \t]*(?:::?|=|\((?=\w+\)))"
    r"|licen[cs]e[ \t]+-[ \t])[ \t]*(?P<value>[^\n]*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ASSIGNED = re.compile(r"^__licen[cs]e__\s*=\s*(?:\(\s*)?['\"]{1,3}([^'\"\n]{1,200})", re.MULTILINE)
_ASSIGNED_HEAD = 16_384  # characters in which it is looked for
_DOCSTRING = re.compile(r"\s*[rRuUbB]{0,2}(\"\"\"|''')(?P<text>.{0,65536}?)\1[^\n]*\n?", re.DOTALL)
_PROLOGUE = re.compile(
    r"(?:(['\"])use strict\1;?|declare\s*\(strict_types\s*=\s*1\)\s*;|(?:package|namespace)[ \t]+"
    r"[\w.\\]+;?)[ \t]*\n"
)

# Of a whole head, in lower-case words and full stops: owners who keep the use to themselves.
_KEPT_RIGHTS = re.compile(
    r"\bproprietary (?:(?:and )?confidential|rights|information|source|to\b)"
    r"|\b(?:is|are|under a|contains?)(?: unpublished)? proprietary\b"
    r"|\bconfidential (?:(?:and )?proprietary|information|property|material|to\b)"
    r"|\b(?:strictly|company|highly|is) confidential\b|\btrade secrets? (?:of|and)"
    r"|(?:^|\.) (?:proprietary|confidential)(?:\.| do not| $)"
    r"|\bun ?authori[sz]ed (?:copying|reproduction|use|distribution|duplication|disclosure)"
    r"|\b(?:cop(?:y|ying)|reproduc\w+|(?:re)?distribut\w+|disclos\w+)\b[^.]{0,120}"
    r"\b(?:strictly (?:prohibited|forbidden)|(?:is|are) (?:prohibited|forbidden) without)"
    r"|\b(?:not for|do not|may not be|not to be) (?:re)?(?:distribut|copied|disclos|reproduc)"
    r"(?![^.]{0,60} except)"
    r"|\bno part of [^.]{0,60} may be (?:reproduced|copied|used)"
    r"|\bnot (?:be used )?for commercial\b|\bno commercial use"
    r"|(?<!commercial or )(?<!commercial and )\bnon ?commercial (?:use|purposes?|research)"
    r"|\bcommercial use (?:is )?(?:prohibited|forbidden|not)"
    r"|\bresearch (?:use|purposes?) only|\b(?:academic|personal|educational) use only"
    r"|\bevaluation (?:(?:use|purposes?) )?only|\bfree for (?:academic|personal|research)\b"
    r"|\b(?:requires?|without) a (?:commercial|separate|paid) licen[cs]e|\bnot open source\b"
    r"|\bnot licen[cs]ed\b|\blicen[cs]ed (?:exclusively|solely|only) to\b"
)
_KEPT_LINE = re.compile(r"^[^\w\n]*(?:\w+ )?(?:confidential|proprietary)[^\w\n]*$", re.MULTILINE)
_KEPT_HINTS = ("propriet", "confiden", "trade secret", "authori", "prohibit", "forbid",
               "commercial", " only", "purpose", "istribut", "copied", "reproduc", "isclos",
               "free for", "open source", "licensed e", "licensed s", "licensed o",
               "not licen")  # fmt: skip
_HINTS = ("licen", "gpl", "cc by", "cc-by", "apache-2", "apache 2", "mpl-2", "mpl 2", "bsd-",
          "bsd 2", "bsd 3", "creative commons", *_KEPT_HINTS)  # fmt: skip
# Of a notice in lower case: it says that the file is under something,
_GRANTS = re.compile(
    r"\blicen[cs]ed? (?:to .{1,80} )?under\b|\bunder the (?:terms|conditions|licen[cs]e)\b"
    r"|\b(?:governed|covered) by\b"
    r"|\b(?:released|distributed|available|published|provided) under\b"
    r"|\bsubject to the (?:terms|[\w ]{1,60}licen[cs]e)"
)
# and that this is in a file beside it, what the project has, or what the notice itself grants.
_REFERS = re.compile(
    r"\b(?:licen[cs]es?|copying|copyright|notice)(?:[.-][\w.]{1,40})?\W{1,3}(?:file|for)\b"
    r"|\bfile \W?(?:licen[cs]e|copying|copyright)|\b(?:licen[cs]e|copying|copyright)[.]\w"
    r"|\b(?:see|read|found|described|specified|contained|included|accompanying|look)\b.{0,60}"
    r"(?:licen[cs]e|copying|copyright)"
    r"|\b(?:the|this|its|that|project'?s) licen[cs]es?\b|\bsame (?:terms|licen[cs]e|conditions|as)"
    r"|\bcontributor|\bpermission\b|\bredistribut|\bpublic domain\b"
    r"|\b(?:bsd|mit|apache|isc|x11)\W{0,2}(?:style|like|type)"
)
_CHOICE = re.compile(
    r"\b(?:dual(?:ly)?|tri)\W?licen|\beither\b(?! version| express)|\byour (?:choice|choosing)"
    r"|\bat your option(?!\W+any)"
)
_MARKS = re.compile(r"^[^\w\n]+", re.MULTILINE)  # of comments
_SENTENCE = re.compile(r"(?<=[.;])\s+|\n[ \t]*\n")


def own_licenses(text: str, header: Stripped, comments: Comments) -> list[str]:
    """SPDX expressions that a file asks for at its head; empty where it leaves that to its project.

    A docstring, and comments behind it or behind such as `"use strict"`, are read too.
    """
    found = list(_of_notice(header.notice, header.head))
    prologue = _PROLOGUE.match(text, header.end)
    if prologue:
        below = comments_at(text, prologue.end(), comments)
        found += _of_notice(below, below)
    docstring = _DOCSTRING.match(text, header.end) if "#" in comments.line else None
    if docstring:
        found += _of_docstring(docstring["text"])
        below = comments_at(text, docstring.end(), comments)
        found += _of_notice(below, below)
    if text.find("__licen", 0, _ASSIGNED_HEAD) >= 0:
        assigned = _ASSIGNED.search(text, 0, _ASSIGNED_HEAD)
        found += _of_field(assigned[1].strip()) if assigned else []
    return drop_weaker(found)


@functools.lru_cache(maxsize=256)  # a project's files begin with the same one
def _of_notice(notice: str, head: str) -> tuple[str, ...]:
    """What the legal part of a head asks for, and what is named in the rest of it."""
    hinted = head.lower()
    if not notice and not any(hint in hinted for hint in _HINTS):
        return ()
    found = _licenses(_MARKS.sub("", _FIELD.sub(" ", head)))
    fields = [_of_field(match["value"].strip()) for match in _FIELD.finditer(notice)]
    found += [*_licenses(_FIELD.sub(" ", notice)), *(n for field in fields for n in field)]
    found = drop_weaker(found)
    named = [name for name in found if name != UNKNOWN]
    lower = " ".join(notice.lower().split())
    unread = UNKNOWN in found or _GRANTS.search(lower) is not None
    if not named and unread and not _REFERS.search(lower):
        named = [UNKNOWN]
    if withholds_use(notice) or _keeps_rights(hinted):
        named.append(RESTRICTED)
    return tuple(named)


def _of_docstring(text: str) -> tuple[str, ...]:
    if not may_be_legal(text):
        return ()
    lines = [line.strip() for line in text.split("\n")]
    legal = legal_lines(lines)
    words = [line for line, is_legal in zip(lines, legal, strict=True) if is_legal]
    return _of_notice("\n".join(words), "")


def _licenses(text: str) -> list[str]:
    """The licences that a text names or gives; those that a sentence gives a choice of as one."""
    found = licenses_given(text)
    rest = []
    for sentence in _SENTENCE.split(text):
        is_choice = _CHOICE.search(" ".join(sentence.lower().split()))
        names = licenses_named(sentence) if is_choice else []
        if len(names) > 1:
            found.append(" OR ".join(names))
        else:
            rest.append(sentence)
    return [*found, *licenses_named(" ".join(rest))]


def _keeps_rights(head: str) -> bool:
    if not any(hint in head for hint in _KEPT_HINTS):
        return False
    words = re.sub(r"[^\w.]+", " ", head).strip()
    return _KEPT_RIGHTS.search(f" {words} ") is not None or _KEPT_LINE.search(head) is not None


def _of_field(value: str) -> list[str]:
    """What a field that is for a licence names; [] where it refers to one elsewhere."""
    names = named_licenses(value)
    if names and all(map(canonical_id, names)):
        written = re.sub(r"(?i)\b(?:and|or|with)\b", lambda one: one[0].upper(), value)
        return [re.sub(r"[\w.+-]+", lambda one: canonical_id(one[0]) or one[0], written)]
    short = license_by_short_name(value)
    named = [short] if short else licenses_named(value)
    refers = not re.search(r"\w", value) or _REFERS.search(value.lower())
    return named if named or refers else [UNKNOWN]
