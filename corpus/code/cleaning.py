"""One source file, by its path, content and project's licence, to the text that is kept of it.

LLaMA section 2.1 keeps projects under the Apache, BSD and MIT licences, and drops boilerplate such
as headers. What is dropped is dropped for one of a few reasons, each a switch of the config.
"""

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple

from corpus.code import decoding, drops
from corpus.code.decoding import NoTextError, checked_text, decode_source
from corpus.code.expressions import RESTRICTED, UNKNOWN, all_of, license_allowed, named_licenses
from corpus.code.headers import strip_license_header
from corpus.code.languages import LANGUAGES, comments_of, language_of
from corpus.code.license_names import family_of
from corpus.code.notices import own_licenses
from corpus.code.spdx_ids import matches_some_id, nearest_ids
from corpus.code.statements import is_license_file
from corpus.config import suggest
from corpus.errors import ConfigError

NOT_ALLOWED = "license not allowed"
OTHER_LANGUAGE = "language not wanted"
LICENSE_FILE = "license file"
TOO_LARGE = "file over max_file_bytes"
REASONS = (
    NOT_ALLOWED, OTHER_LANGUAGE, LICENSE_FILE, TOO_LARGE, decoding.BINARY, decoding.UNDECODABLE,
    decoding.EMPTY, drops.VENDORED, drops.LOCK_FILE, drops.GENERATED, drops.MINIFIED, drops.DATA,
)  # fmt: skip

_FORMS = (drops.VENDORED, drops.LOCK_FILE, drops.GENERATED, drops.MINIFIED, drops.DATA)
_STATED_CHARS = 100  # shown of a licence that is not allowed: it is free text, even a whole licence
_SPDX_HEAD = 4_096  # characters in which a file states its licence
_SPDX = re.compile(
    r"^[^\w\n\"'`]{0,20}(?:dnl |rem )?SPDX-License-Identifier:[ \t]*([^\n]{1,300})",
    re.MULTILINE,
)


@dataclass(frozen=True)
class CodeConfig:
    """Which files are kept, and what of them."""

    # SPDX identifiers or patterns such as BSD-*, upper or lower case alike
    licenses: tuple[str, ...] = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")
    languages: tuple[str, ...] = ()  # none named: all of corpus.code.languages
    drop: tuple[str, ...] = _FORMS  # what is no source that people write, by name
    license_headers: Literal["remove", "keep"] = "remove"
    max_file_bytes: int = 1 << 20
    max_archive_bytes: int = 8 << 30  # unpacked, tar headers too; what lies beyond is not read
    split_bytes: int = 256 << 20  # of an export that a task takes

    def __post_init__(self) -> None:
        if not self.licenses:
            raise ConfigError("licenses=[] would keep no file; list SPDX identifiers such as MIT")
        for pattern in self.licenses:
            if not matches_some_id(pattern):
                near = ", ".join(nearest_ids(pattern))
                raise ConfigError(
                    f"licenses: '{pattern}' is no SPDX identifier or pattern of some, so it would "
                    f"allow no file{f'; nearest are {near}' if near else ''}"
                )
        for names, known, key in (
            (self.languages, LANGUAGES, "languages"),
            (self.drop, _FORMS, "drop"),
        ):
            for name in names:
                if name not in known:
                    raise ConfigError(f"unknown name '{name}' in {key}{suggest(name, known)}")
        for key in ("max_file_bytes", "max_archive_bytes", "split_bytes"):
            if getattr(self, key) < 1:
                raise ConfigError(f"{key}={getattr(self, key)} must be at least 1")


class Cleaned(NamedTuple):
    """A file that is kept: its text, and the SPDX expression it is under."""

    text: str
    license: str


class Dropped(NamedTuple):
    """Why a file is not kept, one of REASONS, and what there is to say of this one."""

    reason: str
    detail: str = ""


def refuse_path(path: str, size: int, config: CodeConfig) -> Dropped | None:
    """Why a file need not be read, by its path and size in bytes; None where it must be."""
    if is_license_file(path):
        return Dropped(LICENSE_FILE)
    reason = drops.path_reason(path)
    if reason in config.drop:
        return Dropped(str(reason))
    language = language_of(path)
    if language is None or (config.languages and language not in config.languages):
        return Dropped(OTHER_LANGUAGE, language or "")
    return Dropped(TOO_LARGE, f"{size} bytes") if size > config.max_file_bytes else None


def clean(
    path: str, content: bytes | str, project_license: str | None, config: CodeConfig
) -> Cleaned | Dropped:
    """What is kept of a file that `refuse_path` lets through; never raises on content.

    A file's own SPDX lines are its licence. Else it is the project's, and what the file's head asks
    for beside that must be allowed too. A header that is not understood stays.
    """
    try:
        text = checked_text(content) if isinstance(content, str) else decode_source(content)
    except NoTextError as error:
        return Dropped(str(error))
    language = language_of(path)
    assert language is not None, f"{path} was not refused by its path"
    header = strip_license_header(text, comments_of(language))
    own = own_licenses(text, header, comments_of(language))
    license = _license(text, own, project_license)
    if license is None or not license_allowed(license, config.licenses):
        return Dropped(NOT_ALLOWED, (license or "unstated")[:_STATED_CHARS])
    reason = drops.text_reason(text, language)
    if reason in config.drop:
        return Dropped(str(reason))
    is_read = UNKNOWN not in own and RESTRICTED not in own
    kept = header.text if is_read and config.license_headers == "remove" else text
    return Cleaned(kept, license) if kept.strip() else Dropped(decoding.EMPTY)


def _license(text: str, own: list[str], project: str | None) -> str | None:
    """The tags of a file, or its project's licence and what the file asks for beside it."""
    tagged = text.find("SPDX-License-Identifier:", 0, _SPDX_HEAD) >= 0
    tags = [_of_tag(found[1]) for found in _SPDX.finditer(text, 0, _SPDX_HEAD)] if tagged else []
    if tags:
        return all_of(tags + [RESTRICTED] * (RESTRICTED in own))
    stated = [project] if project is not None else []
    known = {name.lower() for name in named_licenses(project or "") or ()}
    known |= {f"licenseref-{family_of(name)}" for name in known}
    for license in own:
        names = named_licenses(license) or [license]
        if not all(name.lower() in known for name in names):
            stated.append(license)
    return all_of(stated) if stated else None


def _of_tag(tag: str) -> str:
    expression = re.sub(r"\s*(?:\*/|-->|\*\)|-\}|#\}|\]\]).*", "", tag).strip()
    return expression if named_licenses(expression) else UNKNOWN
