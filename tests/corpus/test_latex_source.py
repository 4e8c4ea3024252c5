"""LaTeX sources before they are read: comments, encodings, and which file is the main one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.latex.comments import strip_comments
from corpus.latex.decode import declared_codec, decode, to_utf8
from corpus.latex.main_file import find_mains


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a % b\nc", "a\nc"),
        ("a% b\nc", "ac"),
        ("a%\n   c", "ac"),
        ("a\n  % only\nb", "a\nb"),
        ("% one\n%two\nb", "b"),
        ("5\\% of % x", "5\\% of"),
        ("a\\\\% b\nc", "a\\\\\nc"),
        ("\\foo%\nbar", "\\foo\nbar"),
        ("a%\n\nb", "a\n\nb"),
        ("\\verb|%| % x", "\\verb|%|"),
        ("\\verb*+50%+ % x", "\\verb*+50%+"),
        ("\\url{a%20b} % x", "\\url{a%20b}"),
        ("\\lstinline[language=C]{%d} % x", "\\lstinline[language=C]{%d}"),
        (
            "\\begin{verbatim}\n% kept\n\\end{verbatim}% x",
            "\\begin{verbatim}\n% kept\n\\end{verbatim}",
        ),
        (
            "\\begin{minted}{tex}\n% kept\n\\end{minted}",
            "\\begin{minted}{tex}\n% kept\n\\end{minted}",
        ),
        ("% \\begin{verbatim}\na % b", "a"),
        ("\\verbose{50%\n}", "\\verbose{50}"),
    ],
)
def test_comments_go_as_in_tex(source: str, text: str) -> None:
    assert strip_comments(source.encode()).decode().rstrip() == text


def test_encodings_are_tried_in_order() -> None:
    text = "Poincaré ✓"
    marked = (b"\xef\xbb\xbf" + text.encode(), text.encode("utf-16"), text.encode("utf-32"))
    for content in (text.encode(), *marked):
        assert decode(content) == text
        assert to_utf8(content) == text.encode()
    assert decode("Erdős".encode("iso8859-2"), "iso8859-2") == "Erdős"
    assert decode(b"Poincar\xe9 \x93x\x94") == "Poincaré “x”"
    assert decode(b"\x81\xe9") == "\x81é"
    assert decode(b"a\r\nb\rc") == "a\nb\nc"
    assert to_utf8(b"a\r\nb\rc") == b"a\nb\nc"
    assert to_utf8("é\r\n".encode()) == "é\n".encode()
    assert declared_codec(b"\\usepackage[koi8-r]{inputenc}") == "koi8-r"
    assert declared_codec(b"\\usepackage[utf8]{inputenc}\\begin{CJK*}{GBK}{song}") == "gb18030"
    assert declared_codec(b"\\usepackage[nosuch]{inputenc}") is None


def test_the_main_file_is_found() -> None:
    latex = b"\\documentclass{article}\\begin{document}x\\end{document}"
    part = b"\\section{P}"
    assert find_mains({"a.tex": part, "z.tex": latex}) == ["z.tex"]
    assert find_mains({"old/z.tex": latex + latex, "z.tex": latex}) == ["z.tex", "old/z.tex"]
    assert find_mains({"sub.tex": latex * 9, "ms.tex": latex.replace(b"x", b"\\input{sub}")}) == [
        "ms.tex"
    ]
    assert find_mains({"a.tex": b"%\\documentclass{x}\n", "b.tex": b"\\documentstyle{x}"}) == [
        "b.tex"
    ]
    assert find_mains({"paper": b"text\\bye", "mac.tex": part, "b.tex": part}) == ["paper"]
    assert find_mains({"JCMI.Final.ii": latex, "x.sty": latex}) == ["JCMI.Final.ii"]
    assert find_mains({"a.tex": b"just text"}) == ["a.tex"]
    assert find_mains({"a.tex": b"just text"}, lone_is_main=False) == []
    assert find_mains({"notes": b"no TeX"}) == []
    both = {"a.tex": latex, "b.tex": latex * 2}
    assert find_mains(both) == ["b.tex", "a.tex"]
    assert find_mains({**both, "00README.XXX": b"a.tex toplevelfile\nb.tex ignore"}) == ["a.tex"]
    json = b'{"sources": [{"usage": "toplevel", "filename": "a.tex"}, {"filename": "b.tex"}]}'
    assert find_mains({**both, "00README.json": json}) == ["a.tex"]
    assert find_mains({**both, "00README.json": b"[1]"}) == ["b.tex", "a.tex"]


@given(st.text(alphabet="ab \n%\\{}|", max_size=80))
def test_stripping_comments_adds_nothing_but_line_ends(text: str) -> None:
    assert len(strip_comments(text.encode())) <= len(text) + 1
