"""The licences that words name, as SPDX identifiers: `GPLv3+`, `Apache License, Version 2.0`.

A family named without its version is named as it stands, `LicenseRef-GPL`, which is met by a
licence of that family that the project states, and by no other.
"""

import itertools
import re

_PLUS = re.compile(r"(?<=\d)\+|(?<=gpl)\+", re.IGNORECASE)
_NO_WORD = re.compile(r"[\W_]+")

_LICENSE = r"licen[cs]es?"
_NUMBERED = r" ?(?:version|ver|v)? ?"
_VERSION = rf"{_NUMBERED}(?P<version>\d(?: \d{{1,2}})?)(?!\d)"

_GNU = re.compile(
    r"\b(?:gnu )?(?:(?P<kind>affero|lesser|library) (?:gnu )?(?:or library )?)?"
    rf"(?:gnu )?general public {_LICENSE}"
    rf"|\b(?P<short>[al]?gpl)(?=[v\d ])"
    rf"|\bgnu (?:(?P<other>affero|lesser|library) )?public {_LICENSE}"
)
_GNU_KINDS = {"affero": "AGPL", "lesser": "LGPL", "library": "LGPL"}
_GNU_REACH = 160  # characters behind a name in which its version may stand
_GNU_VERSION = re.compile(
    rf"^{_NUMBERED}(?P<version>\d(?: \d)?)(?!\d)|\bversions? (?P<later>\d(?: \d)?)(?!\d)"
    r"| v(?P<v>\d(?: \d)?)\b"
)
_GNU_BEFORE = re.compile(r"\bversion (\d(?: \d)?) of (?:the )?$")
_OR_LATER = re.compile(
    r"\b(?:or|and)(?: at your \w+)?(?: \w+)? (?:later|newer|above|greater|higher)\b"
)

# Families with versions: the name, what stands for it before a version, the versions in SPDX.
_FAMILIES = (
    ("Apache", rf"apache(?: software)?(?: foundation)?(?: public)? {_LICENSE}"
     rf"|apache org {_LICENSE} license", "apache|asl", "1.0 1.1 2.0"),
    ("MPL", rf"mozilla public {_LICENSE}|mozilla org mpl", "mpl", "1.0 1.1 2.0"),
    ("EPL", rf"eclipse public {_LICENSE}", "epl", "1.0 2.0"),
    ("EUPL", rf"european union public {_LICENSE}", "eupl", "1.0 1.1 1.2"),
    ("CDDL", rf"common development and distribution {_LICENSE}", "cddl", "1.0 1.1"),
    ("CPL", rf"common public {_LICENSE}", "cpl", "1.0"),
    ("BUSL", rf"business source {_LICENSE}", "busl", "1.1"),
    ("SSPL", rf"server side public {_LICENSE}", "sspl", "1.0"),
    ("Elastic", rf"elastic {_LICENSE}", "elastic", "2.0"),
    ("Artistic", rf"artistic {_LICENSE}", "artistic", "1.0 2.0"),
    ("AFL", rf"academic free {_LICENSE}", "afl", "1.1 1.2 2.0 2.1 3.0"),
    ("OSL", rf"open software {_LICENSE}", "osl", "1.0 1.1 2.0 2.1 3.0"),
    ("OFL", rf"open font {_LICENSE}", "ofl", "1.0 1.1"),
    ("ZPL", rf"zope public {_LICENSE}", "zpl", "1.1 2.0 2.1"),
    ("CECILL", rf"cecill(?: free software)?(?: {_LICENSE}(?: agreement)?)?", "cecill",
     "1.0 1.1 2.0 2.1"),
    ("LPPL", rf"latex project public {_LICENSE}", "lppl", "1.0 1.1 1.2"),
    ("PHP", rf"php {_LICENSE}", "php license", "3.0 3.01"),
)  # fmt: skip
_FAMILY = tuple(
    (
        family,
        re.compile(
            rf"\b(?:(?:{name})(?: {short})?(?:{_VERSION})?"
            rf"|(?:{short}){_VERSION.replace('<version', '<of_short')})"
        ),
        versions.split(),
    )
    for family, name, short, versions in _FAMILIES
)

