"""LaTeX sources of which nothing closes anything: the work stays linear, counted and not timed."""

import pytest

from corpus.latex.comments import strip_comments, verbatim_names
from corpus.latex.paper import Source, scanned
from corpus.latex.scanner import Limits


@pytest.mark.parametrize(
    ("head", "run", "tail"),
    [
        ("\\newcommand{\\a}[1]{#1}", "\\a{", ""),
        ("\\newcommand{\\a}[2]{#1}", "\\a{", "}"),  # a first argument, but no second
        ("\\def\\c #1;{}", "\\c {;", ""),
        ("\\newcommand{\\a}[1]{" + "y" * 9000 + "}", "\\a}", ""),
        ("\\newcommand{\\a}[1]{" + "#1" * 4500 + "}", "\\a{}", ""),
        ("\\newcommand{\\a}[1][" + "y" * 9000 + "]{}", "\\a[]", ""),
        ("\\newcommand{\\a}[2][" + "y" * 9000 + "]{}", "\\a}", ""),
        ("", "\\lstinline{", ""),
        ("", "\\def\\b{", ""),
        ("", "\\newcommand{\\b}{", ""),
        ("", "\\newcommand{\\b}[1][{", "}]"),  # a default, but no body
        ("", "\\NewDocumentCommand\\b{", "}"),
        ("", "\\newenvironment{", ""),
        ("", "\\bibliography[{}", ""),
        ("", "\\Refs ", ""),
        ("\\begin{document}", "\\thebibliography{}\\endthebibliography ", ""),
    ],
)
def test_what_nothing_closes_is_not_searched_for_again_and_again(
    head: str, run: str, tail: str
) -> None:
    text = (head + run * 3000 + tail * 3000).encode()
    scanner = scanned(Source({"main.tex": text}, ["main.tex"]), "main.tex", Limits())
    assert 0 < scanner.searched <= 20 * len(text) + (1 << 18)


@pytest.mark.parametrize("run", [b"\\begin{verbatim} ", b"\\verb|a| ", b"\\url{", b"\\lstinline["])
def test_verbatim_that_nothing_closes_is_looked_for_once(run: bytes) -> None:
    """A search of the rest for each of these would take hours."""
    text = run * 300_000
    assert strip_comments(text + b"% a") == text.rstrip() + b"\n"


def test_only_so_many_environments_of_its_own_are_verbatim() -> None:
    many = b"".join(b"\\lstnewenvironment{%b}" % (b"a" * n) for n in range(1, 300))
    assert len(verbatim_names([many])) == len(verbatim_names([])) + 100
