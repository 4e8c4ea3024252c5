"""Parts of a file on an object store are read where they are, not with the file around them."""

import bz2
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import s3_server

from corpus import crawl, extract, storage
from corpus.counts import Counts
from corpus.extract import InputConfig
from corpus.formats import dump_pieces
from corpus.output import Output
from corpus.sources import READERS, c4
from corpus.storage import InputFile

PAGE = "<page><title>P{0}</title><ns>0</ns><id>{0}</id><revision><text>{1}</text></revision></page>"
WIKI = {"languages": [], "part_bytes": 1 << 20}


@pytest.fixture(scope="module")
def dump() -> bytes:
    """Some 5 MiB in bz2, of pages of 10 kB that do not pack."""
    draw = random.Random(0)
    pages = [PAGE.format(n, draw.randbytes(5000).hex()) for n in range(1000)]
    return bz2.compress(f"<mediawiki>{''.join(pages)}</mediawiki>".encode())


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server.serve(tmp_path_factory.mktemp("s3")) as found:
        yield found


def rows(reader: str, location: str, options: dict, folder: Path) -> list[list[dict]]:
    """The documents of each unit, in the order of units."""
    stage = extract.stage("s", InputConfig(reader, location, {reader: options}))
    found = []
    for unit in stage.units:
        with Output(str(folder), unit, "key") as output:
            extract.extract(unit, output)
        (file,) = output.files
        found.append(pq.read_table(folder / file.name).to_pylist())
    return found


def test_parts_on_s3_are_those_of_a_disk_and_copy_nothing(s3, dump, tmp_path, monkeypatch) -> None:
    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(crawl, "download", lambda *_: pytest.fail("a part was copied"))
    lines = "".join(json.dumps({"text": f"text {n}", "url": "u"}) + "\n" for n in range(1000))
    source = {"repo_name": "r", "license": "mit", "content": "x = 1\n" * 99}
    table = pa.Table.from_pylist([{**source, "path": f"{n}.py"} for n in range(1000)])
    parquet = pa.BufferOutputStream()
    pq.write_table(table, parquet, row_group_size=50)
    wiki, web = {"wikipedia": WIKI}, {"c4": {"split_bytes": 10_000}}
    for name, content, options in (
        ("wiki/enwiki-1-pages-articles1.xml-p1p1000.bz2", dump, wiki),
        ("c4/c4.json", lines.encode(), web),
        ("code/code.parquet", parquet.getvalue().to_pybytes(), {"code": {"split_bytes": 5000}}),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(content)
        with s3.filesystem().open_output_stream(f"private/{name}", compression=None) as stream:
            stream.write(content)
        folder = name.partition("/")[0]
        ((reader, settings),) = options.items()
        (tmp_path / "a").mkdir(exist_ok=True)
        here = rows(reader, str(tmp_path / folder), settings, tmp_path / "a")
        there = rows(reader, f"s3://private/{folder}?{s3.query}", settings, tmp_path / "a")
        assert here == there
        assert len(here) > 3
        assert sum(map(len, here)) == 1000


class Reads:
    """How many bytes are asked for of a file."""

    def __init__(self) -> None:
        self.bytes = 0

    def open_input(self, location: str) -> "CountedFile":
        return CountedFile(storage.open_input(location), self)


class CountedFile:
    def __init__(self, file: pa.NativeFile, reads: Reads) -> None:
        self._file, self._reads = file, reads

    def __enter__(self) -> "CountedFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, size: int | None = None) -> bytes:
        data = self._file.read(size)
        self._reads.bytes += len(data)
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


@pytest.mark.parametrize("number", [0, 1, 3])
def test_a_part_reads_its_own_bytes_and_its_last_page(dump, tmp_path, monkeypatch, number) -> None:
    path = tmp_path / "enwiki-1.xml.bz2"
    path.write_bytes(dump)
    reads = Reads()
    monkeypatch.setattr(dump_pieces, "open_input", reads.open_input)
    reader = READERS["wikipedia"]
    config = reader.config(languages=(), part_bytes=1 << 20)
    part = reader.split(InputFile(str(path), path.name, len(dump)), config)[number]
    assert sum(batch.num_rows for batch in reader.read(part, "s", config, Counts())) > 100
    # the dump's beginning, the part, and up to the mark that ends its last page's block
    assert reads.bytes <= (1 << 20) + (1 << 20) + (2 << 20)


def test_a_part_of_lines_reads_its_own_bytes(tmp_path, monkeypatch) -> None:
    path = tmp_path / "c4.json"
    path.write_bytes(b'{"text": "some text", "url": "u"}\n' * 200_000)
    reads = Reads()
    monkeypatch.setattr(c4, "open_input", reads.open_input)
    config = c4.C4Config(split_bytes=1 << 20)
    part = c4.split(InputFile(str(path), path.name, path.stat().st_size), config)[2]
    assert sum(batch.num_rows for batch in c4.read(part, "s", config, Counts())) > 30_000
    assert reads.bytes <= (1 << 20) + (1 << 17) + 100
