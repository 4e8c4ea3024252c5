"""Pages of MediaWiki dumps: made ones, cut ones and real ones."""

import bz2
import gzip
import io
import lzma
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.errors import DataError
from corpus.formats import dump_pieces, mediawiki
from corpus.formats.dump_pieces import CUT, DAMAGED_BLOCK
from corpus.formats.mediawiki import (
    CUT_PAGE,
    DAMAGED_PAGE,
    LARGE_PAGE,
    NO_END,
    NOT_A_DUMP,
    SUFFIXES,
    Site,
    WikiPage,
    read_pages,
    read_site,
    split,
)
from corpus.storage import InputFile, list_files

PAGE = (
    "<page><title>{title}</title><ns>{ns}</ns><id>1</id>{redirect}"
    "<revision><id>2</id><contributor><username>u</username></contributor>"
    "<text>older</text></revision>"
    '<revision><id>3</id><text bytes="9">{text}</text></revision></page>\n'
)


def dump(*titles: str) -> str:
    pages = "".join(
        PAGE.format(
            title=title,
            ns=1 if title.startswith("Talk:") else 0,
            redirect='<redirect title="A" />' if title == "Moved" else "",
            text=f"&lt;ref&gt;http://a.org/{title}&lt;/ref&gt; &amp; more",
        )
        for title in titles
    )
    head = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/">'
    info = "<siteinfo><dbname>tinywiki</dbname><namespaces><namespace key='0'/></namespaces>"
    return f"{head}\n{info}</siteinfo>\n{pages}</mediawiki>\n"


def read(path: Path) -> tuple[list[WikiPage], Counts]:
    counts = Counts()
    size = path.stat().st_size
    return list(read_pages(InputFile(str(path), path.name, size), counts)), counts


def test_pages_and_their_last_revision(tmp_path: Path) -> None:
    path = tmp_path / "wiki.xml"
    path.write_text(dump("A", "Talk:A", "Moved"))
    pages, counts = read(path)
    assert pages[0] == WikiPage(
        "tinywiki", "A", 0, False, "<ref>http://a.org/A</ref> & more", page_id=1
    )
    assert [(p.title, p.namespace, p.redirect) for p in pages[1:]] == [
        ("Talk:A", 1, False),
        ("Moved", 0, True),
    ]
    assert counts.totals == {"pages": 3}
    assert not counts.skipped


def pack(kind: str, content: bytes) -> bytes:
    half = len(content) // 2
    streams = (content[:half], content[half:])  # as multistream dumps are
    if kind == "bz2":
        return b"".join(map(bz2.compress, streams))
    if kind == "gz":
        return b"".join(gzip.compress(part, mtime=0) for part in streams)
    if kind == "zst":
        return b"".join(pa.compress(part, "zstd", asbytes=True) for part in streams)
    return b"".join(map(lzma.compress, streams))


