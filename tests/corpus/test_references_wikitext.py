"""Which URLs a page cites: wikitext with the traps that real pages hold."""

import pytest

from corpus.references.wikitext import citations


def urls(wikitext: str) -> list[str]:
    return list(citations(wikitext))


CASES = {
    "a template": ("<ref>{{cite web |url=http://a.org/x |title=T}}</ref>", ["a.org/x"]),
    "no space before the end": ("<ref>{{cite web|url=http://a.org/x}}</ref>", ["a.org/x"]),
    "nested templates": (
        "<ref>{{cite news|title={{lang|de|{{x|y}} http}}|url = https://a.org/x?b={{=}}1}}</ref>",
        ["a.org/x?b="],
    ),
    "two parameters": (
        "<ref>{{cite book|url=http://a.org/x|chapter-url=http://b.org/y}}</ref>",
        ["a.org/x", "b.org/y"],
    ),
    "a bracketed link": ("<ref>[http://a.org/x. The title], p. 3</ref>", ["a.org/x."]),
    "a link without scheme": ("<ref>[//a.org/x T]</ref><ref>see //b.org/y</ref>", ["a.org/x"]),
    "a bare URL in a sentence": ("<ref>See http://a.org/x.</ref>", ["a.org/x"]),
    "a bare URL in parentheses": (
        "<ref>(see http://a.org/x_(y)) (and http://b.org/z)</ref>",
        ["a.org/x_(y))", "b.org/z"],
    ),
    "a bare URL in italics": ("<ref>''http://a.org/x''</ref>", ["a.org/x"]),
    "an entity": ("<ref>http://a.org/x?b=1&amp;c=2</ref>", ["a.org/x?b=1&c=2"]),
    "links outside": ("[http://a.org/x] http://b.org <ref>none</ref>", []),
    "a comment": ("<!-- <ref>http://a.org/x</ref> --><ref>http://b.org</ref>", ["b.org"]),
    "a comment within": ("<ref>http://a.org/x <!-- http://b.org --></ref>", ["a.org/x"]),
    "a comment without end": ("<ref>http://a.org</ref><!-- <ref>http://b.org</ref>", ["a.org"]),
    "nowiki": ("<nowiki><ref>http://a.org/x</ref></nowiki><ref>http://b.org</ref>", ["b.org"]),
    "an empty nowiki": ("<nowiki /><ref>http://b.org</ref></nowiki>", ["b.org"]),
    "nowiki without end": ("<nowiki><ref>http://b.org</ref>", ["b.org"]),
    "a comment that nowiki holds": (
        "<nowiki><!--</nowiki><ref>http://b.org</ref>--> x",
        ["b.org"],
    ),
    "source code": ("<syntaxhighlight lang=x><ref>http://a.org</ref></syntaxhighlight>", []),
    "not a ref": ("<references><reference>http://a.org</reference></references>", []),
    "refs in references": ("<references><ref name=a>http://a.org</ref></references>", ["a.org"]),
    "capitals and spaces": (
        "<REF >http://a.org</Ref ><ref\nname=x>http://b.org</ref>",
        ["a.org", "b.org"],
    ),
    "a parser function": (
        "{{#tag:ref|{{cite web|url=http://a.org/x}}|name=q}} x [http://b.org]",
        ["a.org/x"],
    ),
    "an apostrophe in a name": ("<ref name=O'Brien>http://a.org</ref> don't", ["a.org"]),
    "a ref without end": ("<ref>http://a.org<ref name=x /> text", []),
    "no scheme of the web": ("<ref>ftp://a.org/x mailto:b@c.org news://d.org</ref>", []),
    "Cyrillic": (
        "<ref>{{cite web|url=http://сайт.укр/т |назва=Н}}</ref>",
        ["xn--80aswg.xn--j1amh/%D1%82"],
    ),
    "a table cell": ("<ref>http://a.org/x|</ref>", ["a.org/x"]),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_cited(name: str) -> None:
    wikitext, expected = CASES[name]
    assert urls(wikitext) == expected


def test_a_name_used_again_counts_again() -> None:
    found = citations(
        '<ref name="x" /> <ref name="x">{{cite web|url=http://a.org/x}}</ref><ref name=x/>'
        "<ref name='x'></ref><ref name=x group=note /><ref>http://a.org/x/ http://www.a.org/x</ref>"
        "<ref name=unknown />"
    )
    assert {form: cited.count for form, cited in found.items()} == {"a.org/x": 5}
    assert found["a.org/x"].address == "http://a.org/x"


def test_archived_copies_stand_apart() -> None:
    copy = "https://web.archive.org/web/20100101000000/http://a.org/x"
    found = citations(f"<ref>{{{{cite web|url=http://a.org/x|archive-url={copy}}}}}</ref>")
    assert [(f, c.address, c.archive) for f, c in found.items()] == [
        ("a.org/x", "http://a.org/x", copy)
    ]
    (alone,) = citations(f"<ref>[{copy} title]</ref>").items()
    assert alone[0] == "a.org/x"
    assert alone[1].archive == copy
    unnamed = "https://archive.today/AbC"
    (paired,) = citations(f"<ref>http://a.org/x {unnamed}</ref>").items()
    assert (paired[0], paired[1].archive) == ("a.org/x", unnamed)
    assert not citations(f"<ref>{unnamed}</ref>"), "the copy does not say of what"
    assert urls("<ref>https://archive.org/details/book</ref>") == ["archive.org/details/book"]


@pytest.mark.timeout(120)
def test_hostile_pages_take_linear_time() -> None:
    for hostile in ("<nowiki>", "<ref>", "<!--", "<ref name=", "{{#tag:ref|", "|x=", "http://"):
        text = hostile * (500_000 // len(hostile))  # of two million characters MediaWiki stores
        citations(text)
        citations(f"<ref>{text}</ref>")
