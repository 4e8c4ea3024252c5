"""ARC files: records by the line they begin with, whole ones only, every fault named."""

import gzip
from pathlib import Path

import pytest

from corpus.counts import Counts
from corpus.formats.records import CUT, DAMAGED, EMPTY, NOT_ARC, RawRecord
from corpus.formats.warc_records import read_records
from corpus.sources import READERS
from corpus.storage import list_files

PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html><title>T</title><p>" + b"word " * 99
)
FILE = (
    b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain 68\n1 0 Someone\n"
    b"URL IP-address Archive-date Content-type Archive-length\n\n"
)


def record(number: int, url: str = "http://example.test/", page: bytes = PAGE) -> bytes:
    line = f"{url}{number} 1.2.3.4 2008043020482{number} text/html {len(page)}\n"
    return line.encode() + page + b"\n"


RECORDS = [FILE, *(record(number) for number in range(5))]


def read(folder: Path, content: bytes, name: str = "a.arc") -> tuple[list[RawRecord], Counts]:
    (folder / name).write_bytes(content)
    counts = Counts()
    (file,) = list_files(str(folder))
    return list(read_records(file, "response", counts)), counts


def numbers(found: list[RawRecord]) -> list[int]:
    return [int(r.headers["warc-target-uri"].rpartition("/")[2]) for r in found]


@pytest.mark.parametrize("packed", [True, False])
def test_records_have_warc_s_headers_and_their_place(tmp_path: Path, packed: bool) -> None:
    parts = [gzip.compress(r, mtime=0) for r in RECORDS] if packed else RECORDS
    found, counts = read(tmp_path, b"".join(parts))
    assert numbers(found) == [0, 1, 2, 3, 4]
    assert [r.block for r in found] == [PAGE] * 5
    assert found[2].headers["warc-date"] == "2008-04-30T20:48:22Z"
    assert found[2].origin == f"a.arc#{sum(map(len, parts[:3]))}"
    assert not counts.skipped
    assert counts.totals["records"] == 5


def test_records_of_one_member_are_told_apart(tmp_path: Path) -> None:
    found, _ = read(tmp_path, gzip.compress(b"".join(RECORDS)))
    assert [r.origin for r in found] == [f"a.arc#0.{n}" for n in range(1, 6)]


def test_odd_lines(tmp_path: Path) -> None:
    spaces = record(1, "http://example.test/a b  c/")
    second_version = record(2).replace(b"text/html", b"text/html 200 checksum - 123 a.arc", 1)
    not_utf8 = record(3).replace(b"http://example.test/", b"http://\xff/")
    found, counts = read(tmp_path, FILE + spaces + second_version + not_utf8 + record(4, page=b""))
    assert [r.headers["warc-target-uri"] for r in found] == [
        "http://example.test/a b  c/1",
        "http://example.test/2",
        "http://\ufffd/3",
    ]
    assert counts.skipped == {EMPTY: 1}


def test_damage_costs_the_record_it_is_in(tmp_path: Path) -> None:
    lost = [FILE, record(0), record(1).replace(b" 1.2.3.4 ", b"\xff\xff"), record(2)]
    found, counts = read(tmp_path, b"".join(lost))
    assert numbers(found) == [0, 2]
    assert counts.skipped == {DAMAGED: 1}
    members = [gzip.compress(r, mtime=0) for r in RECORDS]
    members[3] = members[3][:12] + b"\xff" * 8 + members[3][20:]
    found, counts = read(tmp_path, b"".join(members))
    assert numbers(found) == [0, 1, 3, 4]
    assert counts.skipped == {DAMAGED: 1}


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_cut_short(tmp_path: Path, packed: bool) -> None:
    content = b"".join(gzip.compress(r, mtime=0) if packed else r for r in RECORDS)
    found, counts = read(tmp_path, content[:-40])
    assert numbers(found) == [0, 1, 2, 3]
    assert counts.skipped == {CUT: 1}


@pytest.mark.parametrize(
    "content", [b"text\n" * 99, gzip.compress(b"text\n" * 99), b"\x1f\x8b\x08"]
)
def test_what_is_no_arc_is_skipped_by_name(tmp_path: Path, content: bytes) -> None:
    found, counts = read(tmp_path, content)
    assert (found, dict(counts.skipped)) == ([], {NOT_ARC: 1})


def test_pages_of_an_arc_file_become_documents(tmp_path: Path) -> None:
    (tmp_path / "a.arc.gz").write_bytes(b"".join(gzip.compress(r) for r in RECORDS))
    reader, counts = READERS["warc"], Counts()
    (file,) = list_files(str(tmp_path), reader.suffixes)
    rows = [
        row
        for batch in reader.read(file, "web", reader.config(), counts)
        for row in batch.to_pylist()
    ]
    assert [row["url"] for row in rows] == [f"http://example.test/{n}" for n in range(5)]
    assert rows[0]["date"] == "2008-04-30T20:48:20Z"
    assert rows[0]["digest"].startswith("sha1:")
