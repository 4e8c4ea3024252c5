"""Damaged archives: whole records are kept, every fault is counted and named, nothing raises."""

import gzip
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest
from fastwarc.stream_io import ZstdWriter

from corpus.counts import Counts
from corpus.errors import DataError
from corpus.formats import warc_records, wet_lines
from corpus.formats.records import CUT, DAMAGED, NO_TYPE, NOT_WARC
from corpus.formats.warc_records import read_records
from corpus.sources import READERS
from corpus.storage import InputFile, list_files

COMMONCRAWL = Path(__file__).parents[2] / ".." / "shared" / "data" / "commoncrawl"


def record(number: int, kind: str = "conversion") -> bytes:
    block = f"record {number}\n".encode() + bytes(range(32, 127)) * (number + 3)
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


RECORDS = [record(0, "warcinfo"), *(record(i) for i in range(1, 6)), record(6, "metadata")]


def lz4(data: bytes) -> bytes:
    return pa.Codec("lz4").compress(data, asbytes=True)


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


MEMBERS = [gzip.compress(r, mtime=0) for r in RECORDS]


def numbers(folder: Path, content: bytes, name: str = "a.warc") -> tuple[list[int], Counts]:
    (folder / name).write_bytes(content)
    counts = Counts()
    (file,) = list_files(str(folder))
    found = list(read_records(file, "conversion", counts))
    return [int(r.block.split()[1]) for r in found], counts


def starts(parts: list[bytes]) -> list[int]:
    return [sum(map(len, parts[:i])) for i in range(len(parts) + 1)]


@pytest.mark.parametrize("parts", [RECORDS, MEMBERS], ids=["plain", "gzip"])
def test_a_file_cut_anywhere_keeps_the_records_before_the_cut(
    tmp_path: Path, parts: list[bytes]
) -> None:
    content, ends = b"".join(parts), starts(parts)
    for cut in range(1, len(content) + 1, 17):
        found, counts = numbers(tmp_path, content[:cut])
        whole = sum(end <= cut for end in ends) - 1  # records that are there with all their bytes
        expected = [i for i in range(whole) if 1 <= i <= 5]
        # a record is whole without the four bytes after its block, or a gzip member's checksum
        assert found in (expected, [*expected, whole])
        if not any(end - 4 <= cut <= end for end in ends):
            assert counts.skipped[CUT] + counts.skipped[NOT_WARC] == 1, cut


def test_a_whole_file_has_no_fault(tmp_path: Path) -> None:
    for content in (b"".join(RECORDS), b"".join(MEMBERS), gzip.compress(b"".join(RECORDS))):
        found, counts = numbers(tmp_path, content)
        assert found == [1, 2, 3, 4, 5]
        assert not counts.skipped


