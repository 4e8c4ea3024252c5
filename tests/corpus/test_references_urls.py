"""The canonical form of URLs: its rules one by one, and that it stands still."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from corpus.references.urls import canonical, site, url_keys

SAME = {
    "example.org": [
        "http://example.org",
        "https://example.org/",
        "HTTPS://user:word@WWW.Example.ORG.:443//",
        "http://www2.example.org:80/#top",
        "http://www.www.example.org/?utm_source=x&fbclid=1",
        "http://example.org/a/../",
    ],
    "example.org/A/b~c?a=1&b=2": [
        "http://example.org/A/b~c?a=1&b=2",
        "http://example.org/A/%62%7Ec/?b=2&a=1&utm_campaign=spring",
        "http://example.org/./A/x/../b%7ec;jsessionid=8F?b=2&&a=1#!part",
    ],
    "example.org/caf%C3%A9?q=a+b": [
        "http://example.org/café?q=a+b",
        "http://example.org/caf%c3%a9?q=a+b",
    ],
    "xn--bcher-kva.example": ["http://bücher.example/", "http://XN--bcher-kva.example"],
    "example.org:8080/x": ["http://www.example.org:8080/x"],
    "www.org/x": ["http://www.org/x", "http://www.www.org/x"],
    "example.org/100%25?a%26b=%2F": ["http://example.org/100%?a%26b=%2f"],
    "[::1]/x": ["http://[::1]/x"],
}


@pytest.mark.parametrize("form", SAME)
def test_urls_of_one_page(form: str) -> None:
    assert {canonical(url) for url in SAME[form]} == {form}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://example.org/a", "http://example.org/A"),
        ("http://example.org/a", "http://example.org/a/index.html"),
        ("http://example.org/a", "http://example.org/a?id=1"),
        ("http://a.example.org/", "http://example.org/"),
        ("http://example.org/a%2Fb", "http://example.org/a/b"),
        ("http://example.org/?reference=1", "http://example.org/?utm_id=1"),
    ],
)
def test_urls_of_two_pages(first: str, second: str) -> None:
    assert canonical(first) != canonical(second)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.org",
        "ftp://example.org/x",
        "http://",
        "http://exa mple.org/",
        "http://example.org:x/",
        "http://[::1",
        "mailto:a@example.org",
        "http:///path",
        "http://..",
        "http://" + "ü" * 70 + ".org",
    ],
)
def test_what_is_no_url(url: str) -> None:
    assert canonical(url) is None


PIECES = st.sampled_from(
    "www. www2. a. example .org .. . / // /./ /../ ? & = # % %2 %25 %41 %2e %2F é 河 ; "
    ";jsessionid=1 utm_source=1 :80 :8080 : @ [ ] ~ + ' \" | \\ \t ;JSESSIONID= _ga".split(" ")
)


@given(st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join))
@example("example.org/%252e%252e/x")
@example("example.org/;jsession;jsessionid=a;jsessionid=b/;jsessionid=")
@example("example.org/?&;jsessionid=1")
@example("www.www.org")
def test_the_canonical_form_stands_still(rest: str) -> None:
    form = canonical("http://" + rest)
    if form is not None:
        assert canonical("http://" + form) == form
        assert form.isascii()
        assert "#" not in form


def test_sites_and_keys() -> None:
    assert [site(form) for form in ("a.org/x/y", "a.org?q=/", "a.org", "a.org:8080/x")] == [
        "a.org",
        "a.org",
        "a.org",
        "a.org:8080",
    ]
    keys = url_keys(["a.org/x", "a.org/y", "a.org/x"])
    assert keys[0] == keys[2] != keys[1]
    assert keys[0] == 0x462864531113EBED, "keys are in files, so they may not change"
