"""LaTeX sources to text: one worked example a rule, and what no source can break."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.latex.commands import COMMANDS
from corpus.latex.paper import Paper, clean, read_source
from corpus.latex.scanner import Limits


def paper(main: str, limits: Limits | None = None, **files: str) -> Paper:
    """The paper of `main` beside other files, whose dots are written `__` and slashes `___`."""
    named = {n.replace("___", "/").replace("__", "."): t.encode() for n, t in files.items()}
    return clean(read_source({"main.tex": main.encode(), **named}), "main.tex", limits)


def body(text: str, preamble: str = "") -> str:
    """What becomes of text between `\\begin{document}` and its end."""
    source = (
        f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{text}\n\\end{{document}}"
    )
    return paper(source).text.removesuffix("\n")


@pytest.mark.parametrize(
    ("definitions", "use", "text"),
    [
        (r"\newcommand{\R}{\mathbb{R}}", r"$\R^n$", r"$\mathbb{R}^n$"),
        (r"\newcommand*\R{\mathbb R}", r"\R x", r"\mathbb R x"),
        (r"\newcommand{\pair}[2]{(#1, #2)}", r"\pair{a}{b}", "(a, b)"),
        (r"\newcommand{\half}{\frac12}", r"\half", r"\frac12"),
        (r"\newcommand{\norm}[2][2]{|#2|_{#1}}", r"\norm{x} \norm[1]{y}", "|x|_{2} |y|_{1}"),
        (r"\newcommand{\f}[1]{\frac{1}{#1}}", r"\f {x} \f x", r"\frac{1}{x} \frac{1}{x}"),
        (r"\newcommand{\b}[1]{\mathbf#1}", r"\b x", r"\mathbf x"),
        (r"\newcommand{\a}{\alpha}", r"\a{}b \a\a", r"\alpha{}b \alpha\alpha"),
        (r"\def\x{y}\def\z#1{<#1>}", r"\x\z{\x}", "y<y>"),
        (r"\def\at#1,#2;{#2 of #1}", r"\at a,{b,c};", "b,c of a"),
        (r"\long\def\x#1{#1}\global\let\y=\x", r"\y{a}", "a"),
        (r"\let\old\vec\renewcommand{\vec}[1]{\old{\bf#1}}", r"\vec x", r"\vec{\bf x}"),
        (r"\DeclareMathOperator{\Hom}{Hom}", r"\Hom(A)", r"\operatorname{Hom}(A)"),
        (r"\DeclareMathOperator*{\argmax}{arg\,max}", r"\argmax_x", r"\operatorname*{arg\,max}_x"),
        (r"\newcommand{\x}{a}\providecommand{\x}{b}\providecommand{\y}{c}", r"\x\y", "ac"),
        (r"\newcommand{\x}{a}\newcommand{\y}{\x}\renewcommand{\x}{b}", r"\y", "b"),
        (r"\newcommand{\mk}[1]{\def#1{made}}\mk\it", r"\it", "made"),
        (r"\newcommand{\mk}{\def\two##1{[##1]}}\mk", r"\two{x}", "[x]"),
        (r"\newcommand{\foo}{ArGoT\xspace}", r"\foo is. \foo, \foo", "ArGoT is. ArGoT, ArGoT"),
        (r"\newcommand{\go}{\nxt}\newcommand{\nxt}[1]{<#1>}", r"\go{x}y", "<x>y"),
        (r"\newcommand{\be}{\begin{equation}}\newcommand{\ee}{\end{equation}}", r"\be x \ee",
         r"\begin{equation} x \end{equation}"),
        (r"\makeatletter\def\my@x{in}\newcommand{\x}{\my@x}\makeatother", r"\x", "in"),
        (r"\makeatletter\newcommand{\x}{a\renewcommand{\@l}{}}\makeatother", r"\x", "a"),
        (r"\makeatletter\def\in@{\@next}\newcommand{\x}{\in@}\makeatother", r"\x", r"\x"),
        (r"\makeatletter\newcommand{\x}{\@ifnextchar[a b}\makeatother", r"\x", r"\x"),
        (r"\makeatletter\let\m@x\csname\newcommand{\x}{\m@x}\makeatother", r"\x", r"\csname"),
        (r"\newcommand{\x}{user@host}", r"\x", "user@host"),
        (r"\NewDocumentCommand{\x}{m O{d} +m}{#1#2#3}", r"\x ab \x a[b]c", "adb abc"),
        (r"\NewDocumentCommand\x{s m}{\IfBooleanTF#1{+}{-}#2}", r"\x*{a} \x b", "+a -b"),
        (r"\NewDocumentCommand\x{o m}{\IfNoValueTF{#1}{}{#1 of }#2}", r"\x[a]b \x b", "a of b b"),
        (r"\NewDocumentCommand\x{o}{\IfValueT{#1}{<#1>}\IfNoValueF{#1}{!}}", r"\x[a]\x", "<a>!"),
        (r"\DeclarePairedDelimiter\abs{\lvert}{\rvert}", r"\abs{x} \abs*{\frac ab} \abs[\big]{x}",
         r"\lvert x\rvert \left\lvert\frac ab\right\rvert \big\lvert x\big\rvert"),
        (r"\DeclarePairedDelimiterX{\kl}[2]{(}{)}{#1\delimsize\|#2}\newcommand{\K}{K\kl}",
         r"\K{p}{q} \K*{p}{q} \K[\Big]pq",
         r"K(p\|q) K\left(p\middle\|q\right) K\Big(p\Big\|q\Big)"),
        (r"\DeclarePairedDelimiterXPP\E[1]{\mathbb E}[]{_P}{#1}", r"\E{x}", r"\mathbb E[x]_P"),
        (r"\DeclareFixedFootnote{\sig}{At $p<1$.}", r"a\sig", r"a\footnote{At $p<1$.}"),
        (r"\newcommand{\p}[1]{\IfStrEqCase{#1}{{1}{one} {m}{many}}[none]}", r"\p{m} \p1 \p2.",
         "many one none."),
        (r"\newcommand{\p}[1]{\IfStrEq{#1}{m}{many}{one}}", r"\p{m} \p1", "many one"),
        (r"\expandafter\def\csname foo\endcsname{bar}", r"\foo \csname foo\endcsname", "bar bar"),
        (r"\def\mk#1{\expandafter\newcommand\csname c#1\endcsname[1]{#1(##1)}}\mk{A}\mk B",
         r"\cA{x} \cB y", "A(x) B(y)"),
        (r"\newcommand{\x}{a}", r"\string\x \verb|\x| \\x", r"\string\x \verb|\x| \\x"),
        (r"\newcommand{\x}{a}", r"\xy \x1", r"\xy a1"),
        (r"\newcommand{\x}[1]{issue~\#1, #1}", r"\x{7}", r"issue~\#1, 7"),
    ],
)  # fmt: skip
def test_macros_are_expanded(definitions: str, use: str, text: str) -> None:
    assert body(use, definitions) == text
    assert body(f"{definitions}\n{use}").strip() == text


def test_a_macro_means_what_it_was_last_defined_as_before_its_use() -> None:
    text = body("\\section{s}\n\\newcommand{\\x}{a}\\x\n\\renewcommand{\\x}{b}\\x")
    assert text == "\\section{s}\na\nb"


def test_a_heading_keeps_its_name_whatever_it_is_redefined_as() -> None:
    looks = (
        r"\renewcommand{\section}{\@startsection{section}{1}}\newcommand{\sect}[1]{\section{#1}}"
    )
    assert body("before\n\\sect{One} text", looks) == "\\section{One} text"


@pytest.mark.parametrize(
    ("definitions", "use"),
    [
        (r"\def\a{\a}", r"\a"),
        (r"\def\a{\b}\def\b{\a}", r"\a"),
        (r"\def\a{\a\a}", r"\a"),
        (r"\def\a#1{\a{#1#1}}", r"\a{x}"),
        (r"\newcommand{\a}[1][x]{y\a}", r"\a"),
        (r"\newcommand{\x}[1]{#1}", r"{\x}"),
        (r"\NewDocumentCommand\x{t+ m}{#2}", r"\x{a}"),
        (r"\newcommand{\p}[1]{x\IfStrEqCase{#1}{{1}{one}}}", r"\IfStrEqCase{\q}{{1}{one}}"),
        ("", r"\IfBooleanTF{\q}{a}{b} \IfNoValueTF{#1}{a}{b} \IfBooleanTF{"),
        ("", r"\expandafter\def\csname c1\endcsname{bar}\csname c1\endcsname"),
        (r"\newcommand{\x}{a}", r"\csname section\endcsname \expandafter\y\csname x"),
        (r"\def\x#1;{#1}", r"\x never"),
    ],
)
def test_what_cannot_be_expanded_stays_as_it_is_written(definitions: str, use: str) -> None:
    assert body(f"before {use} after", definitions) == f"before {use} after"


def test_macros_within_macros_are_expanded_to_a_depth() -> None:
    chain = "".join(f"\\def\\{a}x{{<\\{b}x>}}" for a, b in pairwise("abcdefghij"))
    source = f"{chain}\\def\\jx{{end}}\\ax \\ax \\end"
    assert (
        paper(source, Limits(max_depth=10)).text == f"{'<' * 9}end{'>' * 9} {'<' * 9}end{'>' * 9}\n"
    )
    shallow = paper(source, Limits(max_depth=5))
    assert shallow.text == "\\ax \\ax\n"
    assert shallow.counts["macros_recursive"] == 1  # from then on it is no macro


def test_expansion_is_bounded_by_the_size_of_the_source() -> None:
    names = "abcdefghijklmnopqrstuvwxyz"
    chain = "".join(f"\\def\\{n}z{{\\{m}z\\{m}z}}" for n, m in pairwise(names))
    found = paper(chain + "\\def\\zz{0123456789}\\az\nbye \\yz \\end")
    assert len(found.text) < 400_000
    assert found.counts["macros_over_limit"] >= 1
    assert "\\az\nbye" in found.text


def test_one_recursive_macro_costs_no_other_text() -> None:
    main = "\\documentclass{a}\\begin{document}\\def\\in#1{\\input{#1}\\a}\\def\\a{\\a}\\in{x} end"
    assert paper(main, x__tex="from x\n").text.startswith("from x\n")


def test_before_the_first_section_all_goes_and_without_one_nothing_does() -> None:
    assert body("\\title{T}\nabstract\n\\section{One}\ntext") == "\\section{One}\ntext"
    assert body("only text\n\nmore") == "only text\n\nmore"
    assert body("x\n\\subsection{Low} y") == "x\n\\subsection{Low} y"
    assert body("x \\subsection{Low} y \\section{High} z") == "\\section{High} z"
    assert body("\\titleformat{\\section}{x}{y}\ntext") == "\\titleformat{\\section}{x}{y}\ntext"
    assert paper("\\magnification=1200\n\\beginsection One.\n\ntext\n\\bye\nafter").text == (
        "\\beginsection One.\n\ntext\n"
    )
    assert (
        paper("intro \\head 1. H\\endhead text \\enddocument x").text
        == "\\head 1. H\\endhead text\n"
    )


@pytest.mark.parametrize(
    "end",
    [
        "\\section*{Acknowledgments} We thank A.",
        "\\section {\\bf Acknowledgements} B",
        "\\appendix\n\\section{Proof} p",
        "\\section*{Supplementary Material} s",
    ],
)
def test_a_letter_that_has_sections_only_at_its_end_is_kept(end: str) -> None:
    assert body(f"The letter's text.\n\n{end}") == f"The letter's text.\n\n{end}"
    front = "\\section*{Acknowledgements} A.\n\\section{One} text"
    assert body(f"abstract {front}") == "\\section{One} text"


def test_conditionals_whose_outcome_is_known_are_decided() -> None:
    assert body("a\\iffalse b \\ifx\\p\\q c\\fi d\\else e\\fi f") == "ae f"
    assert body("a\\iftrue b\\iffalse x\\fi\\else c\\fi d") == "ab d"
    known = "\\newif\\ifdraft \\drafttrue"
    assert (
        body("\\ifdraft yes\\else no\\fi \\draftfalse\\ifdraft yes\\else no\\fi", known) == "yes no"
    )
    assert body("\\ifnum1<2 a\\else b\\fi \\iff") == "\\ifnum1<2 a\\else b\\fi \\iff"
    assert body("\\iffalse never ends") == "\\iffalse never ends"
    assert body("\\begin{comment}\nx \\end{itemize}\n\\end{comment}\nstays") == "stays"


def test_the_definition_of_an_environment_is_left_as_it_is() -> None:
    kept = "\\newenvironment{e}[1]{\\begin{verbatim}\\x}{\\end{verbatim}}"
    assert body(f"{kept} \\x", "\\def\\x{a}") == f"{kept} a"


def test_what_is_verbatim_is_copied() -> None:
    kept = "\\begin{lstlisting}\n\\x  %\n\n\n\nend  \n\\end{lstlisting}"
    assert body(f"\\section{{S}}\n{kept}", "\\def\\x{y}") == f"\\section{{S}}\n{kept}"
    own = "\\lstnewenvironment{code}{}{}\\def\\x{y}"
    assert body("\\begin{code}\n\\x % c\n\\end{code}", own).endswith("\\x % c\n\\end{code}")


def test_files_are_read_in_from_the_archive_alone() -> None:
    main = (
        "\\documentclass{a}\\usepackage[x]{own,times}\\begin{document}\n\\input{sec/one}\n"
        "\\include{two}\n\\input three.tex \\import{sec/}{four}\\input{main}\n"
        "\\input{../../etc/passwd}\\input{/etc/passwd}\\input{missing}\n\\end{document}"
    )
    found = paper(
        main,
        sec___one__tex="\\section{\\own}% c\none\\endinput rest",
        two__tex="\\documentclass{s}\\begin{document}two\\end{document}x",
        three__tex="three",
        sec___four__tex="four",
        own__sty="\\newcommand\\own{Own}text of a package",
    )
    assert found.text == (
        "\\section{Own}one\ntwo\n\nthree\nfour\n\\input{main}\n"
        "\\input{../../etc/passwd}\\input{/etc/passwd}\\input{missing}\n"
    )
    assert found.outside == ["../../etc/passwd", "/etc/passwd"]
    assert found.counts["inputs_not_found"] == 3
    assert found.counts["inputs_recursive"] == 1


def test_a_file_ends_its_last_line_once() -> None:
    main = "\\begin{document}\\input m2 next \\input{m2.tex}\\subfile{m3}.\n\\input{m4}\nb"
    files = {"m2__tex": "two", "m3__tex": "\\begin{document}three\\end{document}"}
    found = paper(main, m4__tex="four\n", **files)
    assert found.text == "two\nnext two\nthree\n.\nfour\nb\n"
    assert paper("\\input{x}\ny", x__tex="one\\endinput rest").text == "one\ny\n"
    assert paper("\\include{x}\ny", x__tex="a page\n").text == "a page\n\ny\n"


def test_packages_of_the_archive_give_their_definitions_and_no_text() -> None:
    style = "\\def\\x{a}\\newcommand{\\y}{b@c}\\section{none} text"
    for first in ("\\documentstyle[12pt,own]{article}", "\\documentclass{own}"):
        files = {"own__sty": style, "own__cls": style}
        assert paper(f"{first}\\begin{{document}}\\x\\y", **files).text == "ab@c\n"


def test_a_newline_goes_with_a_definition_only_where_nothing_else_stands_on_its_line() -> None:
    assert body("a\\def\\x{1}  \\def\\y{2}\nb\n  \\def\\x{3}\nc") == "a\nb\n  c"


def test_what_a_package_begins_is_no_text() -> None:
    found = paper("\\usepackage{b}\\begin{document}x", b__sty="\\begin{document}y\\section{S}")
    assert found.text == "x\n"


def test_blank_lines_and_spaces_at_the_end_of_lines_go() -> None:
    assert body("a  \n\n\n\n  b\t\nc") == "a\n\n  b\nc"


def test_titles_are_taken_where_they_are_simple() -> None:
    assert (
        paper("\\title[Short]{On\\\\ Cats~and  Dogs}\\begin{document}x").title == "On Cats and Dogs"
    )
    assert paper("\\title{On $L$-functions}\\begin{document}x").title is None


_PIECES = st.sampled_from(
    r"""\newcommand \renewcommand \def \let \x \y {\x} [1] [2][d] #1 #2 { } [ ] % \n \n\n
    \begin{document} \end{document} \section{S} \input{main} \input{b} \iffalse \iftrue \else \fi
    \newif \ifz \ztrue \verb|a| \begin{verbatim} \end{verbatim} \begin{thebibliography}
    \usepackage{b} \DeclareMathOperator \makeatletter \m@x \\ \% $ text a é \endinput \xspace
    \expandafter \csname x\endcsname \endcsname \IfBooleanTF \IfStrEqCase{a}{{a}
    \DeclarePairedDelimiter\y \DeclarePairedDelimiterX\x[2]{(}{)}{#1\delimsize|#2} * [\big]
    \NewDocumentCommand\x{s o m} \url{% \string \section*{References} \ """.split()
).map(lambda piece: piece.replace("\\n", "\n"))  # fmt: skip


@given(st.lists(_PIECES, max_size=60), st.lists(_PIECES, max_size=30))
def test_no_source_breaks_it_or_makes_it_run_away(main: list[str], other: list[str]) -> None:
    files = {"main.tex": "".join(main).encode(), "b.tex": " ".join(other).encode()}
    files["b.sty"] = files["b.tex"]
    found = clean(read_source(files), "main.tex")
    size = sum(map(len, files.values()))
    assert len(found.text) <= 10 * size + (1 << 17)
    assert clean(read_source(files), "main.tex") == found


@pytest.mark.parametrize("run", [" ", "\n", "{", " {", "[", "\\a", "#1", "%\n", "\\x", "]"])
def test_no_command_is_slow_before_a_long_run(run: str) -> None:
    """A pattern that tries every way to share out a run of blanks would take hours here."""
    for command in COMMANDS:
        source = (
            f"\\newcommand{{\\x}}[2][]{{#1}}\\begin{{document}}\\{command.decode()}{run * 3000}!"
        )
        clean(read_source({"main.tex": source.encode()}), "main.tex")


@given(st.binary(max_size=300))
def test_any_bytes_are_read(content: bytes) -> None:
    source = read_source({"main.tex": content})
    clean(source, "main.tex")
