"""Source files that are one word over and over: none takes more than linear time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.code.cleaning import CodeConfig, clean
from corpus.code.legal_lines import legal_lines
from corpus.code.statements import statement_of

UNITS = [
    "copyright ", "copyright.", "copying.", "licence.x", "licensed to ", "see ", "all. the ",
    "(c) ", "-*- ", "-*-", "provided ", "released under ", "covered by ", "copy ", "not for ",
    "cc by ", "gnu ", "version 2 of ", "license: ", "is ", " ", "\t", "(", "*/", "/*", "// x\n",
    "// License: \n", "// (c) 2020\n", "\n", " \n",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.timeout(60)  # minutes, were it quadratic
def test_a_word_over_and_over_costs_no_more_than_others(unit: str) -> None:
    many = unit * (150_000 // len(unit))
    code = "int a = 1;\n"
    for head in (f"// licence copyright {many}\n", f"/* licence {many}\n*/\n", f"# {many}\n"):
        clean("a.c", head + code, "MIT", CodeConfig())
        clean("a.py", head + code, "MIT", CodeConfig())
    clean("a.py", f"'''copyright {many}'''\n{code}", "MIT", CodeConfig())
    clean("a.py", f"__license__ = {many}\n{code}", "MIT", CodeConfig())


@pytest.mark.parametrize("key", ["{}a = 1", "[{}a]", "x = {{{}a = 1}}"])
@pytest.mark.timeout(60)  # minutes, were it quadratic
def test_a_key_of_many_parts_states_nothing(key: str) -> None:
    stated = '[project]\nlicense = "MIT"\n'
    assert statement_of("pyproject.toml", (stated + key.format("a." * 200)).encode()) is not None
    assert statement_of("pyproject.toml", (stated + key.format("a." * 200_000)).encode()) is None


PARTS = ["copyright", "copyrights", " ", ", ", "by", "(c)", "©", "2020", "inc", "x", "holder", "."]


@given(st.lists(st.sampled_from(PARTS), max_size=8).map("".join))
def test_a_line_of_copyright_names_its_holder_behind_the_word(line: str) -> None:
    words = f"x {line} x"  # nothing that only a line's beginning tells
    expected = re.search(r"\bcopyright\b.*(\d{4}|\(c\)|©|\bby\b|, |\b(inc|holders?)\b)", words)
    assert legal_lines([words]) == [expected is not None]
