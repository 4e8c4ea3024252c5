"""Stack Exchange's dumps: threads by number, answers by score, and every fault of a file."""

import bz2
import gzip
import hashlib
import lzma
import random
import tarfile
from pathlib import Path

import py7zr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.sources import stackexchange as reader
from corpus.sources.stackexchange import StackExchangeConfig, read
from corpus.stackexchange import dumps, spill
from corpus.storage import InputFile, list_files

SITE = "beer.stackexchange.com"


def row(number: int, kind: int, body: str = "", **more: object) -> str:
    cells = {"Id": number, "PostTypeId": kind, **more, "Body": f"&lt;p&gt;{body}&lt;/p&gt;&#xA;"}
    return "  <row " + " ".join(f'{name}="{value}"' for name, value in cells.items()) + " />"


ROWS = [
    row(7, 2, "early", ParentId=12, Score=-1),  # before its question
    row(12, 1, "second?", Title="Two &amp; more", CreationDate="2014-01-21T20:26:05.383", Score=3),
    row(3, 1, "first?", Title="One", ContentLicense="CC BY-SA 4.0"),
    row(4, 2, "nine", ParentId=3, Score=9),
    row(5, 2, "ten", ParentId=3, Score=10),
    row(6, 2, "nine too", ParentId=3, Score=9),
    row(8, 5, "a tag's wiki"),
    row(9, 2, "lost", ParentId=999, Score=1),
    row(100_000, 1, "far away", Title="Three"),
]
FIRST = "One\n\nfirst?\n\nten\n\nnine\n\nnine too"
SECOND = "Two & more\n\nsecond?\n\nearly"
THIRD = "Three\n\nfar away"


def dump(*lines: str) -> bytes:
    head = '\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n<posts>\r\n'
    return (head + "".join(f"{line}\r\n" for line in lines) + "</posts>\r\n").encode()


def read_file(
    path: Path, name: str | None = None, config: StackExchangeConfig | None = None
) -> tuple[list[dict], Counts]:
    counts = Counts()
    file = InputFile(str(path), name or f"{SITE}/{path.name}", path.stat().st_size)
    batches = read(file, "stackexchange", config or StackExchangeConfig(), counts)
    return [found for batch in batches for found in batch.to_pylist()], counts


def read_rows(tmp_path: Path, *lines: str, config: StackExchangeConfig | None = None):
    path = tmp_path / "Posts.xml"
    path.write_bytes(dump(*lines))
    return read_file(path, config=config)


def test_threads_come_by_number_and_answers_by_score(tmp_path: Path) -> None:
    found, counts = read_rows(tmp_path, *ROWS)
    assert [document["text"] for document in found] == [FIRST, SECOND, THIRD]
    assert [document["url"] for document in found] == [
        f"https://{SITE}/questions/{n}" for n in (3, 12, 100_000)
    ]
    assert found[0]["origin"] == f"{SITE}/Posts.xml#3"
    assert [document["license"] for document in found] == ["CC-BY-SA-4.0", None, None]
    assert found[1]["date"] == "2014-01-21T20:26:05.383"
    assert found[1]["title"] == "Two & more"
    assert counts.totals["records"] == 9
    assert counts.skipped == {reader.OTHER_POST: 1, reader.NO_QUESTION: 1}


def test_any_order_and_any_memory_gives_the_same(tmp_path: Path, monkeypatch) -> None:
    expected = read_rows(tmp_path, *ROWS)
    for seed in range(5):
        shuffled = random.Random(seed).sample(ROWS, len(ROWS))
        monkeypatch.setattr(spill, "WAITING_BYTES", 1 + 200 * seed)
        monkeypatch.setattr(spill, "THREADS", (1, 5, 100, 1 << 14, 1 << 20)[seed])
        found, counts = read_rows(tmp_path, *shuffled)
        assert found == expected[0]
        assert counts.skipped == expected[1].skipped


