"""Files on a real S3 server: written whole, listed, fetched; public ones without credentials."""

from pathlib import Path

import pytest
import s3_server
from crawl_server import CRAWL, made_crawl
from hypothesis import given
from hypothesis import strategies as st

from corpus import storage
from corpus.crawl import CrawlConfig, list_crawl, on_disk
from corpus.download import download
from corpus.errors import DataError
from corpus.retry import RetryConfig

QUICK = RetryConfig(tries=2, first_wait_s=0.01)


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server.serve(tmp_path_factory.mktemp("s3")) as found:
        yield found


@pytest.fixture
def credentials(monkeypatch) -> None:
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@given(st.sampled_from(["/a/b", "s3://bucket/a", "s3://bucket/a/", "s3://bucket/a?region=x"]))
def test_join_and_parent_keep_a_query(location):
    joined = storage.join(location, "folder", "name.json")
    assert joined.partition("?")[0].endswith("/folder/name.json")
    assert joined.partition("?")[2] == location.partition("?")[2]
    assert storage.parent(joined) == storage.join(location, "folder")


def test_a_local_name_may_hold_a_question_mark():
    assert storage.join("/a?b", "c") == "/a?b/c"
    assert storage.parent("/a?b/c") == "/a?b"


def test_a_place_on_disk_is_told_from_one_elsewhere_without_asking_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert storage.on_disk("run") == str(tmp_path / "run")
    assert storage.on_disk("file:///mnt/a%20b/c") == "/mnt/a b/c"
    for location in ("s3://bucket/a", "gs://bucket/a", "hdfs://host/a", "http://host/a"):
        assert storage.on_disk(location) is None
    with pytest.raises(DataError, match="is no location pyarrow can open"):
        storage.on_disk("file://host/a")


def test_objects_are_written_whole_listed_and_read(s3, credentials, tmp_path):
    run = f"s3://private/run?{s3.query}"
    storage.make_folder(storage.join(run, "stage"))
    place = storage.join(run, "stage", "small.json")
    assert not storage.exists(place)
    storage.put_bytes(place, b"first")
    storage.put_bytes(place, b"second")
    assert storage.read_bytes(place) == b"second"

    local = storage.make_scratch(run) / "large"
    content = bytes(range(256)) * (12 << 12)  # 12 MiB: in parts
    local.write_bytes(content)
    storage.put_file(local, storage.join(run, "stage", "large%20one.gz"))
    assert not local.exists()
    assert storage.list_names(storage.join(run, "stage")) == ["large one.gz", "small.json"]
    assert storage.list_names(storage.join(run, "none")) == []

    found = storage.list_files(storage.join(run, "stage"))
    assert [(file.name, file.size) for file in found] == [
        ("large one.gz", 12 << 20),
        ("small.json", 6),
    ]
    assert storage.read_bytes(found[0].uri) == content
    assert storage.fingerprint(found[0].uri) == _fingerprint_of(content, tmp_path)
    download(found[0].uri, tmp_path / "copy", QUICK)
    assert (tmp_path / "copy").read_bytes() == content
    storage.delete(found[0].uri)
    assert storage.list_names(storage.join(run, "stage")) == ["small.json"]


def _fingerprint_of(content: bytes, folder: Path) -> str:
    (folder / "same").write_bytes(content)
    return storage.fingerprint(str(folder / "same"))


def test_a_public_snapshot_is_read_without_credentials(s3, tmp_path):
    fs = s3.filesystem()
    made = made_crawl(2)
    for path, content in made.items():
        with fs.open_output_stream(f"public/{path}", compression=None) as stream:
            stream.write(content)
    base = f"s3://public?{s3.query}&anonymous=true"
    files, _ = list_crawl(CrawlConfig(CRAWL, "wet", base=base, retry=QUICK))
    assert [file.name for file in files] == sorted(path for path in made if "segments" in path)
    local = on_disk(files[1], tmp_path, QUICK)
    assert Path(local.uri).read_bytes() == made[files[1].name]


def test_what_cannot_be_read_is_told(s3, credentials, tmp_path):
    with pytest.raises(DataError, match=r"none\.gz\?.* is not there"):
        download(f"s3://private/none.gz?{s3.query}", tmp_path / "a", QUICK)
    with pytest.raises(DataError, match=r"is not allowed: .*anonymous=true"):
        download(f"s3://private/ready?{s3.query}&anonymous=true", tmp_path / "a", QUICK)
    with pytest.raises(DataError, match="beside anonymous=true it may have endpoint_override"):
        storage.filesystem("s3://public/x?anonymous=true&color=red")
    with pytest.raises(DataError, match="Unexpected query parameter"):
        storage.filesystem("s3://public/x?color=red")


def test_anonymous_is_a_word_of_the_query_alone(s3, credentials):
    _, path = storage.filesystem(f"s3://b/anonymous=1/x?{s3.query}")
    assert path == "b/anonymous=1/x"
    _, path = storage.filesystem(f"s3://b/anonymous=1/a%20b?{s3.query}&anonymous=true")
    assert path == "b/anonymous=1/a b"
    for query in ("anonymous=", "anonymous", "anonymous=1", "anonymous=true&anonymous="):
        with pytest.raises(DataError, match="beside anonymous=true it may have"):
            storage.filesystem(f"s3://b/x?{query}&region=us-east-1")


def test_a_store_that_is_not_there_is_given_up(s3, credentials, tmp_path):
    (port,) = s3_server._free_ports(1)
    query = s3.query.replace(str(s3.port), str(port))
    with pytest.raises(DataError, match=r"cannot be fetched: .*; given up after 2 tries"):
        download(f"s3://private/ready?{query}", tmp_path / "a", QUICK)


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wet").write_bytes(b"a")
    (tmp_path / "b.wet").symlink_to(tmp_path / "gone.wet")
    with pytest.raises(DataError, match=r"b\.wet is a link to nothing"):
        storage.list_files(str(tmp_path), (".wet",))
    assert [file.name for file in storage.list_files(str(tmp_path), ("a.wet",))] == ["a.wet"]
    (tmp_path / "b.wet").rename(tmp_path / ".b.wet")
    assert [file.name for file in storage.list_files(str(tmp_path), (".wet",))] == ["a.wet"]


@pytest.mark.parametrize("folder", [".git/x", "x/_old"])
def test_a_link_to_nothing_in_a_hidden_folder_is_nobodys_input(tmp_path: Path, folder: str) -> None:
    (tmp_path / "a.wet").write_bytes(b"a")
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "b.wet").symlink_to(tmp_path / "gone.wet")
    assert [file.name for file in storage.list_files(str(tmp_path), (".wet",))] == ["a.wet"]


def test_other_files_of_a_folder_are_listed_apart_whatever_the_case(tmp_path: Path) -> None:
    for name in ("b.WET.Gz", "a.wet.gz", "noext", "c.txt", ".hidden", "_scratch"):
        (tmp_path / name).write_bytes(b"a")
    others: list[storage.InputFile] = []
    found = storage.list_files(str(tmp_path), (".wet.gz",), others)
    assert [file.name for file in found] == ["a.wet.gz", "b.WET.Gz"]
    assert [(file.name, file.size) for file in others] == [("c.txt", 1), ("noext", 1)]
    with pytest.raises(DataError, match=r"no input files named \*\.arc in .*; it has 4 "):
        storage.list_files(str(tmp_path), (".arc",))
