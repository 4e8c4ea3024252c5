"""Files that readers can begin in the middle of are cut into parts, each a unit of its own."""

from dataclasses import replace

import pytest

from corpus import extract
from corpus import manifest as manifests
from corpus.counts import BYTES_NOT_READ, NOT_READ
from corpus.extract import InputConfig
from corpus.sources import READERS
from corpus.spark import Engine, SparkConfig
from corpus.stage import run
from corpus.storage import InputFile
from jobs.console import stage_line


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


def test_files_of_other_names_are_in_the_manifest_and_the_console_line(tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.jsonl").write_text('{"text": "t"}\n')
    for name, size in (("noext", 3), ("c.txt", 4)):
        (folder / name).write_bytes(b"x" * size)

    def built():
        stage = replace(extract.stage("c4", InputConfig("c4", str(folder))), in_driver=True)
        return stage, run(stage, str(tmp_path / "out"), Engine(SparkConfig()))

    stage, done = built()
    counts = manifests.read(done.manifest.folder).counts
    assert counts.examples == {NOT_READ: ["c.txt (4 bytes)", "noext (3 bytes)"]}
    assert counts.totals[BYTES_NOT_READ] == 7
    assert counts.skipped_records == {}
    stage_line(stage, done)
    assert f"2 {NOT_READ} (0.0 MB): c.txt (4 bytes), noext" in capsys.readouterr().err
    (folder / "noext").unlink()
    assert built()[1].manifest.counts.skipped == {NOT_READ: 1}