@pytest.mark.parametrize(
    ("config", "texts"),
    [
        ({"min_answer_score": 10}, ["One\n\nfirst?\n\nten", "Two & more\n\nsecond?", THIRD]),
        ({"min_answers": 1}, [FIRST, SECOND]),
        ({"min_answers": 2}, [FIRST]),
        ({"min_answers": 2, "min_answer_score": 10}, []),
        ({"min_chars": len(SECOND)}, [FIRST, SECOND]),
        ({"sites": ("largest_28",)}, []),
        ({"sites": ("largest_28", SITE), "min_answers": 2}, [FIRST]),
        ({"marks": True, "min_answers": 1}, None),
    ],
)
def test_options(tmp_path: Path, config: dict, texts: list[str] | None) -> None:
    found, _ = read_rows(tmp_path, *ROWS, config=StackExchangeConfig(**config))
    if texts is None:
        texts = ["Q: One\n\nfirst?\n\nA: ten\n\nA: nine\n\nA: nine too", None]
        texts[1] = "Q: Two & more\n\nsecond?\n\nA: early"
    assert [document["text"] for document in found] == texts


def test_options_below_zero_are_refused() -> None:
    with pytest.raises(ConfigError, match="min_answers=-1 must be >= 0"):
        StackExchangeConfig(min_answers=-1)


def test_a_damaged_row_costs_itself_only(tmp_path: Path) -> None:
    damaged = [
        ROWS[2][:-10],  # cut
        '  <row Id="20" PostTypeId="1" Body="a < b" />',
        '  <row Id="21" PostTypeId="1" Body="&nbsp;" />',  # HTML's entity, not XML's
        '  <row Id="x" PostTypeId="1" Body="a" />',
        '  <row Id="22" PostTypeId="2" ParentId="" Body="a" />',
        '  <row Id="23" PostTypeId="1" Title="\x01" />',
    ]
    found, counts = read_rows(tmp_path, *damaged, ROWS[-1])
    assert [document["text"] for document in found] == [THIRD]
    assert counts.skipped == {reader.NOT_A_ROW: len(damaged)}
    path = tmp_path / "Posts.xml"
    path.write_bytes(path.read_bytes().replace(b"far", b"f\xffr"))
    assert read_file(path)[1].skipped[reader.NOT_A_ROW] == len(damaged) + 1


def test_rows_written_otherwise_are_read(tmp_path: Path) -> None:
    found, counts = read_rows(
        tmp_path,
        "<row Title='a\"b' PostTypeId='1' Id='5'/>",
        '<row Body="&lt;p&gt;x&lt;/p&gt;" Score="1" ParentId="5" PostTypeId="2" Id="6"></row>',
        '<row Id="7" PostTypeId="1" />',  # nothing is said
    )
    assert [document["text"] for document in found] == ['a"b\n\nx']
    assert counts.skipped == {reader.NO_TEXT: 1}


def archive(path: Path, **members: bytes) -> None:
    with py7zr.SevenZipFile(path, "w") as packed:
        for name, content in members.items():
            packed.writestr(content, f"{name}.xml")


PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def test_packed_files_are_the_same_and_cut_ones_give_what_comes_before(tmp_path: Path) -> None:
    noise = random.Random(0)
    many = [row(n, 1, f"{noise.random()}", Title=str(n)) for n in range(1, 20_000)]
    expected, _ = read_rows(tmp_path, *many)
    for suffix, pack in PACKERS.items():
        path = tmp_path / f"Posts.xml{suffix}"
        path.write_bytes(pack(dump(*many)))
        found, _ = read_file(path)
        assert [d["text"] for d in found] == [d["text"] for d in expected]
        path.write_bytes(path.read_bytes()[:-2000])
        found, counts = read_file(path)
        assert 0 < len(found) < len(expected)
        assert [d["text"] for d in found] == [d["text"] for d in expected][: len(found)]
        assert counts.skipped[dumps.CUT] == 1


