"""LaTeX sources that once ended the work: no paper, however it is written, costs the others."""

from pathlib import Path

import pytest
from test_arxiv import read, source, tar

from corpus.kernels import tex_state as fields
from corpus.kernels.tex_names import name_number
from corpus.latex import state
from corpus.latex.comments import strip_comments, verbatim_names
from corpus.latex.decode import declared_codec
from corpus.latex.main_file import find_mains
from corpus.latex.paper import clean, read_source, scanned
from corpus.latex.scanner import Limits
from corpus.sources import arxiv

HEAD = "\\documentclass{a}\\begin{document}"


def text_of(body: str | bytes, before: str = "", **files: bytes) -> str:
    main = before.encode() + HEAD.encode() + (body.encode() if isinstance(body, str) else body)
    return clean(read_source({"a.tex": main, **files}), "a.tex").text


@pytest.mark.parametrize("fault", [IndexError("place 7"), RecursionError(), MemoryError()])
def test_a_paper_that_fails_is_counted_and_the_next_is_read(
    fault: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(read_in: object, main: str, limits: object) -> object:
        if main == "bad.tex":
            raise fault
        return clean(read_in, main, limits)  # type: ignore[arg-type]

    monkeypatch.setattr(arxiv, "clean", failing)
    paper = (HEAD + "\\section{A}x").encode()
    papers = {
        "0303/math0303001.gz": source(bad__tex=paper),
        "0303/math0303002.gz": source(good__tex=paper),
    }
    (tmp_path / "a.tar").write_bytes(tar(papers))
    if isinstance(fault, MemoryError):
        with pytest.raises(MemoryError):
            read(tmp_path / "a.tar")
        return
    documents, counts = read(tmp_path / "a.tar")
    assert [d["url"] for d in documents] == ["https://arxiv.org/abs/math/0303002"]
    assert counts.skipped == {arxiv.FAILED: 1}
    [place] = counts.examples[arxiv.FAILED]
    assert place.startswith("a.tar#0 0303/math0303001.gz " + type(fault).__name__)


def test_a_table_of_names_that_is_full_grows_before_a_conditional_is_kept() -> None:
    """The first command that `\\newif` defines replaces the table it is written to."""
    names = [f"\\def\\m{chr(97 + n // 26 % 26)}{chr(97 + n % 26)}{{x}}" for n in range(676)]
    names += [f"\\def\\n{chr(97 + n // 26 % 26)}{chr(97 + n % 26)}{{x}}" for n in range(300)]
    for count in range(780, len(names)):
        body = "".join(names[:count]) + "\\newif\\iffoo\\iffoo A\\else B\\fi"
        assert text_of(body) == "B\n", count


def test_environments_of_long_names_are_none_of_the_papers_own() -> None:
    long = "a" * 66_000
    assert text_of(f"\\lstnewenvironment{{{long}}}{{}}{{}}x").endswith("x\n")
    known = verbatim_names([])
    assert verbatim_names([b"\\lstnewenvironment{%b}" % (b"a" * 101)]) == known
    assert verbatim_names([b"\\lstnewenvironment{%b}" % (b"a" * 100)]) > known


def test_any_vocabulary_has_room() -> None:
    names = [b"begin{%d%b}" % (n, b"x" * 100) for n in range(1500)]
    found = state.vocabulary({name: state.Meaning(fields.ACTION) for name in names})
    assert [name_number(found, state.as_array(name), False) for name in names] == [*range(1500)]


def test_a_file_name_is_never_cut_within_a_character() -> None:
    body = "\\input a" + "é" * 100 + " x"
    assert text_of(body) == body + "\n"
    assert text_of("\\input{" + "é" * 1000 + "}x").endswith("}x\n")


def test_what_a_comment_declares_is_not_declared() -> None:
    assert declared_codec(b"%\\usepackage[applemac]{inputenc}\n") is None
    assert declared_codec(b"a%b\r\\usepackage[applemac]{inputenc}") == "mac_roman"
    assert declared_codec(b"5\\% \\inputencoding{latin2}") == "iso8859-2"
    assert declared_codec(b"\\\\% \\inputencoding{latin2}") is None
    body = b"%\\usepackage[applemac]{inputenc}\n\\usepackage[latin1]{inputenc}\ncaf\xe9 na\xefve"
    assert text_of(body).endswith("café naïve\n")


def test_the_last_encoding_of_several_holds_and_each_file_has_its_own() -> None:
    assert declared_codec(b"\\usepackage[utf8, latin2]{inputenc}") == "iso8859-2"
    assert declared_codec(b"\\usepackage[latin1,utf8]{inputenc}") == "iso8859-1"
    files = {"b.tex": b"\\inputencoding{applemac}caf\x8e"}
    assert "café" in text_of(b"\\inputencoding{latin2}\xe8 \\input{b}", **files)
    assert text_of(b"\\inputencoding{latin2}\xe8").endswith("č\n")


@pytest.mark.parametrize("name", ["raw_unicode_escape", "unicode_escape", "utf-7", "idna", "hz"])
def test_only_encodings_of_people_are_taken(name: str) -> None:
    assert declared_codec(b"\\inputencoding{%b}" % name.encode()) is None
    text_of(b"\\inputencoding{%b}caf\xe9 \\ud800 +2AA-" % name.encode()).encode()


def test_a_main_file_named_twice_is_one_paper() -> None:
    named = b'{"sources": [%b, %b]}' % ((b'{"usage": "toplevel", "filename": "a.tex"}',) * 2)
    assert find_mains({"00README.json": named, "a.tex": b"x"}) == ["a.tex"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("\\iffalse secret \\\\if x \\fi visible", "visible"),
        ("\\iffalse secret \\\\\\iftrue x \\fi y\\fi visible", "visible"),
        ("\\iffalse a \\\\else b \\else c \\fi", "c"),
    ],
)
def test_letters_after_a_line_end_are_no_conditional(body: str, text: str) -> None:
    assert text_of(body) == text + "\n"


