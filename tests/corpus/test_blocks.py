"""Titles and texts of blocks: the compiled form against Python's own strings, bit for bit."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats.blocks import RECORD_END, split_blocks

SPACES = [chr(code) for code in range(0x110000) if chr(code).isspace()]
ODD = [
    "\n",
    "\r",
    "\r\n",
    *SPACES,
    "x",
    "é",
    "日",
    "\U0001f600",
    "\0",
    "\u200b",
    "\ufeff",
    "\u0301",
]


def in_python(block: bytes, one_stays: bool = True) -> tuple[str, str]:
    """The rule as CCNet's code reads: a text stream's lines, stripped; the first is the title."""
    lines = list(io.TextIOWrapper(io.BytesIO(block + RECORD_END), "utf-8", "replace"))
    lines = [line.strip() for line in lines]
    if not lines[-1] and not lines[-2]:
        lines = [lines[0], *lines[1:-2]]
    elif not one_stays and not lines[-1]:
        lines = [lines[0], *lines[1:-1]]
    return lines[0], "\n".join(lines[1:])


def compiled(
    blocks: list[bytes], one_stays: bool = True, min_chars: int = 0
) -> list[tuple[str, str]]:
    found = split_blocks(blocks, one_stays=one_stays, min_chars=min_chars)
    found.titles.validate(full=True)
    found.texts.validate(full=True)
    return list(zip(found.titles.to_pylist(), found.texts.to_pylist(), strict=True))


@pytest.mark.parametrize(
    ("block", "title", "text"),
    [
        (" Title \n\xa0one  \r\n\n\ttwo\rthree\n", "Title", "one\n\ntwo\nthree"),
        ("", "", ""),
        ("only a title\n", "only a title", ""),
        ("only a title", "only a title", ""),
        ("T\na\n\n\n", "T", "a\n\n"),  # the record's own two blank lines go, the text's stay
        ("T\nno final newline", "T", "no final newline\n"),  # one of the two stays then
        ("T\n한글 각\n١٢٣ １２\nİstanbul\n", "T", "한글 각\n١٢٣ １２\nİstanbul"),
        ("T\na\x0bb\x0cc\x1cd\x1ee\x85f\u2028g\n", "T", "a\x0bb\x0cc\x1cd\x1ee\x85f\u2028g"),
        ("T\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029\u3000\u1680a\u205f\u202f\u2009\n", "T", "a"),
        ("T\n\u200b\ufeff\u180e a \u2060\n", "T", "\u200b\ufeff\u180e a \u2060"),  # are no spaces
        ("T\na\0b\n\0\n", "T", "a\0b\n\0"),
        ("T\r\ra\r\n\rb\r", "T", "\na\n\nb"),
        ("\n\n\nlate\n", "", "\n\nlate"),
        (" \n \n", "", ""),
    ],
)
def test_what_strip_and_lines_mean(block: str, title: str, text: str) -> None:
    assert compiled([block.encode()]) == [(title, text)]
    assert in_python(block.encode()) == (title, text)


def test_every_space_of_unicode_is_stripped_and_nothing_else() -> None:
    blocks = [f"T\n{chr(c)}a{chr(c)}\n" for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    for start in range(0, len(blocks), 100_000):
        piece = [block.encode() for block in blocks[start : start + 100_000]]
        assert compiled(piece) == [in_python(block) for block in piece]
    assert len(SPACES) == 29, unicodedata.unidata_version


def test_bytes_that_are_not_utf8_are_replaced_in_their_block_alone() -> None:
    surrogate, cut, overlong = b"T\n\xed\xa0\x80x\n", b"T\n\xe6\x97", b"\xc0\xaf\xff\na\n"
    blocks = ["T\nä日\n".encode(), surrogate, cut, overlong]
    assert compiled(blocks) == [
        ("T", "ä日"),
        ("T", "\ufffd\ufffd\ufffdx"),
        ("T", "\ufffd\n"),
        ("\ufffd\ufffd\ufffd", "a"),
    ]
    own = "T\nits own \ufffd\n".encode()
    found = split_blocks([*blocks, own], one_stays=True, min_chars=0)
    assert found.replaced.tolist() == [False, True, True, True, False]
    assert split_blocks([own], one_stays=True, min_chars=0).replaced.tolist() == [False]


def test_a_single_blank_line_at_the_end_stays_as_in_the_reference_or_goes() -> None:
    blocks = [b"T\na", b"T\na\n", b"T\na\n\n", b"T", b"T\n", b""]
    as_there, fixed = compiled(blocks, one_stays=True), compiled(blocks, one_stays=False)
    assert [text for _, text in as_there] == ["a\n", "a", "a\n", "", "", ""]
    assert [text for _, text in fixed] == ["a", "a", "a\n", "", "", ""]


def test_short_texts_are_left_out_with_their_titles() -> None:
    blocks = [b"A\nxyz\n", "B\n日本\n".encode(), "C\n日本語\n".encode(), b"D\n", b"E\nxyzz\n"]
    found = split_blocks(blocks, one_stays=True, min_chars=3)
    assert found.num_chars.tolist() == [3, 2, 3, 0, 4]
    assert found.titles.to_pylist() == ["A", "C", "E"]
    assert found.texts.to_pylist() == ["xyz", "日本語", "xyzz"]
    assert len(split_blocks([], one_stays=True, min_chars=3).texts) == 0


def test_an_enormous_line() -> None:
    long = "é" * 3_000_000
    assert compiled([f"T\n  {long} \n{long}\n".encode()]) == [("T", f"{long}\n{long}")]


pieces = st.lists(st.one_of(st.sampled_from(ODD), st.text(max_size=3)), max_size=12)
texts = pieces.map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))
raw = st.tuples(texts, st.binary(max_size=3), texts).map(b"".join)


@given(st.lists(raw, max_size=5), st.booleans(), st.integers(0, 4))
def test_the_compiled_form_is_python_s_own(
    blocks: list[bytes], one_stays: bool, min_chars: int
) -> None:
    expected = [in_python(block, one_stays) for block in blocks]
    expected = [pair for pair in expected if len(pair[1]) >= min_chars]
    assert compiled(blocks, one_stays, min_chars) == expected
