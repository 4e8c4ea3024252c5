"""Rows, archives and disks that are not what they seem: counted, named, and never a crash."""

import gzip
import io
import random
import tarfile
from pathlib import Path

import py7zr
import pytest

from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.sources import stackexchange as reader
from corpus.sources.stackexchange import StackExchangeConfig, read
from corpus.stackexchange import dumps
from corpus.stackexchange.html_text import html_to_text
from corpus.stackexchange.sites import site_of
from corpus.storage import InputFile, list_files

QUESTION = '<row Id="{0}" PostTypeId="1" Title="t{0}" Body="b{0}" />'


def read_file(path: Path, name: str) -> tuple[list[dict], Counts]:
    counts = Counts()
    file = InputFile(str(path), name, path.stat().st_size)
    batches = read(file, "s", StackExchangeConfig(), counts)
    return [row for batch in batches for row in batch.to_pylist()], counts


@pytest.mark.parametrize(
    "row",
    [
        '<row Id="5" PostTypeId="2" ParentId="1" ParentId="x" Body="a" />',
        '<row Id="5" PostTypeId="2" Body=\' ParentId="1" \' />',
        '<row Id="5" PostTypeId="1" PostTypeId="2" Body="a" />',
        '<row Id="5" PostTypeId="2" ParentId="" Body="a" />',
        '<row Id="²" PostTypeId="1" Body="a" />',
    ],
)
def test_rows_that_say_two_things_or_none(tmp_path: Path, row: str) -> None:
    path = tmp_path / "Posts.xml"
    path.write_text(f"{row}\n{QUESTION.format(1)}\n")
    found, counts = read_file(path, "a.b/Posts.xml")
    assert [d["text"] for d in found] == ["t1\n\nb1"]
    assert counts.skipped == {reader.NOT_A_ROW: 1}


