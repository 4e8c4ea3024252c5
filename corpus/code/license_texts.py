"""Which licences a text grants: LICENSE files and notices at the head of source files.

A licence is told by a few phrases that its every copy has, in lower-case words without punctuation.
A text is taken for what its phrases say only where they account for its length: words beyond what
those licences have are terms that nobody has read, and terms that forbid some use are looked for by
name. Both go into the expression, as licences of which no config allows any.
"""

import re
from typing import NamedTuple

from corpus.code.expressions import RESTRICTED, UNKNOWN
from corpus.code.license_names import family_of, licenses_named

LONGEST_TEXT = 512 << 10  # characters read of a licence file
_UNREAD_WORDS = 100  # that a title, a preface or names of holders may add

# Phrases that withhold a use which the licence beside them grants.
_RESTRICTIONS = (
    "commons clause", "non commercial", "noncommercial", "not for commercial", "no commercial use",
    "commercial use is prohibited", "commercial use is not permitted",
    "commercial use is forbidden",
    "commercial use requires", "research purposes only", "research use only", "academic use only",
    "educational use only", "personal use only", "internal use only", "evaluation purposes only",
    "shall be used for good not evil", "does not include the right to sell",
    "does not grant to you the right to sell", "may not be sold", "may not be used for",
    "may not be used by", "shall not be used for", "shall not be used by", "must not be used for",
    "hippocratic license", "ethical source", "proprietary and confidential",
    "strictly confidential", "unauthorized copying", "field of use",
    "without prior written consent",
)  # fmt: skip


_ALL_USE = re.compile(r"\bcommercial (?:or|and) non ?commercial\b")


class _Text(NamedTuple):
    """A licence whose whole text is told by all of some phrases; the first is counted."""

    spdx: str
    words: int  # that a copy has at most, its copyright lines aside
    phrases: tuple[str, ...]


# Licences told by a title that only their own text has.
_TEXTS = (
    _Text("Apache-2.0", 1750, (
        "terms and conditions for use reproduction and distribution", "grant of patent license",
        "redistribution you may reproduce and distribute copies of the work",
        "limitation of liability in no event and under no legal theory")),
    _Text("GPL-1.0-only", 2400, ("general public license version 1 february 1989",)),
    _Text("GPL-2.0-only", 3200, ("gnu general public license version 2 june 1991",)),
    _Text("GPL-3.0-only", 6000, ("gnu general public license version 3 29 june 2007",)),
    _Text("LGPL-2.0-only", 4700, ("library general public license version 2 june 1991",)),
    _Text("LGPL-2.1-only", 4700, ("lesser general public license version 2 1 february 1999",)),
    _Text("LGPL-3.0-only", 1400, ("lesser general public license version 3 29 june 2007",)),
    _Text("AGPL-3.0-only", 6000, ("affero general public license version 3 19 november 2007",)),
    _Text("MPL-1.1", 4500, ("mozilla public license version 1 1 1 definitions",)),
    _Text("MPL-2.0", 2900, ("mozilla public license version 2 0 1 definitions",)),
    _Text("EPL-1.0", 2000, ("eclipse public license v 1 0", "recipient s acceptance")),
    _Text("EPL-2.0", 2500, ("eclipse public license v 2 0", "recipient s acceptance")),
    _Text("CDDL-1.0", 3200, ("common development and distribution license",)),
    _Text("Artistic-2.0", 1800, ("the artistic license 2 0",)),
    _Text("Unlicense", 260, ("this is free and unencumbered software released into the public",)),
    _Text("CC0-1.0", 1250, ("cc0 1 0 universal", "affirmer")),
    _Text("PSF-2.0", 450, (
        "this license agreement is between the python software foundation", "breach of its terms")),
    _Text("Zlib", 160, ("the origin of this software must not be misrepresented",
                        "altered source versions must be plainly marked")),
    _Text("BSL-1.0", 260, ("boost software license version 1 0 august 17th 2003",)),
    _Text("BUSL-1.1", 1000, ("business source license 1 1",)),
    _Text("SSPL-1.0", 6000, ("server side public license version 1",)),
    _Text("Elastic-2.0", 800, ("elastic license 2 0",)),
    _Text("OFL-1.1", 800, ("sil open font license version 1 1",)),
    _Text("WTFPL", 120, ("do what the fuck you want to public license",)),
    _Text("MIT-CMU", 200, ("permission to use copy modify and distribute this software and its",
                           "with the users permission", )),
    _Text("HPND", 220, ("permission to use copy modify and distribute this software and its",
                        "notice appear in supporting documentation")),
    _Text("OpenSSL", 500, ("products derived from this software may not be called openssl",)),
    _Text("UPL-1.0", 400, ("the universal permissive license",)),
    _Text("MulanPSL-2.0", 1500, ("mulan permissive software license",)),
)  # fmt: skip

