"""What the reader of Stack Exchange's dumps is made of: lines, rows, and the names of sites."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.stackexchange.lines import Lines
from corpus.stackexchange.rows import columns, unescape
from corpus.stackexchange.sites import LARGEST_28, chosen, site_of


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("beer.stackexchange.com/Posts.xml", "beer.stackexchange.com"),
        ("all/beer.stackexchange.com/Posts.xml.gz", "beer.stackexchange.com"),
        ("beer.stackexchange.com.7z", "beer.stackexchange.com"),
        ("x/stackoverflow.com-Posts.7z", "stackoverflow.com"),
        ("stackoverflow.com-Posts.xml.bz2", "stackoverflow.com"),
        ("Posts.xml", "unknown"),
    ],
)
def test_a_file_tells_its_site(name: str, site: str) -> None:
    assert site_of(name) == site


def test_the_preset_has_28_sites() -> None:
    assert len(set(LARGEST_28)) == 28
    assert chosen(("largest_28", "a.b")) == {*LARGEST_28, "a.b"}
    assert chosen(()) is None


@given(st.lists(st.binary(max_size=30) | st.sampled_from([b"\n", b"<row ", b"\r\n"]), max_size=20))
def test_lines_are_the_same_in_any_pieces(pieces: list[bytes]) -> None:
    taken: list[bytes] = []
    lines = Lines(taken.append, lambda: None)
    for piece in pieces:
        lines.feed(piece)
    lines.end()
    assert taken == [line.strip() for line in b"".join(pieces).split(b"\n") if line.strip()]


def test_an_endless_line_is_let_go(monkeypatch) -> None:
    monkeypatch.setattr(Lines, "MOST_BYTES", 10)
    taken: list[bytes] = []
    told: list[None] = []
    lines = Lines(taken.append, lambda: told.append(None))
    for piece in (b"ab\n12345", b"678", b"9012", b"3456\ncd\n12345678901"):
        lines.feed(piece)
    lines.end()
    assert (taken, len(told)) == ([b"ab", b"cd"], 2)


ATTRIBUTE = st.lists(
    st.sampled_from(
        ["&lt;", "&amp;", "&#xA;", "&#38;", "&#x26;", "lt;", "amp;", "&quot;", "a", "é"]
    )
).map("".join)


@given(ATTRIBUTE, ATTRIBUTE)
def test_a_row_is_what_the_standard_parser_reads(title: str, body: str) -> None:
    line = f'<row Id="1" Title="{title}" Body="{body}" />'.encode()
    assert columns(line) == dict(fromstring(line).attrib)


@given(st.binary(max_size=80), st.text(max_size=40))
def test_no_bytes_raise(line: bytes, value: str) -> None:
    columns(line)
    columns(b"<row " + line)
    unescape(value)