def test_what_a_macro_becomes_is_bounded_before_there_is_room_for_it() -> None:
    """Of a paper of 40 KB this one would become 100 MB, of 1 MB 230 GiB."""
    scanner = scanned(
        read_source(
            {
                "a.tex": b"\\newcommand{\\a}[1]{%b}%b\\a{%b}"
                % (b"#1" * 10_000, HEAD.encode(), b"y" * 10_000)
            }
        ),
        "a.tex",
        Limits(),
    )
    assert scanner.counts["macros_over_limit"] == 1
    assert len(scanner.state.text) + len(scanner.state.out) < 1 << 20


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("\\verb*|50% \\foo|", "\\verb*|50% \\foo|"),
        ("\\verb*+\\foo+ \\foo", "\\verb*+\\foo+ BAR"),
        ("\\def\\x#1;{<#1>}\\x a\\{b; c", "<a\\{b> c"),
        ("\\def\\x#1\\y{<#1>}\\x a\\z\\y c", "<a\\z> c"),
        ("\\def\\x#1;{<#1>}\\x a\\\\{b;}; c", "<a\\\\{b;}> c"),
        ("\\newcommand{\\f}[1]{<#1>}\\makeatletter\\f\\bar@baz x", "<\\bar@baz> x"),
        ("\\newcommand{\\f}[1]{<#1>}\\f\\bar@baz x", "<\\bar>@baz x"),
    ],
)
def test_stars_escaped_braces_and_letters_are_tex_s(body: str, text: str) -> None:
    assert text_of(body, "\\newcommand{\\foo}{BAR}") == text + "\n"


def test_verbatim_arguments_are_looked_for_until_that_is_too_much() -> None:
    """A line of `\\url{` alone took a look at 10,000 bytes for each."""
    last = b"\n\\url{a%b} % c"
    few, many = (b"\\url{" * n + last for n in (100, 300_000))
    assert strip_comments(few).endswith(b"\\url{a%b}\n")
    assert strip_comments(many).endswith(b"\\url{a\n")
