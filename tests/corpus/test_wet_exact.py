"""The reference's defects as switches: a vector each, and its code's own reading."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.formats import members, wet_lines
from corpus.formats.records import CUT, DAMAGED, NOT_WARC, OTHERWISE_PACKED
from corpus.sources import wet
from corpus.storage import list_files

EXACT = wet.WetConfig(min_chars=1, headers="exact", records="exact", last_line="exact")
BODY = "Title\nsome text\n"


def head(number: int = 1, language: str = "", version: str = "WARC/1.0") -> str:
    lines = [
        version,
        "WARC-Type: conversion",
        f"WARC-Target-URI: http://example.test/{number}",
        "WARC-Date: 2026-11-20T00:00:00Z",
        "WARC-Record-ID: <urn:uuid:1>",
        "WARC-Refers-To: <urn:uuid:2>",
        "WARC-Block-Digest: sha1:AAAA",
        *([f"WARC-Identified-Content-Language: {language}"] if language else []),
        "Content-Type: text/plain",
    ]
    return "".join(f"{line}\r\n" for line in lines)


def record(body: str = BODY, **about) -> bytes:
    length = f"Content-Length: {len(body.encode())}\r\n\r\n"
    return (head(**about) + length + body).encode() + b"\r\n\r\n"


def read(folder: Path, content: bytes, config: wet.WetConfig) -> tuple[list[tuple], Counts]:
    (folder / "a.wet").write_bytes(content)
    counts = Counts()
    (file,) = list_files(str(folder))
    rows = [row for b in wet.read(file, "web", config, counts) for row in b.to_pylist()]
    return [tuple(r[c] for c in ("url", "digest", "date", "title", "text")) for r in rows], counts


def texts(folder: Path, content: bytes, **switches) -> list[str]:
    config = wet.WetConfig(min_chars=1, **switches)
    return [row[-1] for row in read(folder, content, config)[0]]


def as_the_reference_reads(content: bytes) -> Iterator[tuple]:
    """The rules of the public code's module process_wet_file, in plain Python."""
    heads: list[list[str]] = [[]]
    bodies: list[list[str]] = [[]]
    in_head = True
    for line in io.TextIOWrapper(io.BytesIO(content), "utf-8"):
        line = line.strip()
        if in_head:
            heads[-1].append(line)
            in_head = line != ""
        elif line == "WARC/1.0":
            heads.append([line])
            bodies.append([])
            in_head = True
        else:
            bodies[-1].append(line)
    for found, lines in zip(heads, bodies, strict=True):
        try:
            if found[1].split()[1] != "conversion":
                continue
            url, date, digest = (found[at].split()[1] for at in (2, 3, 6))
            int(found[8].split()[1])
        except (IndexError, ValueError):
            continue
        if lines == [""]:  # the reference's code stops with an error
            continue
        blank = lines[-2:] == ["", ""]
        text = "\n".join(lines[1 : -2 if blank else None])
        if text:
            yield url, digest, date, lines[0], text


def test_headers_by_place_lose_a_record_that_states_its_language(tmp_path: Path) -> None:
    content = record() + record("T\nanother\n", number=2, language="eng")
    for records in ("exact", "fixed"):
        assert texts(tmp_path, content, headers="exact", records=records) == ["some text"]
        assert texts(tmp_path, content, headers="fixed", records=records) == [
            "some text",
            "another",
        ]
    _, counts = read(tmp_path, content, EXACT)
    assert counts.skipped == {"headers not where CCNet looks": 1}
    assert counts.totals["records"] == 2


def test_headers_by_place_take_the_second_word(tmp_path: Path) -> None:
    content = record().replace(b"http://example.test/1", b"http://example.test/a b\xc2\xa0c")
    assert read(tmp_path, content, EXACT)[0][0][0] == "http://example.test/a"
    by_name = wet.WetConfig(min_chars=1, records="exact")
    assert read(tmp_path, content, by_name)[0][0][0] == "http://example.test/a b\xa0c"


def test_records_by_line_are_cut_at_a_line_that_looks_like_one(tmp_path: Path) -> None:
    content = record("T\nbefore\n \u3000WARC/1.0\t\nlost\n\nlost too\n") + record(number=2)
    assert texts(tmp_path, content, records="exact") == ["before", "some text"]
    assert texts(tmp_path, content) == ["before\nWARC/1.0\nlost\n\nlost too", "some text"]
    kept = record("T\nsee WARC/1.0\nWARC/1.0 says\nWARC/1.1\n")
    assert texts(tmp_path, kept, records="exact") == ["see WARC/1.0\nWARC/1.0 says\nWARC/1.1"]


