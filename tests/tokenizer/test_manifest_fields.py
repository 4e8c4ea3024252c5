"""A manifest made by hand or damaged ends in one line that names the file and the field."""

import json
from pathlib import Path

import pytest
from published_shards import HASH, publish

from corpus.errors import ShardError
from jobs.cli import main
from tokenizer.manifest_fields import stated_totals
from tokenizer.shards import shard_files

ENTRY = ("name", "bytes", "sha256", "rows")
NO_WHOLE_NUMBER = "not a whole number from 0 to 2^63 - 1"
WRONG = [
    ("source", "../..", "'../..', not letters, digits and _"),
    ("source", "x/y", "'x/y', not letters, digits and _"),
    ("source", "x[1]", "'x[1]', not letters, digits and _"),
    ("source", "x*", "'x*', not letters, digits and _"),
    ("source", "web\nsite", r"'web\\nsite', not letters, digits and _"),
    ("source", 7, "7, not letters, digits and _"),
    ("split", "test", "'test', not train or valid"),
    ("split", ["train"], "['train'], not train or valid"),
    ("tokenizer", 5, "5, not 64 hex digits"),
    ("tokenizer", "not\nhex", r"'not\\nhex', not 64 hex digits"),
    ("tokens", "3", f"'3', {NO_WHOLE_NUMBER}"),
    ("tokens", True, f"True, {NO_WHOLE_NUMBER}"),
    ("rows", float("1e999"), f"inf, {NO_WHOLE_NUMBER}"),
    ("rows", -1, f"-1, {NO_WHOLE_NUMBER}"),
    ("bytes", 2**63, f"9223372036854775808, {NO_WHOLE_NUMBER}"),
    ("bytes", 1.5, f"1.5, {NO_WHOLE_NUMBER}"),
    ("tokenizer", "", "'', not 64 hex digits"),
    ("sha256", "", "'', not 64 hex digits"),
    ("sha256", "01", "'01', not 64 hex digits"),
    ("sha256", None, "None, not 64 hex digits"),
    ("name", "../web-train-0.arrow", "'../web-train-0.arrow', not the name of a file beside it"),
    ("name", "/etc/passwd", "'/etc/passwd', not the name of a file beside it"),
    ("name", "..", "'..', not the name of a file beside it"),
    ("name", "", "'', not the name of a file beside it"),
    ("name", "a\0b", r"'a\\x00b', not the name of a file beside it"),
    ("name", "\ud800", r"'\\ud800', not the name of a file beside it"),
]


@pytest.fixture
def manifest(tmp_path) -> str:
    (tmp_path / "shards").mkdir()
    names = ("web-train-0.arrow", "web-train-1.arrow")
    return publish(tmp_path / "shards", {name: [[1, 2]] for name in names}, HASH)


def said_of(manifest: str, capsys) -> str:
    """The one line that all three who read a manifest end with."""
    out = str(Path(manifest).parents[1] / "out")
    lines = []
    for command in (["verify", manifest], ["export", manifest, out, "--to", "huggingface"]):
        assert main(["shards", *command]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        lines.append(line)
    assert lines[0] == lines[1]
    assert [path.name for path in Path(manifest).parents[1].iterdir()] == ["shards"]
    return lines[0].removeprefix("error: ")


@pytest.mark.parametrize(("field", "value", "message"), WRONG)
def test_a_field_that_cannot_be_is_named(manifest, capsys, field, value, message):
    tree = json.loads(Path(manifest).read_text())
    entry = tree["files"][1]
    (entry if field in ENTRY else entry["facts"])[field] = value
    Path(manifest).write_text(json.dumps(tree))
    place = f"files[1].{field}" if field in ENTRY else f"files[1].facts.{field}"
    message = message.replace("\\\\", "\\")
    expected = f"{manifest} is no shard manifest: {place} is {message}; tokenize again"
    assert said_of(manifest, capsys) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 200_000, "its JSON is nested too deeply"),
        ('{"stage": "shards"}', "files is None, not a list"),
        ('{"stage": "shards", "files": {"a": 1}}', "files is {'a': 1}, not a list"),
        ('{"stage": "shards", "files": [7]}', "files[0] is 7, not an object of fields"),
        ('{"stage": "shards", "files": [{"name": "a", "facts": []}]}', "files[0].facts is []"),
        ('{"files": []}', "it states no stage"),
        ("{\n", "Expecting property name"),
    ],
)
def test_a_manifest_of_another_form_is_named(manifest, capsys, content, message):
    Path(manifest).write_text(content)
    assert said_of(manifest, capsys).startswith(f"{manifest} is no shard manifest: {message}")


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([1], "counts is [1], not an object of fields"),
        ({"totals": [1]}, "counts.totals is [1], not an object of fields"),
        ({"totals": {"tokens web train": "4"}}, "counts.totals['tokens web train'] is '4', not a"),
    ],
)
def test_counts_of_another_form_are_named(manifest, capsys, counts, message):
    tree = json.loads(Path(manifest).read_text())
    Path(manifest).write_text(json.dumps({**tree, "counts": counts}))
    assert said_of(manifest, capsys).startswith(f"{manifest} is no shard manifest: {message}")


def test_what_may_be_absent_is_no_fault(manifest):
    tree = json.loads(Path(manifest).read_text())
    del tree["counts"], tree["files"][0]["facts"]["tokenizer"]
    Path(manifest).write_text(json.dumps(tree))
    assert [file.tokenizer for file in shard_files(manifest)] == [None, HASH]
    assert stated_totals(manifest) == {}


def test_a_long_value_is_shown_in_short(manifest):
    tree = json.loads(Path(manifest).read_text())
    tree["files"][0]["facts"]["source"] = "x/" * 9999
    Path(manifest).write_text(json.dumps(tree))
    with pytest.raises(ShardError) as error:
        shard_files(manifest)
    assert len(str(error.value)) < len(manifest) + 200
