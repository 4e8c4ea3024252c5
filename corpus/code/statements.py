"""What a project states about its licence: its licence files and its packages' metadata.

A statement holds for the folder it is in and all below, until a folder nearer to a file has its
own. Licence files that packaging moves aside count where they came from: those of `X.dist-info/`,
`X.egg-info/` and `licenses/` for the folder that holds these.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from email.parser import HeaderParser
from typing import Literal, NamedTuple

from corpus.code.bundled import Bundled, divide
from corpus.code.expressions import RESTRICTED, UNKNOWN, all_of, named_licenses
from corpus.code.license_texts import LONGEST_TEXT, licenses_of_text, plain_words

_LICENSE_FILE = re.compile(
    r"(?:un)?licen[cs]es?(?:[._-][\w.+-]*)?|copying(?:[._-][\w.+-]*)?", re.IGNORECASE
)
_TEXT_SUFFIXES = ("txt", "md", "rst", "markdown", "html", "lesser", "lib")
_CODE_SUFFIX = re.compile(r"\.(?!txt|md|rst|markdown|html)[a-z]{1,4}$", re.IGNORECASE)
_METADATA = ("PKG-INFO", "METADATA", "pyproject.toml", "setup.cfg", "package.json", "Cargo.toml")

_MOST_DOTS = 1000  # of a key in TOML: its parser takes quadratic time
_SPDX_MARK = "SPDX:"  # before what is an expression by its field's definition
_NO_LICENSE = re.compile(r"(?:authors|notice|readme|contribut|change|credits|thanks|index)", re.I)
_BARE = ("MIT", "ISC", "Zlib", "Unlicense", "WTFPL", "UNLICENSED", "X11", "NCSA")

# Free text and classifiers that name one licence and version. `BSD License` and `GPL` name none.
_NAMES = {
    "mit": "MIT", "mit license": "MIT", "the mit license": "MIT", "expat": "MIT",
    "the mit license mit": "MIT", "mit license mit": "MIT",
    "mit no attribution license mit 0": "MIT-0",
    "apache 2": "Apache-2.0", "apache 2 0": "Apache-2.0", "apache license 2 0": "Apache-2.0",
    "apache 2 0 license": "Apache-2.0", "apache license version 2 0": "Apache-2.0",
    "apache software license 2 0": "Apache-2.0", "apache license v2 0": "Apache-2.0",
    "apache v2": "Apache-2.0", "asl 2 0": "Apache-2.0", "apache license 2": "Apache-2.0",
    "bsd 2 clause": "BSD-2-Clause", "bsd 2 clause license": "BSD-2-Clause",
    "simplified bsd": "BSD-2-Clause", "simplified bsd license": "BSD-2-Clause",
    "bsd 3 clause": "BSD-3-Clause", "bsd 3 clause license": "BSD-3-Clause",
    "3 clause bsd": "BSD-3-Clause", "3 clause bsd license": "BSD-3-Clause",
    "new bsd": "BSD-3-Clause", "new bsd license": "BSD-3-Clause",
    "modified bsd license": "BSD-3-Clause", "isc license": "ISC", "isc license iscl": "ISC",
    "mozilla public license 2 0 mpl 2 0": "MPL-2.0", "mpl 2 0": "MPL-2.0",
    "python software foundation license": "PSF-2.0", "the unlicense unlicense": "Unlicense",
    "zlib libpng license": "Zlib", "boost software license 1 0 bsl 1 0": "BSL-1.0",
}  # fmt: skip


class Statement(NamedTuple):
    """What one file states. `text`: read from a licence; `expression`: SPDX; `name`: in words."""

    folder: str  # that it holds for, "" is the project's root
    kind: Literal["text", "expression", "name"]
    license: str


def states_license(path: str) -> bool:
    """Whether a file is one that may state a licence."""
    name = path.rpartition("/")[2]
    if name in _METADATA or name.endswith(".gemspec"):
        return True
    return is_license_file(path)


def is_license_file(path: str) -> bool:
    """Whether a file holds a licence, by its name: LICENSE-MIT does, license.py does not."""
    folder, _, name = path.rpartition("/")
    if _LICENSE_FILE.fullmatch(name):
        return not _CODE_SUFFIX.search(name)
    above = folder.rpartition("/")[2].lower()
    plain = "." not in name or name.lower().rpartition(".")[2] in _TEXT_SUFFIXES
    return above in ("licenses", "license") and plain and not _NO_LICENSE.match(name)


def statement_of(path: str, content: bytes) -> Statement | None:
    """What a file states, None where it states nothing. Never raises on content."""
    folder, _, name = path.rpartition("/")
    folder = _holds_for(folder)
    text = content.decode("utf-8", "replace")
    if is_license_file(path):
        own, _ = divide(text[:LONGEST_TEXT])
        return Statement(folder, "text", all_of(licenses_of_text(own))) if own else None
    stated = _stated(name, text)
    if not stated or not stated.strip():
        return None
    return Statement(folder, *_read_statement(stated.strip()))


def bundled_of(path: str, content: bytes) -> list[Bundled]:
    """The files for which a file states another licence than its own, with it."""
    folder, _, name = path.rpartition("/")
    text = content.decode("utf-8", "replace")
    stated = text if is_license_file(path) else _stated(name, text) or ""
    return divide(stated[:LONGEST_TEXT], _holds_for(folder))[1]


def licenses_by_folder(statements: Iterable[Statement]) -> dict[str, str]:
    """The licence expression of each folder that has statements.

    An SPDX expression that a package states is believed, and licences beside it that it does not
    name are asked for too. Texts go before names in words. All that is found must be allowed.
    """
    by_folder: dict[str, list[Statement]] = {}
    for statement in statements:
        by_folder.setdefault(statement.folder, []).append(statement)
    return {folder: _combine(found) for folder, found in by_folder.items()}


def license_for(path: str, folders: dict[str, str], bundled: Sequence[Bundled] = ()) -> str | None:
    """The licence of the nearest folder above a file that has one, None where none has.

    What licence files state for this file by name is asked for, too.
    """
    folder = path.rpartition("/")[0]
    while folder and folder not in folders:
        folder = folder.rpartition("/")[0]
    stated = [folders[folder]] if folder in folders else []
    stated += [part.license for part in bundled if part.holds_for(path)]
    return all_of(stated) if stated else None


def _combine(statements: list[Statement]) -> str:
    stated = [s.license for s in statements if s.kind == "expression"]
    texts = [s.license for s in statements if s.kind == "text"]
    if stated:
        named = {_family(name) for one in stated for name in named_licenses(one) or ()}
        found = [name for text in texts for name in named_licenses(text) or () if name != UNKNOWN]
        return all_of([*stated, *(name for name in found if _family(name) not in named)])
    if texts:
        found = [name for text in texts for name in named_licenses(text) or ()]
        return all_of(sorted(set(found), key=lambda name: (name in (UNKNOWN, RESTRICTED), name)))
    return all_of(sorted({s.license for s in statements}))


def _family(name: str) -> str:
    return re.sub(r"-(?:only|or-later)$|\+$", "", name).lower()


def _holds_for(folder: str) -> str:
    """The folder a file's statement holds for: files moved aside state it for where they were."""
    parts = folder.split("/") if folder else []
    for at, part in enumerate(parts):
        if re.fullmatch(r".*\.(?:dist|egg)-info", part):
            del parts[at]
            if parts[at : at + 1] == ["licenses"]:
                del parts[at]
            break
    if parts and re.fullmatch(r"licen[cs]es?", parts[-1], re.IGNORECASE):
        parts.pop()
    return "/".join(parts)


