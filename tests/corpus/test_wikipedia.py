"""The reader of Wikipedia dumps: which pages become documents, in whatever parts they are read."""

import bz2
import hashlib
import re
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.formats import mediawiki
from corpus.formats.dump_pieces import DAMAGED_BLOCK
from corpus.formats.mediawiki import CUT_PAGE, NO_END, SUFFIXES, read_pages
from corpus.schema import DOCUMENT
from corpus.sources import READERS, wikipedia
from corpus.sources.wikipedia import WikipediaConfig
from corpus.storage import InputFile, list_files
from corpus.wikitext.clean import clean

DEFAULT = WikipediaConfig()
LEFT = ("[[", "{{", "'''", "<ref", "|}")
CODE = re.compile(r"(?is)<(nowiki|code|pre|syntaxhighlight|source|math)\b[^<>/]*>.*?</\1\s*>")
SITE = (
    '<mediawiki xml:lang="sl"><siteinfo><dbname>slwiki</dbname>'
    "<base>https://sl.wikipedia.org/wiki/Glavna_stran</base><namespaces>"
    '<namespace key="6">Slika</namespace></namespaces></siteinfo>\n'
)
LONG = "Ohrid je &lt;b&gt;jezero&lt;/b&gt;. " * 12


def page(title="Ohrid", text=LONG, number=7, ns=0, extra="", model="wikitext") -> str:
    head = f"<title>{title}</title><ns>{ns}</ns><id>{number}</id>{extra}"
    revision = f"<timestamp>2020-01-02T03:04:05Z</timestamp><model>{model}</model>"
    return f"<page>{head}<revision>{revision}<text>{text}</text></revision></page>\n"


def read(path, config=DEFAULT, parts=False):
    counts = Counts()
    file = InputFile(str(path), path.name, path.stat().st_size)
    rows = []
    for part in mediawiki.split(file, parts) if parts else [file]:
        for batch in READERS["wikipedia"].read(part, "wiki", config, counts):
            assert batch.schema == DOCUMENT
            rows += batch.to_pylist()
    return rows, counts


def test_a_document(tmp_path):
    path = tmp_path / "sl.xml"
    text = "[[Slika:X.jpg|sličica]]\n'''Ohrid''' &amp;amp; " + LONG
    path.write_text(SITE + page("Ohrid &amp; jezero?", text) + "</mediawiki>")
    rows, counts = read(path, WikipediaConfig(license="CC-BY-SA-4.0"))
    row = rows[0]
    assert row["title"] == "Ohrid & jezero?"
    assert row["url"] == "https://sl.wikipedia.org/wiki/Ohrid_%26_jezero%3F"
    assert row["date"] == "2020-01-02T03:04:05Z"
    assert row["origin"] == "sl.xml#7"
    assert row["license"] == "CC-BY-SA-4.0"
    assert row["text"] == "Ohrid & " + ("Ohrid je jezero. " * 12).strip()
    assert counts.totals["files"] == counts.totals["documents"] == counts.totals["records"] == 1
    assert counts.totals["bytes_in"] == path.stat().st_size


def test_what_is_no_article_is_counted(tmp_path):
    path = tmp_path / "sl.xml"
    pages = [
        page("Pogovor:Ohrid", ns=1),
        page("A", extra='<redirect title="B"/>'),
        page("C", "#PREUSMERITEV [[Ohrid]]\n" + LONG),
        page("C2", "#redirect:[[Ohrid]] {{R from x}} " + LONG),
        page("D", "{}" * 200, model="json"),
        page("E", "Kratko."),
        page("", LONG),
        page("F", LONG, number=""),
        page("G"),
        page("H", "#Alpha [[Alpha Centauri]]\n#Beta [[Beta Centauri]]\n" + LONG),
    ]
    path.write_text(SITE + "".join(pages) + "</mediawiki>")
    rows, counts = read(path)
    assert [row["title"] for row in rows] == ["G", "H"]
    assert counts.skipped == {
        wikipedia.NOT_AN_ARTICLE: 1,
        wikipedia.REDIRECT: 3,
        wikipedia.NOT_WIKITEXT: 1,
        "shorter than 100 characters": 1,
        wikipedia.NO_ID: 2,
    }
    assert counts.examples["shorter than 100 characters"] == [
        "sl.xml#7 https://sl.wikipedia.org/wiki/E"
    ]


