"""The reader of code exports: formats, licences, and rows that hold no text."""

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.code.expressions import license_allowed
from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.sources import code
from corpus.storage import list_files

ROW = {"repo_name": "me/it", "path": "a/b.py", "license": "mit", "content": "print('é')\n"}


def read(folder: Path, config: code.CodeConfig | None = None) -> tuple[list[dict], Counts]:
    counts = Counts()
    (file,) = list_files(str(folder), code.SUFFIXES)
    batches = code.read(file, "code", config or code.CodeConfig(), counts)
    return [row for batch in batches for row in batch.to_pylist()], counts


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_every_format_gives_the_same_documents(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "path": "c.py", "content": "x = 1\n"}]
    found = []
    for name in ("a.jsonl", "a.jsonl.gz", "a.parquet"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "a.parquet":
            pq.write_table(pa.Table.from_pylist(rows), folder / name)
        else:
            content = lines(*rows)
            (folder / name).write_bytes(gzip.compress(content) if "gz" in name else content)
        documents, counts = read(folder)
        second = 1 if name == "a.parquet" else len(lines(ROW))  # a row, or the byte of a line
        assert [d["origin"] for d in documents] == [f"{name}#0", f"{name}#{second}"]
        assert counts.totals["records"] == 2
        found.append([(d["url"], d["title"], d["license"], d["text"]) for d in documents])
    assert found[0] == found[1] == found[2]
    assert found[0][0] == ("me/it/a/b.py", "a/b.py", "MIT", "print('é')\n")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**ROW, "license": "gpl-3.0"}, "license not allowed"),
        ({**ROW, "license": None}, "license not allowed"),
        ({**ROW, "content": None}, "empty"),
        ({**ROW, "content": ""}, "empty"),
        ({**ROW, "content": " \n\t\n"}, "empty"),
        ({**ROW, "content": "\ud800"}, "undecodable"),
        ({**ROW, "path": "a/b.xyz"}, "language not wanted"),
        ({**ROW, "path": "node_modules/b.js"}, "vendored"),
        ({**ROW, "path": "LICENSE"}, "license file"),
        ({**ROW, "content": "x" * (2 << 20)}, "file over max_file_bytes"),
        ({**ROW, "content": "a\0b"}, "binary"),
        ({"path": "x"}, "not a JSON object with the columns of an export"),
        ([1, 2], "not a JSON object with the columns of an export"),
    ],
)
def test_what_is_left_out_is_counted(tmp_path: Path, row: object, reason: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines(row, ROW))
    documents, counts = read(tmp_path)
    assert [d["origin"] for d in documents] == [f"a.jsonl#{len(lines(row))}"]
    assert counts.skipped == {reason: 1}
    ((place,),) = counts.examples.values()
    assert place.split(" ")[0] == "a.jsonl#0"