def _read_statement(stated: str) -> tuple[Literal["text", "expression", "name"], str]:
    if stated.startswith(_SPDX_MARK):
        expression = stated.removeprefix(_SPDX_MARK)
        return "expression", expression if named_licenses(expression) else UNKNOWN
    if "\n" in stated:  # a whole licence in a field
        own, _ = divide(stated)
        return "text", all_of(licenses_of_text(own))
    if _is_spdx(stated):
        return "expression", stated
    return "name", _NAMES.get(plain_words(stated).strip(), UNKNOWN)


def _is_spdx(stated: str) -> bool:
    """Whether all that is named looks like an SPDX identifier: most have a version."""
    names = named_licenses(stated) or [""]
    return UNKNOWN not in names and all(
        name in _BARE or re.search(r"-\d|^\d|^LicenseRef-", name) for name in names
    )


def _stated(name: str, text: str) -> str | None:
    try:
        if name in ("PKG-INFO", "METADATA"):
            return _of_headers(text)
        if name == "package.json":
            return _of_package(json.loads(text))
        if name in ("pyproject.toml", "Cargo.toml"):
            dots = (part.count(".") for part in re.split(r"[=\n]", text))
            return _of_toml(tomllib.loads(text)) if max(dots) < _MOST_DOTS else None
    except (ValueError, RecursionError):
        return None
    pattern = r"^license\s*=\s*(.+)$" if name == "setup.cfg" else r"\.license\s*=\s*['\"]([^'\"]+)"
    found = re.search(pattern, text, re.MULTILINE)
    return found[1].strip() if found else None


def _of_headers(text: str) -> str | None:
    headers = HeaderParser().parsestr(text[:LONGEST_TEXT])
    if headers["License-Expression"]:
        return f"{_SPDX_MARK}{headers['License-Expression']}"
    free = str(headers["License"] or "").strip()
    if free and _read_statement(free)[1] != UNKNOWN:
        return free
    classifiers = [str(value) for value in headers.get_all("Classifier") or ()]
    named = [c.rpartition("::")[2].strip() for c in classifiers if c.startswith("License ::")]
    found = {_NAMES.get(plain_words(one).strip(), UNKNOWN) for one in named}
    if UNKNOWN in found:  # `BSD License`, which counts no clauses
        return UNKNOWN
    return all_of(sorted(found)) if found else free


def _of_package(tree: object) -> str | None:
    if not isinstance(tree, dict):
        return None
    found = tree.get("license") or tree.get("licenses")
    listed = found if isinstance(found, list) else [found]
    types = [one.get("type") if isinstance(one, dict) else one for one in listed]  # as npm had it
    stated = [one for one in types if isinstance(one, str)]
    return all_of(stated) if stated and len(stated) == len(types) else None


def _of_toml(tree: dict) -> str | None:
    for section in ("project", "package"):
        project = tree.get(section)
        found = project.get("license") if isinstance(project, dict) else None
        if isinstance(found, dict):
            found = found.get("text")
        if isinstance(found, str):
            return found
    return None