def test_what_a_sentence_lacks_is_noted(tmp_path):
    path = tmp_path / "sl.xml"
    path.write_text(SITE + page(text="Ima {{Prebivalci}} prebivalcev. " + LONG) + "</mediawiki>")
    rows, counts = read(path)
    assert rows[0]["text"].startswith("Ima prebivalcev. Ohrid")
    assert counts.notes == {wikipedia.GAP: 1}
    assert counts.examples == {wikipedia.GAP: ["sl.xml#7 Prebivalci"]}


def test_languages(tmp_path):
    path = tmp_path / "dump.xml"
    path.write_text(SITE.replace("sl.", "eo.") + page() + "</mediawiki>")
    rows, counts = read(path)
    assert not rows
    assert counts.examples == {wikipedia.OTHER_LANGUAGE: ["dump.xml eo"]}
    assert len(read(path, WikipediaConfig(languages=("eo",)))[0]) == 1
    assert len(read(path, WikipediaConfig(languages=()))[0]) == 1
    assert len(WikipediaConfig().languages) == 20


@pytest.mark.parametrize("parts", [False, 700])
@pytest.mark.parametrize(
    ("name", "url", "unknown"),
    [
        ("slwiki-20200101-pages-articles.xml.bz2", "https://sl.wikipedia.org/wiki/P9", 0),
        ("dump.xml.bz2", "dump.xml.bz2#9", 1),
    ],
)
def test_a_dump_whose_beginning_is_damaged(tmp_path, name, url, unknown, parts):
    path = tmp_path / name
    streams = [SITE, *(page(f"P{n}", LONG + str(n**9), number=n) for n in range(10))]
    packed = [bz2.compress(stream.encode()) for stream in [*streams, "</mediawiki>"]]
    packed[0] = packed[0][:40] + b"\xff" * 9 + packed[0][49:]
    path.write_bytes(b"".join(packed))
    rows, counts = read(path, parts=parts)
    assert [row["title"] for row in rows] == [f"P{n}" for n in range(10)]
    assert rows[9]["url"] == url
    assert counts.skipped == {DAMAGED_BLOCK: 1}
    assert counts.totals["dumps_without_language"] == unknown


def test_a_file_name_counts_only_where_the_dump_states_nothing(tmp_path):
    path = tmp_path / "eowiki-20200101-pages-articles.xml.bz2"
    path.write_bytes(bz2.compress((SITE + page() + "</mediawiki>").encode()))
    assert len(read(path)[0]) == 1
    packed = bytearray(path.read_bytes())
    packed[40] ^= 1
    path.write_bytes(packed)
    rows, counts = read(path)
    assert not rows
    assert counts.examples == {wikipedia.OTHER_LANGUAGE: [f"{path.name} eo"]}


