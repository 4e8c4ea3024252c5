"""WET files read many members at once: the same to the last count as record by record."""

import gzip
import random
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.formats import members, wet_members
from corpus.formats.records import DAMAGED
from corpus.sources import wet
from corpus.storage import InputFile, list_files

MARK = b"WARC/1.0\r\n"
URL, DATE, DIGEST = b"http://example.test/a?b=c", b"2026-11-20T00:00:00Z", b"sha1:AAAA"
BODY = "Title\nsome text é\n".encode()
CONFIGS = [
    wet.WetConfig(5, headers, records, last_line)
    for headers in ("exact", "fixed")
    for records in ("exact", "fixed")
    for last_line in ("exact", "fixed")
]


def lines(url: bytes = URL, language: bytes = b"", length: int | bytes = len(BODY)) -> list[bytes]:
    return [
        b"WARC-Type: conversion",
        b"WARC-Target-URI: " + url,
        b"WARC-Date: " + DATE,
        b"WARC-Record-ID: <urn:uuid:1 2>",
        b"WARC-Refers-To: <urn:uuid:2>",
        b"WARC-Block-Digest: " + DIGEST,
        *([b"WARC-Identified-Content-Language: " + language] if language else []),
        b"Content-Type: text/plain",
        b"Content-Length: %s" % (length if isinstance(length, bytes) else b"%d" % length),
    ]


def record(headers: list[bytes], body: bytes = BODY, end: bytes = b"\r\n\r\n") -> bytes:
    return MARK + b"\r\n".join([*headers, b"", b""]) + body + end


def packed(*contents: bytes) -> bytes:
    return b"".join(gzip.compress(content, 1, mtime=0) for content in contents)


def one_by_one(*_: object) -> Iterator[wet_members.Pages]:
    yield from ()
    return 0


def read(path: Path, config: wet.WetConfig) -> tuple[list[dict], Counts]:
    counts = Counts()
    (file,) = list_files(str(path))
    rows = [row for b in wet.read(file, "web", config, counts) for row in b.to_pylist()]
    return rows, counts


def read_on_at(path: Path, config: wet.WetConfig) -> tuple[int, int | None]:
    """How many documents are read at once, and where that ends."""
    rules = wet_members.Rules(config.records == "fixed", config.headers == "exact", True, 1)
    file = InputFile(str(path), path.name, path.stat().st_size)
    reading, found = wet_members.read_members(file, rules, Counts()), 0
    while True:
        try:
            found += len(next(reading).origins)
        except StopIteration as end:
            return found, end.value


@pytest.mark.parametrize("config", CONFIGS)
def test_a_file_as_common_crawl_writes_it_is_read_so_to_its_end(
    tmp_path: Path, config: wet.WetConfig
) -> None:
    info = MARK + b"WARC-Type: warcinfo\r\nContent-Length: 5\r\n\r\na: b\n\r\n\r\n"
    idn = record(lines("http://éxample.test/".encode()))
    content = [info, record(lines()), idn, *[record(lines(URL + b"%d" % n)) for n in range(9)]]
    path = tmp_path / "a.wet.gz"
    path.write_bytes(packed(*content))
    assert read_on_at(path, config) == (11, None)
    rows, counts = read(path, config)
    urls = [URL, "http://éxample.test/".encode(), *[URL + b"%d" % n for n in range(9)]]
    assert [row["url"].encode() for row in rows] == urls
    assert {(row["date"], row["digest"]) for row in rows} == {(DATE.decode(), DIGEST.decode())}
    assert rows[1]["origin"] == f"a.wet.gz#{len(packed(*content[:2]))}"
    assert (rows[0]["title"], rows[0]["text"]) == ("Title", "some text é")
    assert counts.totals["records"] == counts.totals["documents"] == 11
    assert counts.totals["files"] == 1


