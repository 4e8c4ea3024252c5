"""LaTeX sources of which nothing closes anything: the work stays linear, counted and not timed."""

import re
from collections.abc import Iterator

import pytest

from corpus.latex import macros
from corpus.latex.comments import verbatim_names
from corpus.latex.paper import Source, clean


class Searched(str):
    """A text that counts the characters that were searched in it."""

    seen = 0

    def find(self, part: str, start: int = 0, end: int | None = None) -> int:
        last = len(self) if end is None else min(end, len(self))
        found = super().find(part, start, last)
        Searched.seen += (last if found < 0 else found) - start
        return found


class CountedPattern:
    """A pattern that counts what it has found."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def finditer(self, text: str, start: int) -> Iterator[re.Match[str]]:
        for match in self._pattern.finditer(text, start):
            Searched.seen += 1
            yield match


@pytest.mark.parametrize(
    ("head", "run", "tail"),
    [
        ("\\newcommand{\\a}[1]{#1}", "\\a{", ""),
        ("\\newcommand{\\a}[2]{#1}", "\\a{", "}"),  # a first argument, but no second
        ("\\def\\c #1;{}", "\\c {;", ""),
        ("", "\\def\\b{", ""),
        ("", "\\newcommand{\\b}{", ""),
        ("", "\\newcommand{\\b}[1][{", "}]"),  # a default, but no body
        ("", "\\NewDocumentCommand\\b{", "}"),
        ("", "\\newenvironment{", ""),
        ("", "\\bibliography[{}", ""),
        ("", "\\Refs ", ""),
        ("\\begin{document}", "\\thebibliography{}\\endthebibliography ", ""),
        ("% a\n", "\\begin{verbatim} ", ""),
        ("% a\n", "\\verb|a| ", ""),
    ],
)
def test_what_nothing_closes_is_not_searched_for_again_and_again(
    head: str, run: str, tail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_BRACE", "_BRACKET"):
        monkeypatch.setattr(macros, name, CountedPattern(getattr(macros, name)))
    Searched.seen = 0
    text = Searched(head + run * 3000 + tail * 3000)
    clean(Source({"main.tex": text}, ["main.tex"]), "main.tex")
    assert Searched.seen <= 12 * len(text) + (1 << 17)


def test_only_so_many_environments_of_its_own_are_verbatim() -> None:
    many = "".join(f"\\lstnewenvironment{{{'a' * n}}}" for n in range(1, 300))
    assert len(verbatim_names(many)) == len(verbatim_names("")) + 100