@pytest.mark.parametrize(
    ("code", "words"),
    [("xx", "'xx' is no language"), ("ger", "'ger' is no"), ("simpel", "did you mean 'simple'?")],
)
def test_a_code_of_no_language_is_told_with_the_nearest(code, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        WikipediaConfig(languages=("de", code))


@pytest.mark.parametrize("wrong", [{"languages": ("EN",)}, {"min_chars": 0}, {"part_bytes": 9}])
def test_bad_config(wrong):
    with pytest.raises(ConfigError):
        WikipediaConfig(**wrong)


WHOLE = "slwiki-20240101-pages-articles.xml.bz2"


@pytest.mark.parametrize(
    "twin",
    [
        "slwiki-20240101-pages-articles-multistream.xml.bz2",
        "slwiki-20240101-pages-articles1.xml-p1p9999.bz2",
        "again/slwiki-20240101-pages-articles.xml",
        "slwiki-20240101-pages-meta-current.xml.bz2",
    ],
)
def test_a_dump_and_its_twin_are_told_before_reading(twin):
    files = [InputFile(name, name, 1) for name in (WHOLE, twin)]
    with pytest.raises(DataError, match=f"slwiki-20240101 .* 2 kinds .*{WHOLE}, {twin}; keep"):
        READERS["wikipedia"].check(files, DEFAULT)


def test_pieces_other_wikis_and_other_dates_are_no_twins():
    names = [f"slwiki-20240101-pages-articles{n}.xml-p{n}p{n}9.bz2" for n in (1, 2, 3)]
    names += [WHOLE.replace("slwiki", "zh_yuewiki"), WHOLE.replace("2024", "2023"), "a.xml"]
    READERS["wikipedia"].check([InputFile(name, name, 1) for name in names], DEFAULT)


def test_a_dump_cut_within_a_page_gives_every_page_before(tmp_path):
    path = tmp_path / "dump.xml"
    whole = SITE + "".join(page(f"P{n}", number=n) for n in range(9))
    path.write_text(whole[:-50])
    rows, counts = read(path)
    assert [row["title"] for row in rows] == [f"P{n}" for n in range(8)]
    assert counts.skipped == counts.notes == {CUT_PAGE: 1, NO_END: 1}  # neither is a page


@given(st.sampled_from([".xml", ".xml.bz2"]), st.integers(300, 9000), st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_the_same_documents_whatever_the_parts(tmp_path, suffix, size, damage):
    content = SITE + "".join(page(f"P{n}", LONG + str(n**9), number=n) for n in range(60))
    packed = (content + "</mediawiki>").encode()
    if suffix == ".xml.bz2":
        packed = b"".join(
            bz2.compress(packed[at : at + 2000]) for at in range(0, len(packed), 2000)
        )
    half = len(packed) // 2
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(packed[:half] + damage + packed[half:])
    rows, counts = read(path)
    in_parts, parts_counts = read(path, parts=size)
    assert in_parts == rows
    assert parts_counts.totals == counts.totals
    assert parts_counts.skipped == counts.skipped
    assert len(rows) > 40


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read(tmp_path, content):
    for name in ("a.xml", "a.xml.bz2", "a.xml.gz", "a.xml.xz"):
        path = tmp_path / name
        for before in (b"", SITE.encode() + b"<page>", b"BZh91AY&SY"):
            path.write_bytes(before + content)
            read(path)


def test_real_dumps_in_parts(shared, tmp_path):
    place = shared / "wikipedia/dbpedia-minidumps/minidumps/en/wiki.xml.bz2"
    rows, counts = read(place)
    assert (counts.totals["records"], len(rows)) == (27, 23)
    again = tmp_path / "wiki.xml.bz2"
    again.write_bytes(bz2.compress(bz2.decompress(place.read_bytes()), 1))
    in_parts, _ = read(again, parts=1 << 16)
    assert [row["text"] for row in in_parts] == [row["text"] for row in rows]


def test_no_markup_is_left_in_real_articles(shared):
    articles, left = 0, Counter()
    for file in list_files(str(shared / "wikipedia"), SUFFIXES):
        for article in read_pages(file, Counts()):
            if article.namespace == 0 and not article.redirect:
                text = clean(CODE.sub("", article.wikitext), article.title)
                left.update(mark for mark in LEFT if mark in text)
                articles += 1
    assert articles == 556
    assert not left


def test_real_articles_as_they_were_read_by_eye(shared):
    """Changes with every rule: read what changed (all dumps, in order), then write it down."""
    config = WikipediaConfig(languages=())
    digest, documents = hashlib.sha256(), 0
    for file in list_files(str(shared / "wikipedia"), SUFFIXES):
        for batch in wikipedia.read(file, "wiki", config, Counts()):
            for text in batch["text"].to_pylist():
                digest.update(text.encode())
                documents += 1
    assert documents == 554
    assert digest.hexdigest()[:16] == "16f61ddd7d5f1b74"
