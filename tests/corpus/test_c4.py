"""C4's releases: every form of file gives the same records, and what is wrong costs itself only."""

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.counts import REPLACED, Counts
from corpus.errors import ConfigError, DataError
from corpus.sources import c4
from corpus.sources.c4 import C4Config
from corpus.storage import InputFile, list_files

ROW = {"text": "a “b”\n\tc\\", "timestamp": "2019-04-25T12:57:54Z", "url": "http://a.test/é?x=1"}


def read_file(
    path: Path, config: C4Config | None = None, counts: Counts | None = None
) -> list[dict]:
    config = config or C4Config()
    whole = InputFile(str(path), path.name, path.stat().st_size)
    counts = counts if counts is not None else Counts()
    return [
        row
        for part in c4.split(whole, config)
        for batch in c4.read(part, "c4", config, counts)
        for row in batch.to_pylist()
    ]


def lines(*rows: object) -> bytes:
    return b"".join(
        (row if isinstance(row, bytes) else json.dumps(row).encode()) + b"\n" for row in rows
    )


def test_a_record_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "c4-train.00000-of-01024.json"
    path.write_bytes(lines(ROW, {**ROW, "text": "d"}))
    first, second = read_file(path)
    assert (first["text"], first["date"], first["url"]) == tuple(ROW.values())
    assert first["origin"] == f"{path.name}#0"
    assert second["origin"] == f"{path.name}#{len(lines(ROW))}"
    assert first["doc_id"] != second["doc_id"]


def test_packed_is_plain(tmp_path: Path) -> None:
    rows = lines(*({**ROW, "text": f"text {n}"} for n in range(5000)))
    plain, packed = tmp_path / "a.json", tmp_path / "a.json.gz"
    plain.write_bytes(rows)
    packed.write_bytes(gzip.compress(rows[:1000]) + gzip.compress(rows[1000:]))
    expected = [row["text"] for row in read_file(plain)]
    assert expected == [f"text {n}" for n in range(5000)]
    assert [row["text"] for row in read_file(packed)] == expected
    packed.write_bytes(gzip.compress(b"") + gzip.compress(rows) + gzip.compress(b""))
    assert [row["text"] for row in read_file(packed)] == expected
    packed.write_bytes(gzip.compress(rows)[:-2000])
    counts = Counts()
    cut = [row["text"] for row in read_file(packed, counts=counts)]
    assert counts.skipped[c4.CUT] == 1
    assert len(expected) // 2 < len(cut) < len(expected)
    assert cut == expected[: len(cut)]


@pytest.mark.parametrize(
    ("suffix", "pack"),
    [
        (".GZ", gzip.compress),
        (".bz2", bz2.compress),
        (".xz", lzma.compress),
        (".zst", lambda content: bytes(pa.compress(content, "zstd", asbytes=True))),
        (".ZST", lambda content: bytes(pa.compress(content, "zstd", asbytes=True))),
    ],
)
def test_every_packing_is_plain_and_a_cut_one_is_read_to_its_cut(
    tmp_path: Path, suffix: str, pack: Callable[[bytes], bytes]
) -> None:
    noise = random.Random(0)
    texts = [f"{noise.random()} {noise.random()}" for _ in range(50_000)]
    rows = lines(*({**ROW, "text": text} for text in texts))
    path = tmp_path / f"a.json{suffix}"
    assert [file.name for file in _listed(path, pack(rows[:999]) + pack(rows[999:]))] == [path.name]
    assert [row["text"] for row in read_file(path, C4Config(split_bytes=1000))] == texts
    path.write_bytes(pack(rows)[:-200])
    counts = Counts()
    cut = [row["text"] for row in read_file(path, counts=counts)]
    assert counts.notes == counts.skipped == {c4.CUT: 1}
    assert 0 < len(cut) < len(texts)
    assert cut == texts[: len(cut)]


def _listed(path: Path, content: bytes) -> list[InputFile]:
    path.write_bytes(content)
    return list_files(str(path.parent), c4.SUFFIXES)


BAD = [
    b"{",
    b"[1]",
    b'{"text": 5, "url": "u"}',
    b'{"url": "u"}',
    b'{"text": null}',
]
MENDED = {
    b'{"text": "a\\ud800 b"}': "a\ufffd b",
    b'{"text": "\\udc00\\ud83d\\ude00"}': "\ufffd\U0001f600",
    b'{"text": "a\xff b\xe2\x80"}': "a\ufffd b\ufffd",
    b'{"text": "c", "url": "http://\xff"}': "c",
}