def test_records_by_line_read_a_record_within_a_text(tmp_path: Path) -> None:
    inner = record("I\ninner\n", number=7).decode()
    content = record(f"T\nbefore\n\n\n{inner}after\n")
    rows, _ = read(tmp_path, content, EXACT)
    assert [(row[0][-1], row[-1]) for row in rows] == [("1", "before"), ("7", "inner\n\n\nafter")]


def test_records_by_line_do_not_know_warc_1_1(tmp_path: Path) -> None:
    content = record() + record("T\nnew\n", version="WARC/1.1")
    (text,) = texts(tmp_path, content, records="exact")
    assert text.startswith("some text\n\n\nWARC/1.1\nWARC-Type: conversion\n")
    assert texts(tmp_path, content) == ["some text", "new"]


def test_records_by_line_take_a_cut_text_for_a_whole_one(tmp_path: Path) -> None:
    cut = (record() + record("T\nsecond text\n"))[:-10]
    assert texts(tmp_path, cut, records="exact") == ["some text", "second"]
    assert texts(tmp_path, cut) == ["some text"]


def test_last_line(tmp_path: Path) -> None:
    content = record("T\nno newline")
    for records in ("exact", "fixed"):
        assert texts(tmp_path, content, records=records, last_line="exact") == ["no newline\n"]
        assert texts(tmp_path, content, records=records, last_line="fixed") == ["no newline"]


def test_both_framings_give_the_same_documents_of_a_sane_file(shared: Path) -> None:
    for file in list_files(str(shared / "crawl" / "wet"), wet.SUFFIXES):
        found = []
        for records in ("exact", "fixed"):
            counts = Counts()
            config = wet.WetConfig(records=records, headers=records)
            batches = wet.read(file, "web", config, counts)
            found.append(([row for batch in batches for row in batch.to_pylist()], counts))
        assert found[0] == found[1]
        assert len(found[0][0]) > 2_000


def test_records_by_line_after_damage(tmp_path: Path) -> None:
    packed = [gzip.compress(record(number=n), mtime=0) for n in range(5)]
    whole = b"".join(packed)
    assert len(texts(tmp_path, whole, records="exact")) == 5
    damaged = bytearray(whole)
    at = len(packed[0]) + len(packed[1]) + 30
    damaged[at : at + 8] = b"\xff" * 8
    rows, counts = read(tmp_path, bytes(damaged), EXACT)
    assert [row[0][-1] for row in rows] == ["0", "1", "3", "4"]
    assert counts.skipped == {DAMAGED: 1}
    rows, counts = read(tmp_path, whole[:-9], EXACT)
    assert [row[0][-1] for row in rows] == ["0", "1", "2", "3"]
    assert counts.skipped == {CUT: 1}
    rows, counts = read(tmp_path, gzip.compress(b"".join(record() for _ in range(9)))[:-9], EXACT)
    assert rows == []
    assert counts.skipped == {CUT: 1}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"just text\n" * 9, NOT_WARC),
        (b"\x1f\x8b\x08\xff", CUT),
        (b"\x28\xb5\x2f\xfd\n\n", OTHERWISE_PACKED),
    ],
)
def test_records_by_line_of_no_warc(tmp_path: Path, content: bytes, reason: str) -> None:
    rows, counts = read(tmp_path, content, EXACT)
    assert (rows, dict(counts.skipped)) == ([], {reason: 1})


MARK = "WARC/1.0"
BITS = ["a", "é日", " ", "\n", "\n\n", "\r", "\r\n", "\xa0", "\u2028", "\x85", "\x1c", "\0"]
LINES = [f"\n{MARK}\n", f"\n \u3000{MARK}\t\r\n", MARK, f"\n{MARK}", f"{MARK}\n", head(), "\n\n\n"]
bodies = st.lists(st.sampled_from(BITS + LINES), max_size=14).map("".join)
records = st.builds(
    lambda body, number, language, version, end: (
        head(number, language, version) + "Content-Length: 9\r\n\r\n" + body + end
    ),
    bodies,
    st.integers(0, 9),
    st.sampled_from(["", "", "eng"]),
    st.sampled_from([MARK, MARK, " " + MARK, "WARC/1.1"]),
    st.sampled_from(["\r\n\r\n", "\n\n", "\r\n", ""]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(records, max_size=4),
    st.sampled_from(["", "", "\n", "x\n", "\ufeff"]),
    st.sampled_from([1, 20, 1 << 20]),
    st.booleans(),
)
def test_the_exact_switches_are_the_reference(
    tmp_path: Path, parts: list[str], prefix: str, at_once: int, packed: bool
) -> None:
    content = [part.encode() for part in [prefix, *parts] if part]
    joined = b"".join(content)
    stored = b"".join(gzip.compress(part, 1) for part in content) if packed else joined
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(wet_lines, "_AT_ONCE", at_once)
        patch.setattr(members, "_PIECE", at_once)
        rows, _ = read(tmp_path, stored, EXACT)
    assert rows == list(as_the_reference_reads(joined))