@pytest.mark.parametrize("pack", [lz4, zstd])
def test_lz4_and_zstd_go_on_at_the_next_frame_too(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    frames = [pack(r) for r in RECORDS]
    for content in (b"".join(frames), pack(b"".join(RECORDS))):
        found, counts = numbers(tmp_path, content)
        assert found == [1, 2, 3, 4, 5]
        assert not counts.skipped
    for at in range(1, 6):
        damaged = [*frames[:at], b"\xff" * 8 + frames[at][8:], *frames[at + 1 :]]
        found, counts = numbers(tmp_path, b"".join(damaged))
        assert found == [i for i in range(1, 6) if i != at]
        assert counts.skipped == {DAMAGED: 1}
    found, counts = numbers(tmp_path, b"".join(frames[:4]) + frames[4][:-20])
    assert found == [1, 2, 3]
    assert counts.skipped == {CUT: 1}


def test_a_parser_that_panics_costs_the_record(tmp_path: Path) -> None:
    frames = [lz4(r) for r in RECORDS]
    for at in range(7):
        too_big = frames[at][:7] + b"\xff\xff\xff\x7f" + frames[at][11:]  # the block's size
        found, counts = numbers(tmp_path, b"".join([*frames[:at], too_big, *frames[at + 1 :]]))
        assert found == [i for i in range(1, 6) if i != at]
        assert sum(counts.skipped.values()) == 1


@pytest.mark.parametrize("packed", [True, False])
def test_zstd_with_a_dictionary(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "a.warc.zst"
    shared = b"".join(RECORDS)[:2000]
    with ZstdWriter(path, dictionary=shared, compress_dictionary_frame=packed) as writer:
        for content in RECORDS:
            writer.write(content)
            writer.finish()
    found, counts = numbers(tmp_path, path.read_bytes(), path.name)
    assert found == [1, 2, 3, 4, 5]
    assert not counts.skipped


def test_a_record_without_type_is_named(tmp_path: Path) -> None:
    content = b"".join(RECORDS).replace(b"WARC-Type: conversion", b"W\xffRC-Type: conversion", 1)
    found, counts = numbers(tmp_path, content)
    assert found == [2, 3, 4, 5]
    assert counts.skipped == {NO_TYPE: 1}


def test_a_failing_disk_is_not_taken_for_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("Connection reset by peer")

        def read_at(self, size: int, at: int) -> bytes:
            return self.getvalue()[at : at + min(size, 100)] if at == 0 else self.read()

    for module, name in ((warc_records, "read_records"), (wet_lines, "read_groups")):
        monkeypatch.setattr(module, "open_input", lambda uri: Failing(b"".join(MEMBERS)))
        file, counts = InputFile("https://x.test/a", "a", 999), Counts()
        read = partial(getattr(module, name), file)
        with pytest.raises(DataError, match="cannot be read: Connection reset by peer"):
            list(read("conversion", counts) if module is warc_records else read(counts))
        assert not counts.skipped


@pytest.mark.parametrize("at", range(7))
def test_a_damaged_gzip_member_costs_that_record_only(tmp_path: Path, at: int) -> None:
    damaged = bytearray(MEMBERS[at])
    damaged[12:20] = b"\xff" * 8
    found, counts = numbers(tmp_path, b"".join([*MEMBERS[:at], bytes(damaged), *MEMBERS[at + 1 :]]))
    assert found == [i for i in range(1, 6) if i != at]
    assert sum(counts.skipped.values()) == 1
    assert set(counts.skipped) <= {DAMAGED, CUT}


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("long", [[0], [3], [6], [2, 5], [3, 4], [3, 4, 5]])
def test_headers_too_long_to_be_read_are_a_fault_a_record(tmp_path: Path, pack, long) -> None:
    records = list(RECORDS)
    for at in long:
        records[at] = records[at].replace(b"WARC-Type", b"X: " + b"x" * 100_000 + b"\r\nWARC-Type")
    found, counts = numbers(tmp_path, b"".join(map(pack, records)))
    assert found == [i for i in range(1, 6) if i not in long]
    assert sum(counts.skipped.values()) == len(long)


def test_garbage_between_plain_records_is_passed_over(tmp_path: Path) -> None:
    content = b"".join([*RECORDS[:3], b"garbage\r\n\xff\0", *RECORDS[3:]])
    content = content.replace(b"garbage", b"garbage\r\n")
    found, counts = numbers(tmp_path, content.replace(b"\xff\0", b"\xff\0\r\n"))
    assert found == [1, 2, 3, 4, 5]
    assert counts.skipped == {DAMAGED: 1}


def test_a_byte_order_mark_before_the_first_record(tmp_path: Path) -> None:
    first = record(1)
    found, counts = numbers(tmp_path, b"\xef\xbb\xbf" + first + b"".join(RECORDS[2:]))
    assert found == [1, 2, 3, 4, 5]
    assert not counts.skipped


def test_headers_with_bare_line_feeds(tmp_path: Path) -> None:
    content = b"".join(r.replace(b"\r\n", b"\n") for r in RECORDS)
    found, counts = numbers(tmp_path, content)
    assert found == [1, 2, 3, 4, 5]
    assert not counts.skipped


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.warc", b"", "empty file"),
        ("a.warc", b"just text\n" * 100, NOT_WARC),
        ("a.warc.gz", gzip.compress(b"just text\n" * 100), NOT_WARC),
        ("a.warc", bytes(range(256)) * 9, NOT_WARC),
        ("a.warc.gz", b"\x1f\x8b\x08" + b"\xff" * 100, NOT_WARC),
        ("a.warc.lz4", lz4(b"just text\n" * 100), NOT_WARC),
        ("a.warc.zst", zstd(b"just text\n" * 100), NOT_WARC),
        ("a.warc.zst", b"\x28\xb5\x2f\xfd" + b"\xff" * 100, NOT_WARC),
        ("a.arc", b"filedesc://x", "ARC file, which holds no conversion records"),
    ],
)
def test_what_is_no_warc_is_skipped_by_name(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    found, counts = numbers(tmp_path, content, name)
    assert found == []
    assert counts.to_tree()["skipped"] == {reason: 1}
    assert counts.examples[reason] == [name]


def test_a_missing_file_is_an_error_and_not_an_empty_one(tmp_path: Path) -> None:
    file = InputFile(str(tmp_path / "gone.warc"), "gone.warc", 9)
    with pytest.raises(DataError, match="is not there"):
        list(read_records(file, "response", Counts()))


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    file = InputFile(str(tmp_path), "folder.warc", 9)
    with pytest.raises((DataError, OSError)):
        list(read_records(file, "response", Counts()))


@pytest.mark.skipif(not COMMONCRAWL.exists(), reason="no ../shared: the samples are not here")
@pytest.mark.parametrize(("kind", "documents"), [("warc", 79), ("wet", 2)])
def test_no_sample_of_the_collection_raises(kind: str, documents: int) -> None:
    reader, counts = READERS[kind], Counts()
    for file in list_files(str(COMMONCRAWL)):
        list(reader.read(file, "web", reader.config(), counts))
    assert counts.totals["documents"] == documents
    assert counts.skipped[NOT_WARC] == 4


@pytest.mark.parametrize("pack", [gzip.compress, lz4, zstd])
@pytest.mark.parametrize("places", [[0], [3], [1, 1, 4], [6]])
def test_members_that_hold_nothing_hide_nothing(tmp_path: Path, pack, places: list[int]) -> None:
    """As files have them that were joined of several."""
    members = [pack(record) for record in RECORDS]
    for place in reversed(places):
        members.insert(place, pack(b""))
    suffix = {gzip.compress: "gz", lz4: "lz4", zstd: "zst"}[pack]
    found, counts = numbers(tmp_path, b"".join(members), f"a.warc.{suffix}")
    assert found == [1, 2, 3, 4, 5]
    assert counts.totals["records"] == 5
    if places != [0]:
        assert not counts.skipped


def test_damage_behind_a_member_that_holds_nothing_is_counted(tmp_path: Path) -> None:
    damaged = MEMBERS[3][:12] + b"\xff" * 8 + MEMBERS[3][20:]
    parts = [*MEMBERS[:3], gzip.compress(b""), damaged, *MEMBERS[4:]]
    found, counts = numbers(tmp_path, b"".join(parts))
    assert found == [1, 2, 4, 5]
    assert counts.skipped == {DAMAGED: 1}
    assert counts.examples[DAMAGED] == [f"a.warc#{starts(parts)[2]}"]


def test_a_disk_that_fails_behind_the_last_record_is_no_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(io.BytesIO):
        def read_at(self, size: int, at: int) -> bytes:
            if at:
                raise OSError("Connection reset by peer")
            return self.getvalue()[:size]

    content = b"".join(MEMBERS)
    monkeypatch.setattr(warc_records, "open_input", lambda uri: Failing(content))
    counts = Counts()
    with pytest.raises(DataError, match="cannot be read: Connection reset by peer"):
        list(read_records(InputFile("https://x.test/a", "a", len(content)), "conversion", counts))
    assert not counts.skipped