_UNDER = r"under (?:the )?(?:terms of (?:the )?)?"
_OTHER = r"(?= (?:and|or) (?:the )?(?:[al]?gpl|bsd|mit|apache))"  # named beside another
# Licences told by their names alone.
_ALONE = (
    ("BSD-3-Clause", rf"(?:new|modified|revised) bsd|bsd(?: {_LICENSE})? 3 ?c\w*"
     rf"|(?:3|three) ?clause bsd|bsd(?: {_LICENSE})? three clause|bsd 3\b"),
    ("BSD-2-Clause", rf"simplified bsd|freebsd {_LICENSE}|bsd(?: {_LICENSE})? 2 ?c\w*"
     rf"|(?:2|two) ?clause bsd|bsd(?: {_LICENSE})? two clause|bsd 2\b"),
    ("BSD-4-Clause", rf"original bsd|bsd(?: {_LICENSE})? 4 ?c\w*|(?:4|four) ?clause bsd"),
    ("0BSD", r"0bsd|zero clause bsd|bsd zero clause"),
    ("MIT-0", r"mit no attribution|mit 0\b"),
    ("MIT", rf"(?:mit|expat)(?: x11| expat| mit| open source)? {_LICENSE}|mit x11|{_LICENSE} mit\b"
     rf"|{_UNDER}(?:mit|expat)\b(?! (?:0\b|no attribution|style|like))|mit{_OTHER}"),
    ("ISC", rf"isc {_LICENSE}|{_UNDER}isc\b"),
    ("Zlib", rf"zlib(?: libpng)? {_LICENSE}"),
    ("BSL-1.0", rf"boost(?: software)? {_LICENSE}|boost org license 1 0"),
    ("PSF-2.0", rf"(?:psf|python software foundation) {_LICENSE}|same (?:terms|license) as python"),
    ("CC0-1.0", r"cc0|creative commons zero|publicdomain zero"),
    ("Unlicense", r"the unlicense\b|unlicense org"),
    ("WTFPL", r"wtfpl"),
    ("UPL-1.0", rf"universal permissive {_LICENSE}"),
    ("MulanPSL-2.0", r"mulan (?:psl|permissive)"),
    ("NCSA", rf"university of illinois(?: ncsa)? open source {_LICENSE}"),
    ("Artistic-1.0-Perl OR GPL-1.0-or-later", r"same (?:terms|license) as perl"),
    ("Ruby", rf"same (?:terms|license) as ruby|ruby s {_LICENSE}"),
    ("MS-PL", rf"microsoft public {_LICENSE}|ms pl\b"),
    ("Beerware", rf"beer ?ware {_LICENSE}"),
    ("Libpng", rf"libpng {_LICENSE}"),
    ("PostgreSQL", rf"postgresql {_LICENSE}"),
    ("Vim", rf"vim {_LICENSE}|same (?:terms )?as vim"),
    ("QPL-1.0", rf"q public {_LICENSE}"),
    ("LicenseRef-BSD", rf"bsd {_LICENSE}|{_LICENSE} bsd\b|bsd{_OTHER}"
     rf"|{_UNDER}bsd\b(?! (?:style|like|type))"),
)  # fmt: skip
_NAMED = tuple((spdx, re.compile(rf"\b(?:{name})")) for spdx, name in _ALONE)

_CC = re.compile(
    r"\b(?:creative commons(?! zero| cc0)|cc(?= by (?:nc|sa|nd|licen|\d)))(?: licen[cs]e)?"
    r"(?P<terms>(?: (?:attribution|by|non ?commercial|nc|share ?alike|sa|no ?deriv\w*|nd))*)"
    r"(?: (?:public|licen[cs]e|v|version))*(?: (?P<version>[1-4] \d))?"
)
_CC_URL = re.compile(r"\bcreativecommons org licen[cs]es(?P<terms>(?: (?:by|nc|sa|nd))+)"
                     r"(?: (?P<version>[1-4] \d))?")  # fmt: skip
_CC_TERMS = (
    ("BY", r" (?:by|attribution)\b"), ("NC", r" (?:nc|non ?commercial)\b"),
    ("ND", r" (?:nd|no ?deriv)"), ("SA", r" (?:sa|share ?alike)\b"),
)  # fmt: skip