@pytest.mark.parametrize("line", MENDED)
def test_what_is_no_character_is_replaced_and_counted(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "a.jsonl"
    mark = b'\xef\xbb\xbf{"text": "marked"}'
    path.write_bytes(lines(mark, ROW, line, {"text": "\ufffd"}))
    counts = Counts()
    found = [row["text"] for row in read_file(path, counts=counts)]
    assert found == ["marked", ROW["text"], MENDED[line], "\ufffd"]
    assert counts.totals[REPLACED] == 1
    assert not counts.skipped


@pytest.mark.parametrize("bad", BAD)
def test_a_damaged_record_costs_itself_only(tmp_path: Path, bad: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(lines(ROW, bad, {"text": ""}, b"  ", b"", {"text": "z", "other": [1]}))
    counts = Counts()
    found = read_file(path, counts=counts)
    assert [row["text"] for row in found] == [ROW["text"], "z"]
    assert found[1]["url"] is None
    assert counts.skipped == {c4.NOT_A_RECORD: 1, c4.EMPTY: 1}
    assert counts.examples[c4.NOT_A_RECORD] == [f"a.jsonl#{len(lines(ROW))}"]
    assert (counts.totals["records"], counts.totals["documents"]) == (4, 2)


def test_records_that_do_not_keep_to_their_lines_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    two = b'{"text": "one"}{"text": "two"}'
    path.write_bytes(lines(two, b'{"text":', b'"three"}', {"text": "four"}))
    counts = Counts()
    assert [row["text"] for row in read_file(path, counts=counts)] == ["four"]
    assert counts.skipped == {c4.NOT_A_RECORD: 3}


TEXT = st.text(max_size=8)
ROWS = st.lists(
    st.one_of(
        st.builds(lambda t: json.dumps({"text": t}).encode(), TEXT),
        st.builds(lambda t: json.dumps({"text": t}, ensure_ascii=False).encode(), TEXT),
        st.sampled_from([b"", b" ", b"{", b'{"text": "a", "text": "b"}', b"\xff", *BAD, *MENDED]),
    ),
    max_size=12,
)


@settings(max_examples=150)
@given(ROWS, st.integers(1, 60), st.booleans())
def test_parts_and_blocks_of_any_size_give_the_same(
    tmp_path_factory, rows: list[bytes], size: int, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("parts") / "a.json"
    path.write_bytes(lines(*rows) if ends else lines(*rows)[:-1])
    whole, parted = Counts(), Counts()
    expected = read_file(path, counts=whole)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(c4, "_BLOCK", size)
        patch.setattr(c4, "_PIECE", 1 + size // 3)
        assert read_file(path, C4Config(split_bytes=size), parted) == expected
    assert (parted.skipped, parted.totals) == (whole.skipped, whole.totals)


def test_an_endless_line_is_let_go(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(c4, "_BLOCK", 100)
    monkeypatch.setattr(c4, "_PIECE", 70)
    monkeypatch.setattr(c4, "_MOST", 500)
    path = tmp_path / "a.json"
    path.write_bytes(lines({"text": "a"}, {"text": "x" * 5000}, {"text": "b"}))
    counts = Counts()
    assert [row["text"] for row in read_file(path, counts=counts)] == ["a", "b"]
    assert counts.skipped == {c4.OVERSIZE: 1}


@pytest.mark.timeout(60)  # minutes, were what waits joined with each piece
def test_a_long_line_in_small_pieces_is_joined_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(c4, "_BLOCK", 100)
    monkeypatch.setattr(c4, "_PIECE", 64)
    path = tmp_path / "a.json"
    texts = ["a", "x" * (12 << 20), "b"]
    path.write_bytes(lines(*({"text": text} for text in texts)))
    assert [row["text"] for row in read_file(path)] == texts


@given(st.binary(max_size=200))
def test_no_bytes_raise(tmp_path_factory, content: bytes) -> None:
    for name in ("a.json", "a.json.gz"):
        path = tmp_path_factory.mktemp("any") / name
        path.write_bytes(content)
        read_file(path)


def test_a_failing_disk_is_not_taken_for_damage(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.json.gz"
    path.write_bytes(gzip.compress(lines(*([ROW] * 100))))

    class Failing:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def read_at(self, size, offset):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(c4, "open_input", lambda uri: Failing())
    with pytest.raises(DataError, match="Input/output error"):
        read_file(path)


def test_a_part_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="split_bytes=0 must be at least 1"):
        C4Config(split_bytes=0)


def test_the_released_form(shared: Path) -> None:
    counts = Counts()
    path = shared / "c4/c4_sample/c4_sample.first500.jsonl"
    found = read_file(path, counts=counts)
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row["text"] for row in found] == [row["text"] for row in rows]
    assert [row["url"] for row in found] == [row["url"] for row in rows]
    assert (len(found), counts.skipped) == (500, {})
