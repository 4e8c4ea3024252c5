"""The defect scoreboard: what RedPajama and its followers are known to get wrong, done right here.

One test a defect; its docstring names the project and the fault (`reference/filters.md`).
"""

import pyarrow as pa

from corpus.code.cleaning import CodeConfig, Dropped, refuse_path
from corpus.code.cleaning import clean as clean_source
from corpus.counts import Counts
from corpus.dedup import overlap
from corpus.dedup.shingles import shingle_set
from corpus.gutenberg.book import clean as clean_book
from corpus.kernels.shingles import count_common
from corpus.latex.paper import clean, read_source
from corpus.sources import stackexchange
from corpus.storage import InputFile
from corpus.wikitext.clean import clean as clean_wikitext


def test_answers_are_sorted_by_score_as_a_number(tmp_path):
    """RedPajama-v1, StackExchange: scores were compared as text, so 9 stood above 10."""
    path = tmp_path / "Posts.xml"
    rows = ['<row Id="1" PostTypeId="1" Title="t" />']
    rows += [
        f'<row Id="{score}" PostTypeId="2" ParentId="1" Score="{score}" Body="b{score}" />'
        for score in (9, 100, 10)
    ]
    path.write_text("\n".join(rows))
    file = InputFile(str(path), "a.b/Posts.xml", path.stat().st_size)
    (batch,) = stackexchange.read(file, "s", stackexchange.StackExchangeConfig(), Counts())
    assert batch.column("text").to_pylist() == ["t\n\nb100\n\nb10\n\nb9"]


def _paper(*lines: bytes) -> str:
    source = read_source({"main.tex": b"\n".join(lines)})
    return clean(source, "main.tex").text


def test_a_paper_in_another_encoding_is_kept():
    """RedPajama-v1, ArXiv: one .tex file that is not UTF-8 loses the paper."""
    head = b"\\documentclass{article}\\usepackage[latin2]{inputenc}\\begin{document}"
    assert _paper(head, b"\\section{S}", "Erdős".encode("latin2")) == "\\section{S}\nErdős\n"
    assert _paper(head, b"\\section{S}", "Erdős".encode()) == "\\section{S}\nErdős\n"


def test_a_paper_without_a_section_is_kept():
    """RedPajama-v1, ArXiv: a paper with no \\section-like header becomes empty."""
    assert _paper(b"\\documentstyle{a}\\begin{document}", b"A letter.", b"\\end{document}") == (
        "A letter.\n"
    )


def test_macros_with_arguments_are_expanded():
    """RedPajama-v1, ArXiv: only macros without arguments are expanded."""
    head = b"\\documentclass{a}\\newcommand{\\norm}[2][2]{\\|#2\\|_{#1}}\\begin{document}"
    assert (
        _paper(head, b"$\\norm{x}=\\norm[1]{\\norm{y}}$") == "$\\|x\\|_{2}=\\|\\|y\\|_{2}\\|_{1}$\n"
    )


def test_every_heading_is_found_in_every_form():
    """RedPajama-v1, ArXiv: the headings' expression lacks a `|`, which its followers copied."""
    for heading in (b"\\chapter{C}", b"\\section{S}", b"\\section*{S}", b"\\section[s]{S}"):
        text = _paper(b"\\documentclass{a}\\begin{document}", b"front", heading, b"text")
        assert text == f"{heading.decode()}\ntext\n"
    for heading in (b"\\subsection{S}", b"\\subsubsection*{S}", b"\\paragraph{S}"):  # no section
        text = _paper(b"\\documentclass{a}\\begin{document}", b"front", heading, b"text")
        assert text == f"front\n{heading.decode()}\ntext\n"


def test_an_escaped_or_verbatim_percent_sign_is_no_comment():
    """RedPajama-v1, ArXiv: expressions a line know no verbatim text, and lose what follows a %."""
    line = b"\\verb|100%| of 5\\% \\url{x/%20y} \\\\% gone"
    assert _paper(b"\\section{S}", line, b"next") == (
        "\\section{S}\n\\verb|100%| of 5\\% \\url{x/%20y} \\\\\nnext\n"
    )


def _source_file(path: str, text: str) -> str:
    """The text of a source file of an MIT project after cleaning, or why it has none."""
    found = clean_source(path, text, "MIT", CodeConfig())
    return found.reason if isinstance(found, Dropped) else found.text


def test_leading_lines_that_are_no_comments_stay():
    """RedPajama-v1, GitHub: the header strip deletes all leading `#`, `//` and `--` lines.

    With them go `#include`, `#define` and shebangs.
    """
    for path, text in (
        ("a.c", "#include <stdio.h>\n#define A 1\n\nint a;\n"),
        ("a.sh", "#!/bin/sh\n# Lists all jobs.\nls\n"),
        ("a.py", "# -*- coding: utf-8 -*-\n# Reads a dump.\nimport a\n"),
        ("a.sql", "-- Users by country.\nSELECT 1;\n"),
        ("a.go", "//go:build linux\n\n// Package a counts.\npackage a\n"),
    ):
        assert _source_file(path, text) == text


