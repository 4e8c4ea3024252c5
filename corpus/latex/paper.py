"""A paper's files to its text, as LLaMA section 2.1 has it, and what happened on the way.

Comments go, macros are expanded where they are used, what is read in stands in its place. All
before the first section goes, where there is one; so does the bibliography and what follows the
document. A paper without a section keeps its body; a subsection alone begins none.
"""

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from corpus.kernels import tex_state as fields
from corpus.kernels.tex_tidy import tidy
from corpus.latex.commands import ACTIONS, vocabulary_of
from corpus.latex.comments import strip_comments, verbatim_names
from corpus.latex.decode import declared_codec, is_utf8, to_utf8
from corpus.latex.inputs import document_start, forget_packages
from corpus.latex.main_file import AUTO_IGNORE, find_mains
from corpus.latex.scanner import Limits, Scanner
from corpus.latex.typed_references import without_typed_references


@dataclass(frozen=True)
class Source:
    """A paper's files as UTF-8, and which of them are papers of their own, the likeliest first."""

    texts: Mapping[str, bytes]
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
    declared: dict[str, str | None] = {}
    if not all(map(is_utf8, files.values())):
        declared = {name: declared_codec(content) for name, content in files.items()}
    default = next(filter(None, declared.values()), None)
    texts = {
        name: to_utf8(content, declared.get(name) or default) for name, content in files.items()
    }
    return Source(texts, find_mains(texts, lone_is_main))


def clean(source: Source, main: str, limits: Limits | None = None) -> Paper:
    """The text of the paper whose main file is `main`; never raises on any source."""
    scanner = scanned(source, main, limits or Limits())
    return Paper(_tidied(scanner), scanner.title, scanner.counts, scanner.outside)


def scanned(source: Source, main: str, limits: Limits) -> Scanner:
    """The pass over a paper's source, once it is done."""
    verbatim = verbatim_names(source.texts.values())
    texts = _WithoutComments(source.texts, verbatim)
    scanner = Scanner(
        texts,
        verbatim,
        vocabulary_of(verbatim),
        ACTIONS,
        limits,
        folder=posixpath.dirname(main),
        has_document=document_start(texts[main]) >= 0,
        size=sum(map(len, source.texts.values())),
    )
    forget_packages(scanner)
    scanner.run(main)
    return scanner


class _WithoutComments(dict[str, bytes]):
    """A paper's files, rid of their comments when they are first asked for."""

    def __init__(self, texts: Mapping[str, bytes], verbatim: frozenset[bytes]) -> None:
        super().__init__()
        self._texts, self._verbatim = texts, verbatim

    def __contains__(self, name: object) -> bool:
        return name in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __missing__(self, name: str) -> bytes:
        text = self._texts[name]
        if not text.endswith(b"\n"):  # TeX ends a file's last line, too
            text += b"\n"
        text = self[name] = strip_comments(text, self._verbatim)
        return text


def _tidied(scanner: Scanner) -> str:
    """What was written from the first section on; blank lines are one at most."""
    registers = scanner.registers
    first = max(registers[fields.SECTION], 0)
    raw = scanner.state.raw[: registers[fields.NUM_RAW]]
    raw = raw[raw[:, 0] >= first] - first
    text = tidy(scanner.state.out[first : scanner.written], raw).tobytes()
    decoded = without_typed_references(text).decode("utf-8", "surrogatepass").strip()
    return decoded + "\n" if decoded else ""
