"""References go, however a paper sets them; what only speaks of literature stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.latex.paper import clean, read_source
from corpus.latex.typed_references import without_typed_references


def body(text: str) -> str:
    source = f"\\documentclass{{article}}\n\\begin{{document}}\n{text}\n\\end{{document}}"
    return clean(read_source({"main.tex": source.encode()}), "main.tex").text.removesuffix("\n")


@pytest.mark.parametrize(
    "references",
    [
        "\\begin{thebibliography}{99}\\bibitem{a} A\\end{thebibliography}\n",
        "\\bibliographystyle{plain}\n\\bibliography{a,b}\n",
        "\\input{main.bbl}\n",
        "\\printbibliography[heading=none]\n",
        "\\begin{references}\\reference A\\end{references}\n",
        "\\section*{References}\n[1] A\n",
        "\\thebibliography{9}\n\\bibitem{a} A\n\\endthebibliography\n",
        "\\section*{\\bf REFERENCES:}\n\\begin{thebibliography}{9}x\\end{thebibliography}\n",
        "\\Refs\\ref\\no 1\\endref\\endRefs\n",
    ],
)  # fmt: skip
def test_references_go_and_the_appendix_stays(references: str) -> None:
    text = body(f"\\section{{S}}\ntext\n{references}\\appendix\n\\section{{Proofs}}")
    assert text == "\\section{S}\ntext\n\\appendix\n\\section{Proofs}"
    assert body(f"no section, but text\n{references}").strip() == "no section, but text"


_TYPED = "\n\n".join(f"[{n}] A. B., On {n}, {{\\it J. C.}} {n}(19{n}8), 1-2." for n in range(1, 6))
_NUMBERED = _TYPED.replace("[", "").replace("]", ".")
_LIST = _TYPED.replace("[", "\\item ").replace("]", "")


@pytest.mark.parametrize(
    "references",
    [
        _TYPED,
        _TYPED.replace("[", "\\item{[").replace("]", "]}"),
        _TYPED.replace("[", "\\noindent ["),
        f"\\begin{{center}}\n{{\\bf References}}\n\\end{{center}}\n\n\\vspace{{0.2cm}}\n\n{_TYPED}",
        f"\\centerline{{\\bf REFERENCES}}\n\\medskip\n{_TYPED}",
        f"\\noindent\\textbf{{Bibliography}}\n\n{_NUMBERED}",
        f"\\section{{Literature}}\n{_TYPED}",
        f"\\section*{{Literature}}\n\\begin{{enumerate}}\n{_LIST}\n\\end{{enumerate}}",
        f"{{\\bf References:}}\n\n\\begin{{itemize}}\n{_LIST}\n\\end{{itemize}}",
    ],
)
def test_references_that_are_typed_go_and_what_follows_stays(references: str) -> None:
    text = "\\section{S}\nWe end as [3] did."
    assert body(f"{text}\n\n{references}") == text
    assert body(f"{text}\n\n{references}\n\n{{\\it Matemati\\v cki institut}}") == (
        f"{text}\n\n{{\\it Matemati\\v cki institut}}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "\\section{Literature}\nMuch is known.\n\n" + _NUMBERED,
        "\\section{Literature}\nMuch is known.\n\\begin{itemize}\n\\item a\n\\item b\n\\item c\n"
        "\\end{itemize}",
        "We show three things.\n\n[1] One is so.\n\n[2] Two is so.\n\n[3] Three is so.",
        "[1] 1998\n\n[2] 1999",
        "[1] 1998\n\n[3] 1999\n\n[2] 1999",
        "[1] 1998\n\n[2] 1999\n\n[3] 1999\n\n\\section{More}\nText.",
        _NUMBERED,
        f"\\section{{Literature}}\n{_NUMBERED}\n\n\\section{{More}}\nText.",
        "References\n\nare what we speak of.",
    ],
)
def test_what_only_looks_like_references_stays(text: str) -> None:
    assert body(f"\\section{{S}}\n{text}") == f"\\section{{S}}\n{text}"


@given(st.text(alphabet="[]123. \n{}\\", max_size=60), st.sampled_from(["", "\nReferences\n"]))
def test_taking_references_out_adds_nothing(text: str, title: str) -> None:
    source = (text + title + text).encode()
    assert len(without_typed_references(source)) <= len(source) + 2


@pytest.mark.parametrize(
    "part", ["[1] ", "\n[1]", "\nReferences\n", "\n[1]\n[2]\n[3]", "{ ", "\\a"]
)
def test_looking_for_references_takes_linear_time(part: str) -> None:
    without_typed_references(b"\nReferences\n" + part.encode() * 20_000)


def test_a_section_on_the_literature_is_no_list_of_references() -> None:
    assert "Much is known." in body("\\section{Literature}\nMuch is known.")
    assert "[1]" not in body("\\section{S}\nx\n\\section{Literature cited}\n[1] A. B.")
