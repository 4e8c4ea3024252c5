"""Files that readers can begin in the middle of are cut into parts, each a unit of its own."""

import pytest

from corpus import extract
from corpus.extract import InputConfig
from corpus.sources import READERS
from corpus.storage import InputFile


@pytest.mark.parametrize(
    ("size", "part", "spans"),
    [
        (0, 10, [(0, None)]),
        (10, 10, [(0, None)]),
        (11, 10, [(0, 10), (10, None)]),
        (30, 10, [(0, 10), (10, 20), (20, None)]),
    ],
)
def test_parts_cover_a_file_once(size, part, spans):
    parts = InputFile("u", "n", size).parts(part)
    assert [(p.start, p.end) for p in parts] == spans
    assert {(p.uri, p.name, p.size) for p in parts} == {("u", "n", size)}


def test_each_part_is_a_unit_named_by_where_it_begins(tmp_path, monkeypatch):
    reader = READERS["code"]._replace(split=lambda file, config: file.parts(4))
    monkeypatch.setitem(READERS, "code", reader)
    (tmp_path / "a.jsonl").write_bytes(b"{}\n" * 3)
    units = extract.stage("code", InputConfig("code", str(tmp_path))).units
    assert [unit.name for unit in units] == [
        "code-a.jsonl~0000000000000",
        "code-a.jsonl~0000000000004",
        "code-a.jsonl~0000000000008",
    ]
    assert [unit.payload.file.end for unit in units] == [4, 8, None]
