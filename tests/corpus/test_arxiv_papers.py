"""The papers of the shared data, read whole: what the text is, and no macro left in it."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest

from corpus.counts import Counts
from corpus.latex.paper import Paper, Source, clean, scanned
from corpus.latex.scanner import Limits
from corpus.sources import arxiv
from corpus.storage import list_files

_DEFINED = re.compile(
    rb"\\(?:(?:re|provide)?newcommandx?|DeclareRobustCommand|newrobustcmd|[gex]?def|let"
    rb"|DeclareMathOperator|(?:New|Renew|Provide|Declare)DocumentCommand"
    rb"|DeclarePairedDelimiter(?:X|XPP)?|DeclareFixedFootnote|DeclareTextFontCommand)"
    rb"\*?[\s{]*\\([A-Za-z]+)(?![A-Za-z@])"
)

# LaTeX's own commands, which papers and their styles give other looks: their use is the text.
_LATEX = set(
    "section subsection subsubsection paragraph cite newcite shortcite citeauthor footnote small "
    "footnotesize scriptsize par protect frametitle titlepage".split()
)


def read(path: Path) -> tuple[list[dict], Counts]:
    counts = Counts()
    documents = []
    for file in list_files(str(path), arxiv.SUFFIXES):
        for batch in arxiv.read(file, "arxiv", arxiv.ArxivConfig(), counts):
            documents += batch.to_pylist()
    return documents, counts


def test_real_papers(shared: Path) -> None:
    """Golden over every archive of the shared data; nothing stays that is no text."""
    documents, counts = read(shared / "arxiv")
    assert len(documents) == 64
    assert dict(counts.skipped) == {
        arxiv.PDF_ONLY: 1,
        arxiv.NO_SOURCE: 3,  # encrypted by their authors
        arxiv.NO_MAIN: 13,
    }
    digest = hashlib.sha256("\f".join(d["text"] for d in documents).encode()).hexdigest()
    assert digest[:16] == "1b203066494efd05"
    leftovers = re.compile(
        r"\\(?:bibliography\{|begin\{thebibliography|documentclass|end\{document)"
    )
    clean = [d for d in documents if "acl2021" not in d["origin"]]  # which teaches LaTeX
    assert [d["origin"] for d in clean if leftovers.search(d["text"])] == []


def test_no_macro_that_a_paper_defines_is_left_in_it(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each paper: no use of what any file that was read into it defines, by any command."""
    left: Counter[str] = Counter()
    checked = 0

    def checks(source: Source, main: str, limits: Limits) -> Paper:
        nonlocal checked
        paper = clean(source, main, limits)
        scanner = scanned(source, main, limits)
        text = b"\n".join(scanner.files[name] for name in scanner.opened)
        defined = {name.decode() for name in _DEFINED.findall(text)}
        used = re.findall(r"\\([A-Za-z]+)", re.sub(r"\\verb\|[^|]*\|", "", paper.text))
        left.update(name for name in used if name in defined)
        checked += bool(defined)
        return paper

    monkeypatch.setattr(arxiv, "clean", checks)
    read(shared / "arxiv")
    assert {name: uses for name, uses in left.items() if name not in _LATEX} == {}
    assert checked > 40
