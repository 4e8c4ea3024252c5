"""The WET reader against CCNet's own results and against hostile records."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from corpus.counts import REPLACED, Counts
from corpus.keyed import document_id
from corpus.schema import DOCUMENT
from corpus.sources import wet
from corpus.storage import list_files

SHARED = Path(__file__).parents[2] / ".." / "shared"


def record(text: str | bytes, extra: str = "", length: int | None = None) -> bytes:
    block = text.encode() if isinstance(text, str) else text
    head = (
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://example.test/\r\n"
        f"{extra}WARC-Block-Digest: sha1:AAAA\r\nWARC-Date: 2026-11-20T00:00:00Z\r\n"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def read(folder: Path, content: bytes, min_chars: int = 1) -> tuple[list[dict], Counts]:
    (folder / "a.warc.wet").write_bytes(content)
    counts = Counts()
    (file,) = list_files(str(folder))
    batches = list(wet.read(file, "web", wet.WetConfig(min_chars), counts))
    assert all(batch.schema == DOCUMENT for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()], counts


def test_a_record_is_read_by_header_names_and_length(tmp_path: Path) -> None:
    body = "T\nbefore\nWARC/1.0\nWARC-Type: conversion\nafter\n"
    extra = "WARC-Identified-Content-Language: eng\r\n"
    rows, counts = read(tmp_path, record(body, extra) + record("U\nsecond\n"))
    assert [row["text"] for row in rows] == [
        "before\nWARC/1.0\nWARC-Type: conversion\nafter",
        "second",
    ]
    first = rows[0]
    assert first["digest"] == "sha1:AAAA"
    assert first["date"] == "2026-11-20T00:00:00Z"
    assert first["origin"] == "a.warc.wet#0"
    assert first["doc_id"] == document_id("web", "a.warc.wet#0")
    assert not counts.skipped


def test_min_chars_is_a_minimum_that_is_still_kept(tmp_path: Path) -> None:
    rows, counts = read(tmp_path, record("T\n" + "x" * 10) + record("T\n" + "x" * 9), 10)
    # without a final newline CCNet keeps one of the two blank lines that end the record
    assert [row["text"] for row in rows] == ["x" * 10 + "\n", "x" * 9 + "\n"]
    rows, counts = read(
        tmp_path, record("T\n" + "x" * 10 + "\n") + record("T\n" + "x" * 9 + "\n"), 10
    )
    assert [row["text"] for row in rows] == ["x" * 10]
    assert counts.skipped == {"shorter than 10 characters": 1}
    assert counts.totals["records"] == 2


def test_odd_records_are_survived(tmp_path: Path) -> None:
    huge = "T\n" + "y" * 5_000_000 + "\n"
    no_url = record("T\nlost\n").replace(b"WARC-Target-URI: http://example.test/\r\n", b"")
    odd_bytes = record("T\nodd\n").replace(
        b"WARC-Date: 2026", b"X-Odd: \xff\xfe\r\nWARC-Date: 2026"
    )
    rows, counts = read(tmp_path, record(huge) + no_url + record(b"T\n\xff\xfe ok\n") + odd_bytes)
    assert [len(row["text"]) for row in rows] == [5_000_000, 5, 3]
    assert rows[1]["text"] == "\ufffd\ufffd ok"
    assert counts.totals[REPLACED] == 1
    assert counts.skipped == {"no WARC-Target-URI": 1}


def test_the_documents_are_those_of_ccnet() -> None:
    golden = SHARED / "data" / "golden" / "ccnet-crawl.jsonl.gz"
    if not golden.exists():
        pytest.skip("no ../shared/data: the sample crawl is not on this machine")
    with gzip.open(golden, "rt", encoding="utf-8") as lines:
        expected = {(row["url"], row["digest"]): row for row in map(json.loads, lines)}
    documents = 0
    for file in list_files(str(SHARED / "data" / "crawl" / "wet"), wet.SUFFIXES):
        for batch in wet.read(file, "web", wet.WetConfig(), Counts()):
            for row in batch.to_pylist():
                documents += 1
                known = expected.pop((row["url"], row["digest"]), None)
                if known is None:  # CCNet's dedup or language filter dropped it later
                    continue
                lines = row["text"].split("\n")
                kept = "\n".join(lines[i] for i in known["line_ids"])
                assert len(lines) == known["original_nlines"]
                assert hashlib.sha1(kept.encode()).hexdigest() == known["text_sha1"]
                assert row["title"] == known["title"]
                assert row["date"] == known["date_download"]
    assert documents == 8_180
    assert not expected
