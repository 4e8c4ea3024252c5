"""References go, however a paper sets them; what only speaks of literature stays."""

import pytest

from corpus.latex.paper import clean, read_source


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


def test_a_section_on_the_literature_is_no_list_of_references() -> None:
    assert "Much is known." in body("\\section{Literature}\nMuch is known.")
    assert "[1]" not in body("\\section{S}\nx\n\\section{Literature cited}\n[1] A. B.")