# What a field that is for a licence may hold beside: names too short for prose.
_SHORT = {
    "mit": "MIT", "expat": "MIT", "x11": "X11", "x11 mit": "MIT", "apache": "LicenseRef-Apache",
    "asl": "LicenseRef-Apache", "bsd": "LicenseRef-BSD", "bsd2": "BSD-2-Clause",
    "bsd3": "BSD-3-Clause", "mpl": "LicenseRef-MPL",
    "gnu": "LicenseRef-GPL", "epl": "LicenseRef-EPL", "psf": "PSF-2.0", "boost": "BSL-1.0",
    "zlib libpng": "Zlib", "unlicense": "Unlicense", "artistic": "LicenseRef-Artistic",
    "psfl": "PSF-2.0", "perl": "Artistic-1.0-Perl OR GPL-1.0-or-later", "cc": "LicenseRef-CC",
}  # fmt: skip


def licenses_named(text: str) -> list[str]:
    """SPDX identifiers of the licences that a text names, each once, in a fixed order.

    A family that is named with a version elsewhere in the text is not named without it too.
    """
    words = f" {_NO_WORD.sub(' ', _PLUS.sub(' or later', text.lower())).strip()} "
    found = [*_gnu(words), *_of_families(words), *_creative_commons(words)]
    found += [spdx for spdx, pattern in _NAMED if pattern.search(words)]
    return drop_weaker(found)


def drop_weaker(names: list[str]) -> list[str]:
    """Each name once, without those that another says more exactly.

    So GPL goes beside GPL-2.0-only, and GPL-2.0-only beside GPL-2.0-or-later, which names it again.
    """
    unique = list(dict.fromkeys(names))
    exact = {family_of(one) for one in unique if " OR " not in one and "LicenseRef" not in one}
    exact |= {"cc"} if any(name.startswith("CC-") for name in unique) else set()
    return [
        name
        for name in unique
        if not (name.startswith("LicenseRef-") and family_of(name) in exact)
        and not (name.endswith("-only") and f"{name.removesuffix('-only')}-or-later" in unique)
    ]


def license_by_short_name(value: str) -> str | None:
    """The licence of a field that holds nothing but its name, None for what is no such name."""
    return _SHORT.get(_NO_WORD.sub(" ", value.lower()).strip())


def family_of(spdx: str) -> str:
    """What licences of all versions have in common: `gpl` of GPL-2.0-only and LicenseRef-GPL."""
    return re.split(r"-(?=\d|only|or-later)", spdx.lower().removeprefix("licenseref-"))[0]


def _gnu(words: str) -> list[str]:
    mentions = list(_GNU.finditer(words))
    found = []
    for mention, following in itertools.zip_longest(mentions, mentions[1:]):
        kind = mention["kind"] or mention["other"]
        family = _GNU_KINDS[kind] if kind else (mention["short"] or "gpl").upper()
        behind = words[mention.end() : mention.end() + _GNU_REACH]
        if following:
            behind = behind[: following.start() - mention.end()]
        before = _GNU_BEFORE.search(words[max(0, mention.start() - 40) : mention.start()])
        stated = _GNU_VERSION.search(behind)
        version = before[1] if before else next(filter(None, stated.groups())) if stated else ""
        version = version.replace(" ", ".") if " " in version else f"{version}.0"
        if version == ".0" or version[0] not in "123":
            found.append(f"LicenseRef-{family}")
        else:
            suffix = "or-later" if _OR_LATER.search(behind) else "only"
            found.append(f"{family}-{version}-{suffix}")
    return found


def _of_families(words: str) -> list[str]:
    found = []
    for family, pattern, versions in _FAMILY:
        for mention in pattern.finditer(words):
            stated = (mention["version"] or mention["of_short"] or "").replace(" ", ".")
            version = stated if "." in stated else f"{stated}.0"
            if version in versions:
                found.append(f"{family}-{version}")
            elif not mention["of_short"]:
                found.append(f"LicenseRef-{family}")
    return found


def _creative_commons(words: str) -> list[str]:
    found = []
    for pattern in (_CC, _CC_URL):
        for mention in pattern.finditer(words):
            terms = [name for name, term in _CC_TERMS if re.search(term, mention["terms"])]
            name = "-".join(("CC", *terms))
            version = (mention["version"] or "").replace(" ", ".")
            found.append(f"{name}-{version}" if terms and version else f"LicenseRef-{name}")
    return found
