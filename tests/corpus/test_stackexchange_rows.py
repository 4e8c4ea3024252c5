"""What the reader of Stack Exchange's dumps is made of: encodings, rows, and the names of sites."""

import re
from encodings.aliases import aliases
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.stackexchange.encoding import Utf8, encoding_of
from corpus.stackexchange.row_stream import RowStream
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


def rows_of(pieces: list[bytes]) -> list[bytes]:
    taken: list[bytes] = []
    stream = RowStream(taken.append, lambda: None)
    for piece in pieces:
        stream.feed(piece)
    stream.end()
    return taken


MARKUP = st.sampled_from([b"\n", b"<row ", b"<row\n", b"<rows>", b"<", b"<ro", b"\r\n", b"/>"])


@given(st.lists(st.binary(max_size=30) | MARKUP, max_size=20))
def test_rows_are_the_same_in_any_pieces(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    taken = rows_of(pieces)
    assert taken == rows_of([whole]) == rows_of([bytes([byte]) for byte in whole])
    assert len(taken) == len(re.findall(rb"<row(?![^ \t\r\n/>])", whole))
    assert not any(b"\n" in row for row in taken)


VALUE = st.text(st.sampled_from(list("a>/='\u00e9 \n\t")), max_size=6)
GAP = st.sampled_from(["", " ", "\n", "\r\n  ", "<!-- a > b -->", "words", "\n<other/>"])


@given(st.lists(st.tuples(VALUE, VALUE, st.sampled_from(["/>", " />", "\n></row>"]), GAP)), GAP)
def test_rows_are_those_of_the_tree_however_they_are_laid_out(posts, first: str) -> None:
    said = "".join(
        f'<row Id="1"\nBody={quoteattr(body)} Title="{escape(title)}"{end}{gap}'
        for body, title, end, gap in posts
    )
    document = f'<?xml version="1.0"?><posts>{first}{said}</posts>'
    expected = [dict(row.attrib) for row in fromstring(document).iter("row")]
    assert [columns(row) for row in rows_of([document.encode()])] == expected


def test_an_endless_row_is_let_go(monkeypatch) -> None:
    monkeypatch.setattr(RowStream, "MOST_BYTES", 10)
    taken: list[bytes] = []
    told: list[None] = []
    stream = RowStream(taken.append, lambda: told.append(None))
    for piece in (
        b"preamble of any length<row a",
        b"5678901",
        b"2345",
        b"67<row b",
        b"<row 1234567890",
    ):
        stream.feed(piece)
    stream.end()
    assert (taken, len(told)) == ([b"<row b"], 2)


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b'<?xml version="1.0" encoding="utf-8"?>', None),
        (b"<posts>", None),
        (b"", None),
        ("\ufeff<posts>".encode("utf-16-le"), "utf-16-le"),
        ("\ufeff<posts>".encode("utf-32-be"), "utf-32-be"),
        ('<?xml version="1.0"?>'.encode("utf-16-be"), "utf-16-be"),
        (b"<?xml version='1.0' encoding='windows-1251'?>", "cp1251"),
        *(
            (f'<?xml version="1.0" encoding="{name}"?>'.encode(), None)
            for name in (
                *("US-ASCII", "utf-16", "idna", "rot13", "zlib", "undefined", "no-such"),
                *("utf-7", "unicode_escape", "raw_unicode_escape"),
            )
        ),
    ],
)
def test_the_encoding_is_that_of_the_mark_or_the_declaration(head: bytes, encoding) -> None:
    assert encoding_of(head) == encoding


@given(st.text(max_size=400), st.sampled_from(["utf-16-le", "utf-32-be"]), st.integers(1, 300))
def test_any_encoding_comes_as_utf_8_in_any_pieces(text: str, codec: str, size: int) -> None:
    content = f"\ufeff<{text}".encode(codec)
    given_on: list[bytes] = []
    utf8 = Utf8(given_on.append)
    for at in range(0, len(content), size):
        utf8.feed(content[at : at + size])
    utf8.end()
    assert b"".join(given_on).decode() == f"\ufeff<{text}"


DECLARED = {
    name: f'<?xml version="1.0" encoding="{name}"?>{" " * 300}'.encode()
    for name in sorted({*aliases, *aliases.values(), "raw_unicode_escape", "koi8_u", "cp737"})
}
ACCEPTED = [name for name, head in DECLARED.items() if encoding_of(head) is not None]
TRICKY = st.sampled_from([b"+2AA-", b"\\ud800", b"\x1b$B", b"~{", b"\xff", b"\x81\x30", b"a"])


@settings(max_examples=300)
@given(
    st.sampled_from(ACCEPTED),
    st.lists(TRICKY | st.binary(max_size=9), max_size=9),
    st.integers(1, 9),
)
def test_what_any_encoding_of_python_gives_is_utf_8(name, parts, size) -> None:
    content = b"".join(parts)
    given_on: list[bytes] = []
    utf8 = Utf8(given_on.append)
    utf8.feed(DECLARED[name])
    for at in range(0, len(content), size):
        utf8.feed(content[at : at + size])
    utf8.end()
    b"".join(given_on).decode()


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