def test_a_first_comment_without_copyright_hides_no_header():
    """RedPajama-v1, GitHub: only the first block of a C-like file is looked at, wherever it is.

    A header after it stays; a later comment that says `copyright` is cut out of the code.
    """
    header = "/* Copyright 2020 Ann */\n"
    assert _source_file("a.c", "/* clang-format off */\n" + header + "int a;\n") == (
        "/* clang-format off */\nint a;\n"
    )
    text = "int a;\n/* prints the copyright */\nint b;\n"
    assert _source_file("a.c", text) == text


def test_header_and_description_of_one_comment_are_told_apart():
    """RedPajama-v1, GitHub: what describes the file goes with the copyright beside it."""
    text = "/*\n * A queue of jobs.\n *\n * Copyright 2020 Ann\n */\nint a;\n"
    assert _source_file("a.c", text) == "/*\n * A queue of jobs.\n */\nint a;\n"


def test_a_file_under_another_license_than_its_project_is_dropped():
    """RedPajama-v1, GitHub: the project's licence is taken for that of each file in it."""
    gpl = "# This program is free software under the GNU General Public License.\nimport a\n"
    assert _source_file("a.py", gpl) == "license not allowed"


def test_generated_and_vendored_files_are_dropped():
    """RedPajama-v1, GitHub: keeps what machines wrote, and copies of other projects."""
    assert _source_file("a.go", "// Code generated by x. DO NOT EDIT.\npackage a\n") == "generated"
    assert refuse_path("a/node_modules/b/index.js", 9, CodeConfig()) == Dropped("vendored")
    assert refuse_path("a/jquery.min.js", 9, CodeConfig()) == Dropped("minified")


def test_source_that_is_not_utf8_is_kept():
    """RedPajama-v1, GitHub: one row that is not UTF-8 ends the reading of its export."""
    found = clean_source("a.py", b"# -*- coding: latin-1 -*-\nname = '\xe9'\n", "MIT", CodeConfig())
    assert not isinstance(found, Dropped)
    assert found.text.endswith("name = 'é'\n")


def test_what_stands_beside_an_article_is_not_in_it():
    """Wikipedia by mwparserfromhell's strip_code (the set RedPajama-v1 took is made with it).

    Captions and categories stay in languages whose names it does not know, and so do notes.
    """
    page = "[[Datei:X.jpg|mini|Bild]]a<ref>Note</ref> b\n[[Kategorie:X]][[fr:Lac]]__KEIN_INHALT__"
    assert clean_wikitext(page) == "a b"


def test_a_power_is_no_longer_number():
    """Wikipedia by strip_code: 10<sup>6</sup> becomes 106, a formula nothing."""
    assert clean_wikitext("10<sup>6</sup> or <math>a^2</math>") == "10⁶ or $a^2$"


def test_foreign_names_stay_in_their_brackets():
    """Wikipedia by strip_code: templates with text go too, and leave "(; deep) and ()"."""
    page = "Lake ({{lang|el|limne}}; {{IPA|x}}; deep) and ({{IPA|y}})"
    assert clean_wikitext(page) == "Lake (limne; deep) and"


def test_a_section_without_text_has_no_heading():
    """Wikipedia by strip_code: the headings of emptied sections stay."""
    assert clean_wikitext("a\n== References ==\n{{reflist}}\n== Life ==\nb") == "a\nLife\nb"


def test_a_mark_inside_of_a_book_does_not_cut_it():
    """Gutenberg's usual strippers (gutenberg, gutenbergpy) stop at the first mark of an end."""
    volume = "It rained on the tarn that night.\n\n" * 4000
    inside = f"{volume}End of the Project Gutenberg EBook of Volume I\n\n{volume}".strip()
    start = "*** START OF THE PROJECT GUTENBERG EBOOK THE TARN ***\n\n"
    end = "\n\n*** END OF THE PROJECT GUTENBERG EBOOK THE TARN ***\n"
    assert clean_book(start + inside + end, "1.txt").text == inside


def test_small_print_and_credits_go_from_early_books():
    """RedPajama-v1, Books: PG-19's texts keep transcribers' lines and notes as text."""
    start = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n"
    credit = "This etext was prepared by Bea Typist.\n\n"
    assert clean_book(f"{start}{credit}THE TARN\n\nStill water.", "1.txt").text == (
        "THE TARN\n\nStill water."
    )


def test_a_book_goes_by_measured_containment():
    """RedPajama-v1, Books: SimHash of whole books, where the paper says over 90 % of overlap.

    It misses a story that a larger book holds, and takes the same words in another order for one.
    """
    words = [f"w{n * n % 9973}" for n in range(9000)]
    texts = [words, words[3000:5000], sorted(words), [f"x{word}" for word in words[:2000]]]
    config = overlap.OverlapConfig(enabled=True)
    sets = [shingle_set(pa.scalar(" ".join(text)), config.shingle_words) for text in texts]
    columns = {"doc_id": pa.array(range(4), pa.uint64()), "text": [" ".join(t) for t in texts]}
    batch = pa.RecordBatch.from_pydict(columns)
    sent = [rows for _, rows in overlap.send(iter([batch]), config, 0, 0)]
    pairs = overlap.candidates(overlap.meet(sent), config).copy()
    for pair in pairs:
        pair["shared"] = count_common(sets[pair["short"]], sets[pair["long"]])
    assert overlap.resolve(pairs, config) == {0: [(1, 1.0, 0)]}