@pytest.mark.parametrize(
    "odd",
    [
        record(lines(length=len(BODY) - 1)),
        record(lines(), end=b"\r\n"),
        record(lines()) * 2,
        b"\r\n" + record(lines()),
        b"",
        record(lines(), BODY + b"x" * (9 << 20)),
        record(lines(URL + b"x" * 100_000)),
    ],
)
def test_what_is_not_one_record_is_left_to_the_other_readers(tmp_path: Path, odd: bytes) -> None:
    path = tmp_path / "a.wet.gz"
    path.write_bytes(packed(record(lines()), odd, record(lines())))
    assert read_on_at(path, wet.WetConfig()) == (0, 0)


@pytest.mark.parametrize("odd", [record(lines()) * 2, b""])
def test_a_long_gzip_header_is_no_damage(tmp_path: Path, odd: bytes) -> None:
    first = packed(record(lines()))
    first = first[:3] + b"\x08" + first[4:10] + b"a" * 100_000 + b"\0" + first[10:]
    path = tmp_path / "a.wet.gz"
    for others in ([], [record(lines())] * 5):
        path.write_bytes(first + packed(*others, odd, record(lines())))
        for config in CONFIGS:
            rows, counts = read(path, config)
            assert len(rows) == 2 + len(others) + (2 if odd else 0)
            assert not counts.skipped


@pytest.mark.parametrize("right", [True, False])
def test_a_header_with_a_checksum_is_left_to_readers_that_check_it(
    tmp_path: Path, right: bool
) -> None:
    header = b"\x1f\x8b\x08\x02\0\0\0\0\0\xff"
    checksum = zlib.crc32(header) & 0xFFFF if right else 0x1234
    odd = header + struct.pack("<H", checksum) + packed(record(lines()))[10:]
    path = tmp_path / "a.wet.gz"
    path.write_bytes(packed(record(lines())) + odd + packed(record(lines())))
    for config in CONFIGS:
        rows, counts = read(path, config)
        assert len(rows) == (3 if right else 2)
        assert counts.skipped == ({} if right else {DAMAGED: 1})


def test_a_line_that_begins_a_record_matters_only_to_a_reader_by_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.wet.gz"
    body = b"T\na\n \xe3\x80\x80WARC/1.0\t\nb\n"
    path.write_bytes(packed(record(lines()), record(lines(length=len(body)), body)))
    assert read_on_at(path, wet.WetConfig(records="fixed")) == (2, None)
    assert read_on_at(path, wet.WetConfig(records="exact")) == (0, 0)


def test_a_record_within_a_text_that_is_lost_to_its_headers_is_found(tmp_path: Path) -> None:
    inner = b"T\nsome inner text\n"
    body = b"T\na\n" + record(lines(length=len(inner)), inner)
    outer = record(lines(language=b"eng", length=len(body)), body)
    path = tmp_path / "a.wet.gz"
    path.write_bytes(packed(outer, record(lines())))
    config = wet.WetConfig(5, "exact", "exact")
    assert read_on_at(path, config) == (0, 0)
    rows, counts = read(path, config)
    assert [row["text"] for row in rows] == ["some inner text\n\n", "some text é"]
    assert counts.totals["records"] == 3


@pytest.mark.parametrize(
    ("stated", "url"),
    [
        (b"http://e.test/?a=<b>", "http://e.test/?a=<b>"),
        (b"http://e.test/>", "http://e.test/>"),
        (b"<http://e.test/", "<http://e.test/"),
        (b"<http://e.test/>", "http://e.test/"),
        (b"<>", None),
    ],
)
def test_only_a_pair_of_brackets_is_none_of_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stated: bytes, url: str | None
) -> None:
    path = tmp_path / "a.wet.gz"
    path.write_bytes(packed(record(lines(stated))))
    for reader in (wet.read_members, one_by_one):
        monkeypatch.setattr(wet, "read_members", reader)
        for records in ("exact", "fixed"):
            rows, _ = read(path, wet.WetConfig(5, "fixed", records))
            assert [row["url"] for row in rows] == ([url] if url else [])