@pytest.mark.parametrize("between", ["", " ", "\n", "\r\n  ", "<!-- > -->\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "windows-1252"])
def test_rows_are_found_however_the_file_is_written(tmp_path: Path, between, encoding) -> None:
    rows = [QUESTION.format(number).replace("b", "é/> ", 1) for number in range(1, 4)]
    rows[1] = rows[1].replace(' Title="t2"', '\r\n\tTitle="t\n2"').replace(" />", "></row>")
    damaged = '<row Id="9" PostTypeId="1" Title="never closed'
    document = between.join([*rows[:2], damaged, rows[2]])
    head = f'<?xml version="1.0" encoding="{encoding.removesuffix("-be")}"?><posts>'
    path = tmp_path / "Posts.xml"
    path.write_bytes(f"{head}{between}{document}{between}</posts>".encode(encoding))
    found, counts = read_file(path, "a.b/Posts.xml")
    assert [d["text"] for d in found] == ["t1\n\né/> 1", "t 2\n\né/> 2", "t3\n\né/> 3"]
    assert counts.skipped == {reader.NOT_A_ROW: 1}
    assert counts.totals["records"] == 4


@pytest.mark.parametrize("content", [b"", b"<posts></posts>", b"<posts><rows/></posts>"])
def test_a_dump_without_a_row_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "Posts.xml"
    path.write_bytes(content)
    found, counts = read_file(path, "a.b/Posts.xml")
    assert not found
    assert counts.skipped == {reader.NO_ROWS: 1}
    assert counts.examples == {reader.NO_ROWS: ["a.b/Posts.xml"]}


def test_of_two_questions_of_a_number_the_first_stays(tmp_path: Path) -> None:
    path = tmp_path / "Posts.xml"
    path.write_text(f"{QUESTION.format(1)}\n{QUESTION.format(1).replace('t1', 'other')}\n")
    found, counts = read_file(path, "a.b/Posts.xml")
    assert [d["title"] for d in found] == ["t1"]
    assert counts.skipped == {reader.TWICE: 1}


def test_what_comes_before_a_cut_is_kept(tmp_path: Path) -> None:
    noise = random.Random(0)
    rows = [QUESTION.format(n).replace("b", f"{noise.random()} ") for n in range(1, 20_000)]
    path = tmp_path / "Posts.xml.gz"
    path.write_bytes(gzip.compress("\n".join(rows).encode())[:-20_000])
    found, counts = read_file(path, "a.b/Posts.xml.gz")
    assert len(found) > 15_000
    assert counts.skipped[dumps.CUT] == 1


def test_a_packed_tar_cut_in_its_first_bytes(tmp_path: Path) -> None:
    path = tmp_path / "sites.tar.gz"
    path.write_bytes(gzip.compress(b"")[:3])
    assert read_file(path, path.name)[1].skipped == {dumps.CUT: 1}


def test_an_archive_of_two_sites(tmp_path: Path) -> None:
    path = tmp_path / "sites.7z"
    with py7zr.SevenZipFile(path, "w") as packed:
        for number, site in enumerate(("a.test", "b.test"), 1):
            packed.writestr(QUESTION.format(number).encode(), f"{site}/Posts.xml")
    found, counts = read_file(path, "sites.7z")
    assert [d["url"] for d in found] == ["https://a.test/questions/1", "https://b.test/questions/2"]
    assert not counts.skipped


@pytest.mark.parametrize("name", ["Posts.xml", "Posts.xml.gz", "a.7z", "a.tar"])
def test_a_failing_disk_is_no_damage(tmp_path: Path, monkeypatch, name: str) -> None:
    class Failing:
        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def read(self, size=None):
            raise ConnectionResetError("reset")

        def seek(self, offset, whence=0):
            return 0

        def tell(self):
            return 0

    monkeypatch.setattr(dumps, "open_input", lambda uri: Failing())
    with pytest.raises(DataError, match="reset"):
        list(read(InputFile("u", name, 9), "s", StackExchangeConfig(), Counts()))


@pytest.mark.parametrize(
    ("name", "site"),
    [
        ("beer.test.tar.gz/Posts.xml", "beer.test"),
        ("beer.test.tar/./Posts.xml", "beer.test"),
        ("./beer.test/Posts.xml", "beer.test"),
        ("x.tar/beer.test/Posts.xml", "beer.test"),
    ],
)
def test_sites_in_tars(name: str, site: str) -> None:
    assert site_of(name) == site


def test_breaks_in_code_are_lines() -> None:
    assert html_to_text("<pre>a = 1<br>b = 2</pre>") == "a = 1\nb = 2"


def listed(folder: Path, *names: str) -> list[InputFile]:
    return [InputFile(str(folder / name), name, 1) for name in names]


def test_a_site_that_no_file_is_of_is_told_before_reading(tmp_path: Path) -> None:
    files = listed(tmp_path, "beer.stackexchange.com/Posts.xml", "es.stackoverflow.com.Posts.xml")
    reader.check(files, StackExchangeConfig(sites=("beer.stackexchange.com", "largest_28")))
    with pytest.raises(ConfigError, match=r"no 'beeer.*did you mean 'beer\.stackexchange\.com'"):
        reader.check(files, StackExchangeConfig(sites=("beeer.stackexchange.com",)))
    with pytest.raises(ConfigError, match=r"no 'beeer'; it has beer\.stackexchange\.com, es"):
        reader.check(files, StackExchangeConfig(sites=("beeer",)))
    reader.check(listed(tmp_path, "all.tar.gz"), StackExchangeConfig(sites=("beeer",)))


def test_sites_within_a_7z_are_known_by_its_list(tmp_path: Path) -> None:
    with py7zr.SevenZipFile(tmp_path / "two.7z", "w") as archive:
        for site in ("a.stackexchange.com", "b.stackexchange.com"):
            archive.writestr(QUESTION.format(1), f"{site}/Posts.xml")
    files = listed(tmp_path, "two.7z")
    reader.check(files, StackExchangeConfig(sites=("b.stackexchange.com",)))
    with pytest.raises(ConfigError, match=r"no 'c\.stackexchange\.com'"):
        reader.check(files, StackExchangeConfig(sites=("c.stackexchange.com",)))


def test_names_are_told_whatever_their_case(tmp_path: Path) -> None:
    path = tmp_path / "POSTS.XML.GZ"
    path.write_bytes(gzip.compress(QUESTION.format(1).encode()))
    assert [file.name for file in list_files(str(tmp_path), reader.SUFFIXES)] == [path.name]
    found, _ = read_file(path, "beer.stackexchange.com/POSTS.XML.GZ")
    assert [row["text"] for row in found] == ["t1\n\nb1"]
    assert site_of("beer.stackexchange.com/POSTS.XML.GZ") == "beer.stackexchange.com"
    assert site_of("beer.stackexchange.com.7Z") == "beer.stackexchange.com"


def test_in_a_tar_a_site_of_another_name_is_told_with_what_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "all.tar"
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("beer.stackexchange.com/Posts.xml")
        entry.size = len(QUESTION)
        archive.addfile(entry, io.BytesIO(QUESTION.encode()))
    counts = Counts()
    file = InputFile(str(path), path.name, path.stat().st_size)
    assert not list(read(file, "s", StackExchangeConfig(sites=("beeer",)), counts))
    told = "all.tar/beer.stackexchange.com/Posts.xml, not of beeer"
    assert counts.examples == {reader.OTHER_SITE: [told]}
