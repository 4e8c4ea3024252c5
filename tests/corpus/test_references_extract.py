"""Dumps to tables of cited URLs, by real Spark tasks."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from corpus import manifest, stage
from corpus.errors import DataError
from corpus.references.extract import citations_stage, cited_stage
from corpus.references.urls import canonical, url_key
from corpus.schema import CITATION, CITED
from jobs.cli import main
from jobs.setup.pyfiles import write_zip

ROOT = Path(__file__).parents[2]
PAGE = "<page><title>{}</title><ns>{}</ns>{}<revision><text>{}</text></revision></page>"


def write_dump(path: Path, wiki: str, *pages: tuple) -> str:
    path.parent.mkdir(exist_ok=True)
    body = "".join(
        PAGE.format(*page).replace("[[", "&lt;ref&gt;").replace("]]", "&lt;/ref&gt;")
        for page in pages
    )
    path.write_text(f"<mediawiki><siteinfo><dbname>{wiki}</dbname></siteinfo>{body}</mediawiki>")
    return str(path)


@pytest.fixture
def dumps(tmp_path) -> list[str]:
    one = write_dump(
        tmp_path / "one" / "wiki.xml",
        "enwiki",
        ("Beta", 0, "", "[[http://b.org/2]] [[http://WWW.a.org/1]] [[http://a.org/1/]]"),
        ("Talk:Beta", 1, "", "[[http://talk.org]]"),
        ("Old", 0, "<redirect/>", "[[http://redirect.org]]"),
        ("Alpha", 0, "", "[[https://a.org/1#part]]"),
    )
    two = write_dump(tmp_path / "two" / "wiki.xml", "dewiki", ("Zeta", 0, "", "[[http://a.org/1]]"))
    return [one, two]


def extracted(dumps: list[str], output: Path, engine) -> tuple:
    first = stage.run(citations_stage(dumps), str(output), engine).manifest
    second = stage.run(cited_stage(first), str(output), engine).manifest
    return first, second


def test_cited_urls_of_several_dumps(dumps, engine, tmp_path) -> None:
    first, second = extracted(dumps, tmp_path / "out", engine)
    assert first.counts.totals == {"pages": 5, "articles": 3, "citations": 5}
    assert len({file.name for file in first.files}) == 2, "two dumps of one name are two units"
    rows = [pq.read_table(first.path(file)) for file in first.files]
    assert all(table.schema == CITATION for table in rows)
    table = pq.read_table(second.path(second.files[0]))
    assert table.schema == CITED
    assert table.to_pylist() == [
        {
            "url": "a.org/1",
            "key": url_key("a.org/1"),
            "address": "http://a.org/1",
            "archive": None,
            "title": "Zeta",
            "pages": 3,
            "citations": 4,
        },
        {
            "url": "b.org/2",
            "key": url_key("b.org/2"),
            "address": "http://b.org/2",
            "archive": None,
            "title": "Beta",
            "pages": 1,
            "citations": 1,
        },
    ]
    assert (tmp_path / "out/cited/urls.txt").read_text() == "http://a.org/1\nhttp://b.org/2\n"


def test_the_order_of_dumps_changes_nothing(dumps, engine, tmp_path) -> None:
    _, one = extracted(dumps, tmp_path / "a", engine)
    _, other = extracted(dumps[::-1], tmp_path / "b", engine)
    assert one.digest == other.digest


def test_dumps_that_cannot_be_read(tmp_path) -> None:
    (tmp_path / "wiki.xml.7z").write_bytes(b"7z")
    (tmp_path / "wiki.xml").write_text("<mediawiki/>")
    for place in (tmp_path / "wiki.xml.7z", tmp_path):  # a part of the dump would be missed
        with pytest.raises(DataError, match=r"wiki.xml.7z is packed by 7-Zip, .*; unpack it"):
            citations_stage([str(place)])
    (tmp_path / "wiki.xml.7z").rename(tmp_path / "wiki.rar")
    (tmp_path / "wiki.xml").unlink()
    with pytest.raises(DataError, match=r"is no dump that can be read .*; unpack it first"):
        citations_stage([str(tmp_path / "wiki.rar")])
    with pytest.raises(DataError, match="no input files named"):
        citations_stage([str(tmp_path)])


def test_the_verb_by_spark_submit_gives_the_same_bytes(dumps, engine, tmp_path) -> None:
    """Its JVM, its master and its settings are taken, and no others started."""
    _, expected = extracted(dumps, tmp_path / "a", engine)
    write_zip(tmp_path / "altiplano.zip")
    command = [str(Path(sys.executable).with_name("spark-submit")), "--master", "local[2]"]
    command += ["--driver-memory", "512m", "--py-files", "altiplano.zip"]
    command += [str(ROOT / "jobs/submit.py"), "references", "extract", *dumps, "--output", "b"]
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "addresses in " in done.stdout  # where spark-submit puts all that Python says
    assert manifest.read(str(tmp_path / "b" / "cited")).digest == expected.digest


def test_the_command_on_real_dumps(shared, tmp_path, capsys, monkeypatch, engine) -> None:
    monkeypatch.setattr("corpus.spark.Engine", lambda config: _Lent(engine))
    output = tmp_path / "cited"
    assert main(["references", "extract", str(shared / "wikipedia"), "--output", str(output)]) == 0
    said = capsys.readouterr().err
    assert "articles cite 4," in said
    assert "1 dump without its end" in said
    table = pq.read_table(next((output / "cited").glob("*.parquet")))
    forms = table["url"].to_pylist()
    assert forms == sorted(set(forms))
    assert all(
        canonical(address) == form
        for address, form in zip(table["address"].to_pylist(), forms, strict=True)
    )
    assert (output / "cited/urls.txt").read_text().splitlines() == table["address"].to_pylist()
    assert table.num_rows > 4000
    assert table["archive"].null_count < table.num_rows - 1000


class _Lent:
    """The session's engine, which the command must leave open."""

    def __init__(self, engine) -> None:
        self._engine = engine

    def map(self, *arguments):
        return self._engine.map(*arguments)

    def close(self) -> None:
        pass
