"""Pages of MediaWiki dumps: made ones, cut ones and real ones."""

import bz2
import gzip
import lzma
from pathlib import Path

import pytest

from corpus.counts import Counts
from corpus.formats.mediawiki import SUFFIXES, WikiPage, read_pages
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
    assert pages[0] == WikiPage("tinywiki", "A", 0, False, "<ref>http://a.org/A</ref> & more")
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
    return b"".join(map(lzma.compress, streams))


@pytest.mark.parametrize("kind", ["bz2", "gz", "xz"])
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
    reason = "dump cut off or not XML, after this page"
    assert counts.examples == {reason: ["wiki.xml#B"]}


@pytest.mark.parametrize("kind", ["bz2", "gz", "xz"])
def test_a_compressed_dump_cut_off_or_damaged(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"wiki.xml.{kind}"
    packed = pack(kind, dump(*(f"P{n * 7919 % 1009}" for n in range(2000))).encode())
    path.write_bytes(packed[: len(packed) * 3 // 4])
    pages, counts = read(path)
    assert len(pages) > 100
    assert counts.skipped == {"compressed dump cut off or damaged, after this page": 1}
    path.write_bytes(packed[:5000] + b"\xff" * 60 + packed[5060:])
    pages, counts = read(path)
    assert len(pages) < 2000
    assert counts.skipped.total() == 1


@pytest.mark.parametrize("content", ["", "no dump at all", "<mediawiki><page><ns>x</ns></page>"])
def test_what_is_no_dump(tmp_path: Path, content: str) -> None:
    path = tmp_path / "wiki.xml"
    path.write_text(content)
    pages, counts = read(path)
    assert not pages
    assert counts.examples == {"dump cut off or not XML, after this page": ["wiki.xml"]}


def test_real_dumps(shared) -> None:
    found = {}
    for file in list_files(str(shared / "wikipedia"), SUFFIXES):
        counts = Counts()
        titles = [page.title for page in read_pages(file, counts)]
        found[file.name.split("/")[-2]] = (len(titles), counts.skipped.total())
    assert len(found) == 16
    assert found["en"] == (27, 0)
    assert found["xztextfilter"] == (532, 1), "the sample ends within a page"
