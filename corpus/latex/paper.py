"""A paper's files to its text, as LLaMA section 2.1 has it, and what happened on the way.

Comments go, macros are expanded where they are used, what is read in stands in its place. All
before the first section goes, where there is one; so does the bibliography and what follows the
document. A paper without a section keeps its body.
"""

import posixpath
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from corpus.latex.commands import COMMANDS
from corpus.latex.comments import strip_comments, verbatim_names
from corpus.latex.decode import declared_codec, decode
from corpus.latex.inputs import DOCUMENT
from corpus.latex.main_file import AUTO_IGNORE, find_mains
from corpus.latex.scanner import Limits, Scanner

_BLANK_LINES = re.compile(r"\n{3,}")


@dataclass(frozen=True)
class Source:
    """A paper's files as text, and which of them are papers of their own, the likeliest first."""

    texts: Mapping[str, str]
    mains: list[str]

    @property
    def withdrawn(self) -> bool:
        """Whether all there is are files that arXiv marks as no source."""
        return bool(self.texts) and all(t.startswith(AUTO_IGNORE) for t in self.texts.values())


@dataclass(frozen=True)
class Paper:
    """The text of a paper, what its macros and inputs came to, and the inputs refused."""

    text: str
    title: str | None
    counts: Counter[str]
    outside: list[str]


def read_source(files: Mapping[str, bytes], lone_is_main: bool = True) -> Source:
    """Decodes a paper's files, by path, and finds its main files."""
    codecs = (declared_codec(content) for content in files.values())
    declared = next((codec for codec in codecs if codec), None)
    texts = {name: decode(content, declared) for name, content in files.items()}
    return Source(texts, find_mains(texts, lone_is_main))


def clean(source: Source, main: str, limits: Limits | None = None) -> Paper:
    """The text of the paper whose main file is `main`; never raises on any source."""
    verbatim = verbatim_names("\n".join(source.texts.values()))
    texts = _WithoutComments(source.texts, verbatim)
    scanner = Scanner(
        texts,
        verbatim,
        COMMANDS,
        limits or Limits(),
        folder=posixpath.dirname(main),
        has_document=DOCUMENT.search(texts[main]) is not None,
        size=sum(map(len, source.texts.values())),
    )
    scanner.run(main)
    return Paper(_join(scanner), scanner.title, scanner.counts, scanner.outside)


class _WithoutComments(dict[str, str]):
    """A paper's files, rid of their comments when they are first asked for."""

    def __init__(self, texts: Mapping[str, str], verbatim: frozenset[str]) -> None:
        super().__init__()
        self._texts, self._verbatim = texts, verbatim

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __missing__(self, name: str) -> str:
        text = self[name] = strip_comments(self._texts[name], self._verbatim)
        return text


def _join(scanner: Scanner) -> str:
    """The pieces that were written, from the first section on; blank lines are one at most."""
    first = scanner.section if scanner.section is not None else scanner.subsection or 0
    parts: list[str] = []
    start = first
    for index in scanner.raw:
        if index >= first:
            parts += [_tidy("".join(scanner.out[start:index])), scanner.out[index]]
            start = index + 1
    parts.append(_tidy("".join(scanner.out[start:])))
    text = "".join(parts).strip()
    return text + "\n" if text else ""


def _tidy(text: str) -> str:
    lines = text.split("\n")
    ended = [line.rstrip(" \t") for line in lines[:-1]]
    return _BLANK_LINES.sub("\n\n", "\n".join([*ended, lines[-1]]))