def test_long_members_are_read_at_once_too(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(2_500_000).hex().encode()  # hex: packed half as long
    long = [BODY + noise, BODY + noise[::-1]]
    path = tmp_path / "a.wet.gz"
    contents = [record(lines(length=len(body)), body) for body in (BODY, *long, BODY, BODY)]
    path.write_bytes(packed(*contents))
    assert path.stat().st_size > 4 << 20
    assert read_on_at(path, wet.WetConfig()) == (5, None)
    rows, _ = read(path, wet.WetConfig(5, last_line="fixed"))
    assert [len(row["text"]) for row in rows] == [11, 5_000_012, 5_000_012, 11, 11]


urls = st.sampled_from(
    [
        URL,
        URL,
        b"<http://example.test/>",
        b"<http://example.test/",
        b"http://example.test/?a=<b>",
        "http://é.test/".encode(),
        b"a b",
        b"",
        b" x",
        b"\xff",
    ]
)
lengths = st.sampled_from([None] * 16 + [b"", b"x", b"1", b"00", b"+1", b"9" * 12, b"1e3", b"2 "])
bits = st.sampled_from(
    [
        b"some text\n",
        b"\n",
        b"\r\n\r\n",
        b"WARC/1.0",
        b"\nWARC/1.0\r\n",
        b" ",
        b"\xff",
        "é".encode(),
    ]
)
within = st.sampled_from([b"", b"eng"]).map(lambda language: BODY + record(lines(URL, language)))
bodies = st.one_of(st.just(BODY), st.just(b""), within, st.lists(bits, max_size=6).map(b"".join))
swaps = st.sampled_from(
    [(b"", b"")] * 20
    + [
        (b"conversion", b"Conversion"),
        (b"conversion", b"warcinfo"),
        (b"WARC-Type", b"warc-type"),
        (b"WARC-Type: conversion\r\n", b""),
        (b"WARC-Date: ", b"WARC-Date:"),
        (b"WARC-Date: 2026-11-20T00:00:00Z\r\n", b""),
        (b"WARC-Date", b"WARC-Target-URI"),
        (b"WARC-Refers-To: ", b"WARC-Refers-To:\t"),
        (b"Content-Type: text/plain", b"Content-Type: a\r\n b"),
        (b"WARC/1.0", b"WARC/1.1"),
        (b"WARC/1.0\r\n", b" WARC/1.0\r\n"),
        (b"\r\n", b"\n"),
        (b"sha1:AAAA", b"sha1:AAAA "),
        (b"text/plain", b"text/\rplain"),
        (b"text/plain", b""),
    ]
)


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    body, stated = draw(bodies), draw(lengths)
    language = draw(st.sampled_from([b"", b"eng,deu"]))
    headers = lines(draw(urls), language, len(body) if stated is None else stated)
    whole = record(
        headers, body, draw(st.sampled_from([b"\r\n\r\n"] * 6 + [b"\n\n", b"\r\n", b""]))
    )
    return whole.replace(*draw(swaps))


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(contents(), min_size=1, max_size=8),
    st.sampled_from(CONFIGS),
    st.sampled_from([1, 700, 1 << 20]),
    st.sampled_from([50, 1 << 20]),
    st.sampled_from([None, None, None, "damage", "cut", "garbage", "joined"]),
    st.data(),
)
def test_the_same_as_record_by_record(
    tmp_path: Path,
    parts: list[bytes],
    config: wet.WetConfig,
    at_once: int,
    piece: int,
    fault: str | None,
    data: st.DataObject,
) -> None:
    stored = packed(*parts)
    place = data.draw(st.integers(0, len(stored) - 1)) if fault else 0
    if fault == "damage":
        stored = stored[:place] + b"\xff" * 4 + stored[place + 4 :]
    elif fault == "cut":
        stored = stored[:place]
    elif fault == "garbage":
        stored += b"\0" * (place % 20)
    elif fault == "joined":
        stored = packed(*parts[:2], b"".join(parts[2:]))
    path = tmp_path / "a.wet.gz"
    path.write_bytes(stored)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "_PIECE", piece)
        patch.setattr(wet_members, "_AT_ONCE", at_once)
        found = read(path, config)
        patch.setattr(wet, "read_members", one_by_one)
        assert found == read(path, config)