@pytest.mark.parametrize("name", [f"{SITE}.7z", f"{SITE}-Posts.xml.7z"])
def test_7z_archives(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    archive(path, Badges=b"x" * 100_000, Posts=dump(*ROWS), Votes=b"<votes/>")
    for location in (path, tmp_path):
        assert [file.name for file in list_files(str(location), reader.SUFFIXES)] == [name]
    found, _ = read_file(path, path.name)
    assert [document["text"] for document in found] == [FIRST, SECOND, THIRD]
    assert found[0]["url"] == f"https://{SITE}/questions/3"
    damaged = bytearray(path.read_bytes())
    damaged[200] ^= 0xFF
    path.write_bytes(damaged)
    assert read_file(path, path.name)[1].skipped[dumps.CUT] == 1
    path.write_bytes(b"not an archive")
    assert read_file(path, path.name)[1].skipped == {dumps.CUT: 1}
    archive(path, Comments=b"<comments/>")
    assert read_file(path, path.name)[1].skipped == {dumps.NO_POSTS: 1}


@pytest.mark.parametrize("kind", ["", ".gz", ".bz2", ".xz"])
def test_a_tar_of_sites(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in"
    for site, lines in ((SITE, ROWS), ("wine.stackexchange.com", ROWS[-1:])):
        (folder / site).mkdir(parents=True)
        (folder / site / "Posts.xml").write_bytes(dump(*lines))
        (folder / site / "Users.xml").write_bytes(b"<users/>")
    path = tmp_path / f"sites.tar{kind}"
    with tarfile.open(path, f"w:{kind[1:]}") as packed:
        packed.add(folder, "dumps")
    found, _ = read_file(path, path.name)
    assert [document["text"] for document in found] == [FIRST, SECOND, THIRD, THIRD]
    assert found[3]["url"] == "https://wine.stackexchange.com/questions/100000"
    assert len({document["doc_id"] for document in found}) == 4
    path.write_bytes(path.read_bytes()[:200])  # of gzip, tarfile takes it for an empty archive
    assert read_file(path, path.name)[1].skipped in ({dumps.CUT: 1}, {dumps.NO_POSTS: 1})
    path.write_bytes(b"")
    assert read_file(path, path.name)[1].skipped == {dumps.CUT: 1}
    with tarfile.open(path, f"w:{kind[1:]}") as packed:
        packed.add(folder / SITE / "Users.xml", "Users.xml")
    assert read_file(path, path.name)[1].skipped == {dumps.NO_POSTS: 1}


def test_a_full_disk_is_not_taken_for_a_damaged_archive(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / f"{SITE}.7z"
    archive(path, Posts=dump(*ROWS))

    def full(self: spill.Spill, thread: int, row: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spill.Spill, "add", full)
    with pytest.raises(OSError, match="No space left"):
        read_file(path, path.name)


@given(st.binary(max_size=300))
def test_no_file_raises(tmp_path_factory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in ("Posts.xml", "Posts.xml.gz", "Posts.xml.bz2", "Posts.xml.xz", "a.7z", "a.tar"):
        path = folder / name
        path.write_bytes(content)
        read_file(path)


def test_a_whole_site(shared: Path, tmp_path: Path) -> None:
    """Its threads, read by eye once: a change of any of their texts shows here."""
    with tarfile.open(shared / "stackexchange/beer-dev.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    (path,) = tmp_path.rglob("Posts.xml")
    found, counts = read_file(path)
    assert counts.totals["records"] == 2106
    assert counts.skipped == {reader.OTHER_POST: 117}
    assert len(found) == 591
    assert not any("<p>" in d["text"] or "&lt;" in d["text"] for d in found)
    digest = hashlib.sha256("\0".join(d["text"] for d in found).encode()).hexdigest()
    assert digest[:16] == "f339e75581d4eb84"
