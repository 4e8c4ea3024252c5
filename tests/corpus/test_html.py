"""HTML to text: encodings as they are found on the web, line structure, no state between pages."""

import random

import pytest

from corpus.formats.html import decode_html, extract_text

RUSSIAN = "Быстрая коричневая лиса прыгает через ленивую собаку. " * 5
JAPANESE = "日本語のテキストです。文字コードを判定します。①" * 5
FRENCH = "<p>Ceci est un été à la forêt, où l’œuvre naît. " * 5
KOREAN = "한국어 문서입니다. 똠방각하 " * 5


@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        (RUSSIAN.encode("cp1251"), "text/html; charset=windows-1251"),
        (RUSSIAN.encode("koi8-r"), 'text/html; charset="KOI8-R"'),
        (RUSSIAN.encode(), "text/html; charset=iso-8859-1"),  # a server's wrong default
        (b'<meta charset="windows-1251">' + RUSSIAN.encode("cp1251"), "text/html"),
        (RUSSIAN.encode("cp1251"), "text/html"),  # said nowhere
        (RUSSIAN.encode("cp1251"), "text/html; charset=bogus"),
        (RUSSIAN.encode("cp1251"), "text/html; charset=utf-8"),  # declared wrongly
        (JAPANESE.encode("cp932"), "text/html; charset=Shift_JIS"),
        (JAPANESE.replace("①", "").encode("iso2022_jp"), "text/html; charset=iso-2022-jp"),
        (KOREAN.encode("cp949"), "text/html; charset=euc-kr"),
        (FRENCH.encode("cp1252"), "text/html; charset=iso-8859-1"),
        (b"\xff\xfe" + FRENCH.encode("utf-16-le"), "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf" + FRENCH.encode(), "text/html; charset=iso-8859-1"),
    ],
)
def test_the_real_encoding_is_found(page: bytes, content_type: str) -> None:
    text = decode_html(page, content_type)
    known = [t for t in (RUSSIAN, JAPANESE, JAPANESE.replace("①", ""), FRENCH, KOREAN) if t in text]
    assert known
    assert "\ufffd" not in text


def test_a_broken_character_does_not_change_the_encoding() -> None:
    page = RUSSIAN.encode()[:-3] + b"\xd0"
    assert decode_html(page, "text/html; charset=utf-8").startswith(RUSSIAN[:200])


def test_each_block_is_a_line() -> None:
    page = (
        b"<html><head><title> The\n title </title><style>p{}</style></head><body><h1>Head</h1>"
        b"<p>One   two<br>th&nbsp;ree</p>\n\n<ul><li>a</li><li>b</li></ul><pre>x = 1\n  y = 2</pre>"
        b"<script>var z</script><p></p><div>end &amp; done</div></body></html>"
    )
    title, text = extract_text(page, "text/html", False)
    assert title == "The title"
    lines = text.split("\n")
    assert lines == ["Head", "One two", "th ree", "• a", "• b", "x = 1", "y = 2", "end & done"]


def test_main_content_leaves_navigation_out() -> None:
    page = (
        b"<html><body><nav><a href='/'>Home</a> <a href='/x'>Imprint</a></nav><main><p>"
        + b"The article itself is here. " * 20
        + b"</p></main></body></html>"
    )
    assert "Imprint" in extract_text(page, "text/html", False)[1]
    assert "Imprint" not in extract_text(page, "text/html", True)[1]


@pytest.mark.parametrize(
    "page", [b"", b"\0" * 99, b"<" * 999, b"<div>" * 20_000 + b"deep", bytes(range(256)) * 9]
)
def test_no_page_raises(page: bytes) -> None:
    title, text = extract_text(page, "text/html", False)
    (title + text).encode()


def test_no_state_leaks_from_page_to_page() -> None:
    pages = [
        f"<title>t{i}</title><p>{'word ' * i}<table><tr><td>{i}<p>open <b>tags <a href=x>".encode()
        for i in range(60)
    ]
    alone = {page: extract_text(page, "text/html", i % 2 == 0) for i, page in enumerate(pages)}
    order = list(enumerate(pages))
    random.Random(1).shuffle(order)
    for i, page in order:
        assert extract_text(page, "text/html", i % 2 == 0) == alone[page]