@pytest.mark.parametrize("kind", ["bz2", "gz", "xz", "zst"])
def test_compressed_in_one_stream_or_many(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"wiki.xml.{kind}"
    path.write_bytes(pack(kind, dump("A", "B", "Ü").encode()))
    pages, _ = read(path)
    assert [page.title for page in pages] == ["A", "B", "Ü"]


def test_a_dump_cut_off_gives_what_comes_before(tmp_path: Path) -> None:
    whole = dump("A", "B", "C")
    path = tmp_path / "wiki.xml"
    path.write_text(whole[: whole.index("<title>C") + 30])
    pages, counts = read(path)
    assert [page.title for page in pages] == ["A", "B"]
    assert counts.examples == {CUT_PAGE: ["wiki.xml#B"], NO_END: ["wiki.xml#B"]}


@pytest.mark.parametrize("kind", ["bz2", "gz", "xz", "zst"])
def test_a_compressed_dump_cut_off_or_damaged(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"wiki.xml.{kind}"
    packed = pack(kind, dump(*(f"P{n * 7919 % 1009}" for n in range(2000))).encode())
    path.write_bytes(packed[: len(packed) * 3 // 4])
    pages, counts = read(path)
    assert len(pages) > 100
    assert counts.skipped[DAMAGED_BLOCK if kind == "bz2" else CUT] == 1
    path.write_bytes(packed[:5000] + b"\xff" * 60 + packed[5060:])
    pages, counts = read(path)
    assert len(pages) < 2000
    assert counts.skipped


@pytest.mark.parametrize(
    ("content", "reasons"),
    [
        ("", [NOT_A_DUMP]),
        ("no dump at all", [NOT_A_DUMP]),
        ("<mediawiki><page><ns>x</ns></page></mediawiki>", [DAMAGED_PAGE]),
        ("<mediawiki><page><title>A</page>", [DAMAGED_PAGE, NO_END]),
    ],
)
def test_what_is_no_dump(tmp_path: Path, content: str, reasons: list[str]) -> None:
    path = tmp_path / "wiki.xml"
    path.write_text(content)
    pages, counts = read(path)
    assert not pages
    assert counts.examples == {reason: ["wiki.xml"] for reason in reasons}


# as Wikimedia names what it publishes of a wiki
DUMPS = """enwiki-20230101-pages-articles.xml.bz2
    enwiki-20230101-pages-articles1.xml-p1p41242.bz2
    enwiki-20230101-pages-articles-multistream1.xml-p1p41242.bz2
    enwiki-20230101-pages-meta-current27.xml-p71475910p72665798.bz2
    enwiki-20230101-pages-articles1.xml-p1p41242 dewiki-latest-pages-articles2.xml-p3p9.gz
    dewiki-latest-pages-articles2.xml-p3p9.zst dewiki-latest-pages-articles.xml.zst
    dewiki-latest-pages-articles.xml.gz""".split()
OTHERS = """enwiki-20230101-pages-articles-multistream-index.txt.bz2 enwiki-20230101-md5sums.txt
    enwiki-20230101-pages-articles-multistream-index1.txt-p1p41242.bz2 enwiki-20230101-page.sql.gz
    enwiki-20230101-siteinfo-namespaces.json.gz""".split()


def test_the_names_that_wikimedia_gives_its_files(tmp_path: Path) -> None:
    for name in (*DUMPS, *OTHERS):
        content = dump(name).encode()
        kind = name.rpartition(".")[2] if name.endswith(("bz2", "gz", "zst")) else None
        (tmp_path / name).write_bytes(pack(kind, content) if kind else content)
    files = list_files(str(tmp_path), SUFFIXES)
    assert [file.name for file in files] == sorted(DUMPS)
    for file in files:
        assert [page.title for page in read_pages(file, Counts())] == [file.name]
    plain = next(file for file in files if file.name.endswith("p41242"))
    assert len(split(plain, 200)) > 1


def test_a_history_packed_by_7_zip_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "enwiki-20230101-pages-meta-history1.xml-p1p857.7z").write_bytes(b"7z")
    with pytest.raises(DataError, match=r"p1p857\.7z is packed by 7-Zip"):
        list_files(str(tmp_path), SUFFIXES)


class _Failing(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise OSError("the disk is gone")


@pytest.mark.parametrize("kind", ["", ".bz2", ".gz", ".xz", ".zst"])
def test_a_disk_that_fails_is_no_damage(monkeypatch, kind: str) -> None:
    monkeypatch.setattr(dump_pieces, "open_input", lambda uri: _Failing())
    with pytest.raises(DataError, match="cannot be read: the disk is gone"):
        list(dump_pieces.read_pieces(InputFile("wiki", f"wiki.xml{kind}", 1)))


def test_real_dumps(shared) -> None:
    found = {}
    for file in list_files(str(shared / "wikipedia"), SUFFIXES):
        counts = Counts()
        titles = [page.title for page in read_pages(file, counts)]
        found[file.name.split("/")[-2]] = (len(titles), counts.skipped.total())
    assert len(found) == 16
    assert found["en"] == (27, 0)
    assert found["xztextfilter"] == (532, 2), "the sample ends within a page"


@pytest.mark.parametrize("size", [200, 1000, 64 << 20])
def test_a_page_without_its_end_takes_no_other_with_it(tmp_path: Path, size: int) -> None:
    path = tmp_path / "wiki.xml"
    whole = dump("A", "B", "C", "D")
    at = whole.index("</page>", whole.index("<title>B"))
    path.write_text(whole[:at] + whole[at + len("</page>") :])
    counts, titles = Counts(), []
    for part in split(InputFile(str(path), path.name, path.stat().st_size), size):
        titles += [page.title for page in read_pages(part, counts)]
    assert titles == ["A", "C", "D"]
    assert counts.skipped == {CUT_PAGE: 1}


@pytest.mark.parametrize("suffix", ["", ".bz2"])
@pytest.mark.parametrize("blank", [" ", "\n", "\t \r\n" * 9])
def test_tags_with_blanks_as_xml_allows_them(tmp_path: Path, suffix: str, blank: str) -> None:
    content = dump("A", "B", "C", "D")
    for tag in ("<page", "</page", "</mediawiki"):
        content = content.replace(tag, tag + blank)
    path = tmp_path / f"wiki.xml{suffix}"
    for size in (150, 200, 333, 64 << 20):
        _check_parts(path, _packed(content.encode(), suffix), size)
    pages, counts = read(path)
    assert [page.title for page in pages] == ["A", "B", "C", "D"]
    assert not counts.skipped


LOST = ("<page>", "</page>", "<title>", "</text>", "</revision></page>\n<page>")


@given(st.data(), st.sampled_from(["", ".bz2"]), st.integers(100, 4000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_the_same_pages_of_a_damaged_dump_whatever_the_parts(tmp_path, data, suffix, size) -> None:
    content = dump(*(f"P{n * 7919 % 1009}" for n in range(30)))
    for mark in data.draw(st.lists(st.sampled_from(LOST), min_size=1, max_size=4)):
        at = content.find(mark, data.draw(st.integers(0, len(content))))
        if at >= 0:
            content = content[:at] + content[at + len(mark) :]
    _check_parts(tmp_path / f"wiki.xml{suffix}", _packed(content.encode(), suffix), size)


@given(st.sampled_from(["", ".bz2"]), st.integers(100, 4000), st.integers(0, 9), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_the_same_pages_whatever_the_parts(tmp_path, suffix, size, damage, cut) -> None:
    content = _packed(dump(*(f"P{n * 7919 % 1009}" for n in range(60))).encode(), suffix)
    if damage:
        at = len(content) * damage // 10
        content = content[:at] + b"\xff" * 40 + content[at + 40 :]
    if cut:
        content = content[: -len(content) // 7]
    _check_parts(tmp_path / f"wiki.xml{suffix}", content, size)


def test_a_last_part_of_a_few_bytes(tmp_path: Path) -> None:
    content = dump("A", "B", "C").encode()
    for rest in range(1, 70):
        _check_parts(tmp_path / "wiki.xml", content, len(content) - rest)
        first = bz2.compress(content[:-rest])
        packed = first + bz2.compress(content[-rest:])
        _check_parts(tmp_path / "wiki.xml.bz2", packed, len(first) - 40)


def _packed(content: bytes, suffix: str) -> bytes:
    slices = [content[at : at + 999] for at in range(0, len(content), 999)]
    return b"".join(map(bz2.compress, slices)) if suffix else content


def _check_parts(path: Path, content: bytes, size: int) -> None:
    path.write_bytes(content)
    whole, counts = read(path)
    pages, in_parts = [], Counts()
    for part in split(InputFile(str(path), path.name, len(content)), size):
        pages += list(read_pages(part, in_parts))
    assert pages == whole
    assert in_parts.totals == counts.totals
    assert in_parts.skipped == counts.skipped


def test_of_a_large_page_the_last_revision_is_held(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(mediawiki, "_THIN_OVER", 1 << 20)
    monkeypatch.setattr(mediawiki, "_LARGEST_PAGE", 3 << 20)
    old = "<revision><text>" + "old " * 100_000 + "</text></revision>"
    page = "<page><title>{}</title><id>{}</id>{}<revision><text>{}</text></revision></page>"
    path = tmp_path / "wiki.xml"
    pages = [page.format("A", 1, old * 20, "last"), page.format("B", 2, "", "x" * (5 << 20))]
    path.write_text("<mediawiki>" + "".join(pages) + page.format("C", 3, "", "c") + "</mediawiki>")
    found, counts = read(path)
    assert [(page.title, page.wikitext) for page in found] == [("A", "last"), ("C", "c")]
    assert counts.skipped == {LARGE_PAGE: 1}


def test_what_a_dump_says_of_its_wiki(tmp_path) -> None:
    path = tmp_path / "wiki.xml.bz2"
    names = '<namespace key="6" case="first-letter">Файл</namespace><namespace key="0" />'
    base = "https://uk.wikipedia.org/wiki/X"
    info = f"<dbname>ukwiki</dbname><base>{base}</base><namespaces>{names}</namespaces>"
    path.write_bytes(bz2.compress(f"<mediawiki><siteinfo>{info}</siteinfo>".encode()))
    site = read_site(InputFile(str(path), path.name, 1, start=7))
    assert site == Site(True, "ukwiki", base, "uk", {6: "Файл"})
    path = tmp_path / "wiki.xml"
    path.write_text("<mediawiki><siteinfo><dbname>zh_yuewiki</dbname></siteinfo>")
    assert read_site(InputFile(str(path), path.name, 1)).language == "zh-yue"