def test_the_columns_of_bigquerys_github_repos(tmp_path: Path) -> None:
    """`sample_contents`, joined with `licenses` by the repository's name."""
    rows = [
        {
            "id": f"{n:040x}",
            "size": 14,
            "content": content,
            "binary": content is None,
            "copies": 3,
            "sample_repo_name": "me/it",
            "sample_ref": "refs/heads/master",
            "sample_path": f"a/{n}.py",
            "sample_mode": 33188,
            "sample_symlink_target": None,
            "license": license,
        }
        for n, (content, license) in enumerate(
            [("x = 1\n", "mit"), (None, "mit"), ("y = 2\n", "gpl-3.0"), ("z = 3\n", "apache-2.0")]
        )
    ]
    for name in ("a.parquet", "a.jsonl"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "a.parquet":
            pq.write_table(pa.Table.from_pylist(rows), folder / name)
        else:  # where BigQuery writes whole numbers as texts
            told = [{**row, "size": "14", "copies": "3"} for row in rows]
            (folder / name).write_bytes(lines(*told))
        documents, counts = read(folder)
        assert [(d["url"], d["license"], d["text"]) for d in documents] == [
            ("me/it/a/0.py", "MIT", "x = 1\n"),
            ("me/it/a/3.py", "Apache-2.0", "z = 3\n"),
        ]
        assert counts.skipped == {"binary": 1, "license not allowed": 1}


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl"])
def test_a_list_of_licenses_asks_for_all(tmp_path: Path, name: str) -> None:
    listed = [["mit", "apache-2.0"], ["mit", "gpl-3.0"], ["MIT", "MIT"], []]
    rows = [{**ROW, "license": license} for license in listed]
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    else:
        (tmp_path / name).write_bytes(lines(*rows))
    documents, counts = read(tmp_path)
    assert [d["license"] for d in documents] == ["MIT AND Apache-2.0", "MIT"]
    stated = [place.split(" ", 2)[2] for place in counts.examples["license not allowed"]]
    assert stated == ["MIT AND gpl-3.0", "unstated"]


def test_licenses_in_free_text_are_one_reason(tmp_path: Path) -> None:
    stated = [None, "GPL-3.0 or later", "all rights reserved " * 500]
    stated += [f"licence {n}" for n in range(100)]
    rows = [{**ROW, "license": text} for text in stated]
    (tmp_path / "a.jsonl").write_bytes(lines(*rows))
    _, counts = read(tmp_path)
    assert counts.skipped == {"license not allowed": len(stated)}
    unstated, short, long, *_ = counts.examples["license not allowed"]
    assert unstated == "a.jsonl#0 me/it/a/b.py unstated"
    assert short == f"a.jsonl#{len(lines(*rows[:1]))} me/it/a/b.py GPL-3.0 or later"
    at = len(lines(*rows[:2]))
    assert long.startswith(f"a.jsonl#{at} me/it/a/b.py all rights reserved all")
    assert len(json.dumps(counts.to_tree())) < 1000


def test_bytes_that_are_no_utf8_are_left_out(tmp_path: Path) -> None:
    rows = [{**ROW, "content": content} for content in (b"fine", b"\xff\x81\x82")]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    documents, counts = read(tmp_path)
    assert [d["text"] for d in documents] == ["fine"]
    assert counts.skipped == {"undecodable": 1}


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), "dictionary"])
def test_strings_of_parquet_that_are_no_utf8(tmp_path: Path, kind: pa.DataType | str) -> None:
    """What one file's text is decoded by, Latin-1 here, is so for the bytes of a string too."""
    texts = [b"x = 1\n", b"# caf\xe9 and some more plain words\nx = 2\n"]
    content = pa.array(texts, pa.binary()).view(pa.string())
    content = content.dictionary_encode() if kind == "dictionary" else content.cast(kind, False)
    names = pa.array([b"me\xff/it"] * 2, pa.binary()).view(pa.string())
    columns = {"repo_name": names, "path": ["a.py", "b.py"], "license": ["mit", "mit"]}
    pq.write_table(pa.table({**columns, "content": content}), tmp_path / "a.parquet")
    documents, counts = read(tmp_path)
    assert [d["text"] for d in documents] == [
        "x = 1\n",
        "# café and some more plain words\nx = 2\n",
    ]
    assert documents[0]["url"] == "me\ufffd/it/a.py"
    assert counts.skipped == {}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_line_has_bounds(tmp_path: Path, name: str) -> None:
    """It is not read whole: memory stays where it was."""
    long = b'{"content": "' + b"a" * (48 << 20) + b'"}\n'
    content = lines(ROW) + long + lines(ROW) + long[:-1]
    (tmp_path / name).write_bytes(gzip.compress(content, 1) if "gz" in name else content)
    tracemalloc.start()
    documents, counts = read(tmp_path, code.CodeConfig(max_file_bytes=1000))
    assert tracemalloc.get_traced_memory()[1] < 16 << 20
    tracemalloc.stop()
    assert [d["origin"] for d in documents] == [f"{name}#0", f"{name}#{len(lines(ROW) + long)}"]
    assert counts.skipped == {"file over max_file_bytes": 2}


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_sizes_are_in_bytes(tmp_path: Path, name: str) -> None:
    rows = [{**ROW, "content": f"# {'中' * count}\nx = 1\n"} for count in (330, 331)]
    if name == "a.jsonl":
        (tmp_path / name).write_bytes(lines(*rows))
    else:
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    documents, counts = read(tmp_path, code.CodeConfig(max_file_bytes=999))
    assert [d["origin"] for d in documents] == [f"{name}#0"]
    assert counts.skipped == {"file over max_file_bytes": 1}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_a_failing_disk_is_no_damage(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = None) -> bytes:
            raise OSError(5, "Input/output error")

    (tmp_path / name).write_bytes(b"any")
    monkeypatch.setattr(code, "open_input", lambda _: Failing(b"\x1f\x8b" * 99))
    with pytest.raises(DataError, match="Input/output error"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "reason", "kept"),
    [
        ("a.parquet", b"PAR1 no", "not a Parquet file, or a damaged one", 0),
        ("a.jsonl.gz", gzip.compress(lines(ROW, ROW))[:-9], "file cut short", None),
        ("a.jsonl", lines(ROW) + b'{"repo_na', "not a JSON object", 1),
    ],
)
def test_damaged_files(
    tmp_path: Path, name: str, content: bytes, reason: str, kept: int | None
) -> None:
    (tmp_path / name).write_bytes(content)
    documents, counts = read(tmp_path)
    assert kept is None or len(documents) == kept
    (found,) = counts.skipped
    assert found.startswith(reason)


def test_a_parquet_file_of_something_else(tmp_path: Path) -> None:
    pq.write_table(pa.table({"path": ["x"], "content": ["y"]}), tmp_path / "a.parquet")
    documents, counts = read(tmp_path)
    assert documents == []
    assert counts.skipped == {"no column repo_name, license": 1}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("bsd-3-clause", True),
        ("GPL-3.0-only OR MIT", True),
        ("Apache-2.0 AND MIT", True),
        ("Apache-2.0 AND LGPL-2.1-only", False),
        ("(MIT OR Apache-2.0) AND BSD-2-Clause", True),
        ("(MIT OR GPL-2.0-only) AND BSD-2-Clause", True),
        ("(MIT AND GPL-2.0-only) OR BSD-4-Clause", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("MIT AND", False),
        ("(MIT", False),
        ("MIT License", False),
        ("MITX", False),
        ("", False),
    ],
)
def test_license_expressions(expression: str, allowed: bool) -> None:
    assert license_allowed(expression, code.CodeConfig().licenses) is allowed


def test_more_licenses_by_config(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines({**ROW, "license": "PSF-2.0"}))
    documents, _ = read(tmp_path, code.CodeConfig(("PSF-2.0",)))
    assert len(documents) == 1
    with pytest.raises(ConfigError, match=r"licenses=\[\] would keep no file"):
        code.CodeConfig(())
