"""The parts of a licence file that name the files they are for, as of libraries that are bundled.

Many projects put their own licence first and then a paragraph a library, with its `Name:`, `Files:`
and `License:` (NumPy, SciPy and others; the form is Debian's). Such a part holds for its files
alone. A text that only speaks of libraries, and does not say where they are, is not divided.
"""

import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

from corpus.code.expressions import UNKNOWN, all_of, named_licenses
from corpus.code.license_texts import licenses_of_text, plain_words

_PART = re.compile(r"^[ \t]*Name:[^\n]*\n[ \t]*Files:[ \t]*(?P<files>[^\n]*)$", re.MULTILINE)
_LICENSE = re.compile(r"^[ \t]*License:[ \t]*([^\n]+)$", re.MULTILINE)
_MOST_PATTERNS = 100  # of a text: each file of its project is compared with each
_INTRODUCTION_WORDS = 100


@dataclass(frozen=True)
class Bundled:
    """The licence of some files: patterns of paths from the project's root, or folders."""

    files: tuple[str, ...]
    license: str

    def holds_for(self, path: str) -> bool:
        return self._paths.match(path) is not None

    @cached_property
    def _paths(self) -> re.Pattern[str]:
        folders = (re.escape(f"{files.rstrip('/')}/") for files in self.files)
        return re.compile("|".join([*map(translate, self.files), *folders]))


def divide(text: str, folder: str = "") -> tuple[str, list[Bundled]]:
    """A licence file's own text, and its parts for other files, below the folder that it is in.

    The own text is empty where there are parts and it is but an introduction to them.
    """
    heads = list(_PART.finditer(text))
    named = [re.split(r"[,\s]+", head["files"].strip()) for head in heads]
    if not heads or not all(map(all, named)) or sum(map(len, named)) > _MOST_PATTERNS:
        return text, []
    prefix = f"{folder}/" if folder else ""
    ends = [*(head.start() for head in heads[1:]), len(text)]
    parts = [
        Bundled(
            tuple(prefix + pattern.removeprefix("./") for pattern in patterns),
            _license(text[head.end() : end]),
        )
        for head, patterns, end in zip(heads, named, ends, strict=True)
    ]
    own = text[: heads[0].start()]
    introduces = len(plain_words(own).split()) < _INTRODUCTION_WORDS
    return "" if introduces and licenses_of_text(own) == [UNKNOWN] else own, parts


def _license(part: str) -> str:
    """What a part names and what its text is."""
    stated = _LICENSE.search(part)
    named = stated[1].strip() if stated else ""
    texts = [name for name in licenses_of_text(part) if name != UNKNOWN]
    asked = named_licenses(named)
    if asked:
        known = [name.lower() for name in asked]
        return all_of([named, *(name for name in texts if name.lower() not in known)])
    return all_of(texts) if texts else UNKNOWN