_MIT = "permission is hereby granted free of charge to any person obtaining a copy"
_MIT_RIGHTS = "to use copy modify merge publish distribute sublicense and or sell copies"
_MIT_NOTICE = re.compile(
    r"the above copyright notice and this permission notice(?: including the next paragraph)? "
    r"shall be included in all copies"
)
_BSD = re.compile(
    r"redistribution and use in source and binary forms"
    r"(?: of the software as well as documentation)?"
    r" with or without modification"
)
_BSD_SOURCE = "redistributions of source code must retain the"
_BSD_BINARY = "redistributions in binary form must reproduce the"
_BSD_NAMES = "used to endorse or promote products derived from"
_BSD_ADVERTISING = "all advertising materials mentioning features or use of this software"
_BSD_CLEAR = "no express or implied licenses to any party s patent rights"
_ISC = re.compile(r"permission to use copy modify and(?: or)? distribute this software for any")
_ISC_NOTICE = "provided that the above copyright notice and this permission notice appear"
_AS_IS = re.compile(r"\bas is\b")

# How a short LICENSE names a licence instead of giving its text: the family, words it may take.
_NOTICES = (
    (r"affero general public license", "agpl", 3000),
    (r"(?:lesser|library) general public license|\blgpl(?: ?v?[23])?\b", "lgpl", 3000),
    (r"gnu general public license|\bgpl ?v?[23]\b|gnu public license", "gpl", 3000),
    (r"mozilla public license", "mpl", 120),
    (r"eclipse public license", "epl", 150),
    (r"common development and distribution license", "cddl", 150),
    (r"creative commons", "cc", 100),
    (r"under the apache (?:software )?license,? (?:version |v)?2 0", "apache", 150),
    (r"boost software license", "bsl", 100),
    (r"same (?:terms|license) as perl|artistic license", "artistic", 100),
    (r"under the (?:terms of the )?(?:mit|expat) license", "mit", 100),
    (r"under the (?:terms of the )?isc license", "isc", 100),
    (r"python software foundation license", "psf", 100),
)
_NOTICE = tuple((re.compile(pattern), family, size) for pattern, family, size in _NOTICES)
_NO_WORD = re.compile(r"[\W_]+")
# licence texts have lines that begin `copyright notice`: those name no year
_COPYRIGHT_LINE = re.compile(
    r"^[^\w\n]*(?:copyright\b(?=.*(?:\d{4}|\(c\)|©))|©|\(c\)|(?:all|some) rights reserved).*$",
    re.I | re.M,
)


def licenses_of_text(text: str) -> list[str]:
    """SPDX identifiers of the licences a text gives, in a fixed order; [UNKNOWN] where none.

    UNKNOWN stands beside others where much of the text is none of them, RESTRICTED where a phrase
    withholds a use.
    """
    words = plain_words(_COPYRIGHT_LINE.sub(" ", text[:LONGEST_TEXT]))
    found, accounted = _whole_texts(words)
    named = licenses_named(text) if not _mentions_others(found) else []
    for pattern, family, size in _NOTICE:
        if any(family in name.lower() for name in found) or not pattern.search(words):
            continue
        names = [name for name in named if family_of(name).startswith(family)]
        found += names
        accounted += size * bool(names)
    if not found or words.count(" ") > accounted + _UNREAD_WORDS:
        found.append(UNKNOWN)
    if withholds_use(text[:LONGEST_TEXT]):
        found.append(RESTRICTED)
    return found


def licenses_given(text: str) -> list[str]:
    """SPDX identifiers of the licences whose text stands in another: length says nothing."""
    return _whole_texts(plain_words(_COPYRIGHT_LINE.sub(" ", text)))[0]


def withholds_use(text: str) -> bool:
    """Whether a phrase of a licence's text withholds a use that the rest of it grants."""
    words = _ALL_USE.sub(" ", plain_words(text))
    return any(phrase in words for phrase in _RESTRICTIONS)


def plain_words(text: str) -> str:
    """Lower-case words, single spaces between and around them, all else left out."""
    return f" {_NO_WORD.sub(' ', text.lower()).strip()} "


def _whole_texts(words: str) -> tuple[list[str], int]:
    """The licences whose text is there, and how many words they may take."""
    found: list[str] = []
    accounted = 0

    def add(spdx: str, copies: int, size: int) -> None:
        nonlocal accounted
        if copies > 0:
            found.append(spdx)
            accounted += copies * size

    as_is = bool(_AS_IS.search(words))
    if as_is and _MIT_RIGHTS in words:
        grants, notices = words.count(_MIT), len(_MIT_NOTICE.findall(words))
        add("MIT", min(notices, grants), 190)
        add("MIT-0", grants - notices, 160)
    if as_is and _BSD_SOURCE in words and _BSD_BINARY in words:
        grants, names = len(_BSD.findall(words)), words.count(_BSD_NAMES)
        advertising, clear = words.count(_BSD_ADVERTISING), words.count(_BSD_CLEAR)
        add("BSD-2-Clause", grants - names, 220)
        add("BSD-3-Clause-Clear", clear, 280)
        add("BSD-4-Clause", advertising, 300)
        add("BSD-3-Clause", min(names, grants) - advertising - clear, 260)
    if as_is:
        grants, notices = len(_ISC.findall(words)), words.count(_ISC_NOTICE)
        add("ISC", min(grants, notices), 150)
        add("0BSD", grants - notices, 130)
    for licence in _TEXTS:
        if all(phrase in words for phrase in licence.phrases):
            add(licence.spdx, words.count(licence.phrases[0]), licence.words)
    return found, accounted


def _mentions_others(found: list[str]) -> bool:
    """Whether a text found names other licences in its own terms."""
    return any(name.startswith(("MPL", "EPL", "CDDL", "CC0", "PSF", "GPL")) for name in found)
