"""What `altiplano shards verify` finds: the README's table of faults, each row made here."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from published_shards import HASH, publish, write

from corpus import storage
from corpus.errors import ShardError
from jobs.cli import main
from tokenizer.blocks import BLOCK
from tokenizer.shards import open_shard, shard_files
from tokenizer.verify import quick_check, require_sound, verify

README = Path(__file__).parents[2] / "tokenizer/README.md"
DOCUMENTS = [list(range(10, 4000))] * 30 + [[], [1, 7, 2]]  # above three blocks of 64 KiB


@pytest.fixture
def manifest(tmp_path) -> str:
    return publish(tmp_path, {f"web-train-{i:05d}.arrow": DOCUMENTS for i in range(3)}, HASH)


def flip(path: Path, position: int, bit: int = 4) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << bit
    path.write_bytes(content)


def flip_in(array: int) -> Callable[[Path], None]:
    def fault(path: Path) -> None:
        blocks = open_shard(str(path)).blocks[array]
        flip(path, blocks.start + blocks.size // 2 // 8 * 8, bit=0)

    return fault


def change_entry(path: Path, **changes: object) -> None:
    place = path.parent / "manifest.json"
    tree = json.loads(place.read_text())
    (entry,) = [entry for entry in tree["files"] if entry["name"] == path.name]
    entry.update(changes)
    place.write_text(json.dumps(tree))


def lose_entry(path: Path) -> None:
    place = path.parent / "manifest.json"
    tree = json.loads(place.read_text())
    tree["files"] = [entry for entry in tree["files"] if entry["name"] != path.name]
    place.write_text(json.dumps(tree))


def write_without_checksums(path: Path) -> None:
    content = path.read_bytes()
    assert content.count(b"altiplano.crc32") == 1
    path.write_bytes(content.replace(b"altiplano.crc32", b"altiplano.crc31"))


FAULTS: dict[str, Callable[[Path], object]] = {
    "a flipped byte of its tokens": flip_in(2),
    "of its offsets": flip_in(1),
    "of its document ids": flip_in(0),
    "of its head": lambda path: flip(path, 7),
    "of its footer": lambda path: flip(path, path.stat().st_size - 12, 6),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-700]),
    "cut to nothing": lambda path: path.write_bytes(b""),
    "something added": lambda path: path.write_bytes(path.read_bytes() + b"\0" * 9),
    "missing": lambda path: path.unlink(),
    "of another tokenizer": lambda path: write(path, DOCUMENTS, tokenizer="b" * 64),
    "a row more than listed": lambda path: change_entry(path, rows=33),
    "another shard": lambda path: write(path, DOCUMENTS[1:]),
    "no shard": lambda path: path.write_bytes(b"PAR1" * 99),
    "without checksums": write_without_checksums,
    "not listed": lose_entry,
}


def rows_of_the_readme() -> dict[str, str]:
    table = README.read_text().split("| the fault |")[1].split("\n\n")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]
    return {fault: said.strip("`") for fault, said in rows}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named_as_the_readme_says(manifest, fault, capsys):
    victim = Path(manifest).parent / "web-train-00001.arrow"
    FAULTS[fault](victim)
    assert main(["shards", "verify", str(victim.parent)]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    said = re.escape(rows_of_the_readme()[fault]).replace("…", ".+")
    line = line.replace(f"{victim.parent}/", "").replace(victim.name, "a.arrow")
    assert re.fullmatch(f"error: {said}", line), line


def test_the_readme_has_a_row_for_each_fault():
    assert list(rows_of_the_readme()) == list(FAULTS)


@pytest.mark.parametrize("number", [0, 2])
def test_only_the_damaged_shard_is_named(manifest, number):
    victim = Path(manifest).parent / f"web-train-{number:05d}.arrow"
    flip_in(2)(victim)
    (problem,) = verify(manifest).problems
    assert problem.startswith(f"{victim} is damaged at bytes")


def test_sound_shards_have_no_problem(manifest, capsys):
    found = verify(manifest)
    assert (found.shards, found.problems, found.without_totals) == (3, [], [])
    first = shard_files(manifest)[0]
    assert (first.source, first.split, first.rows) == ("web", "train", 32)
    for place in (manifest, str(Path(manifest).parent)):
        assert main(["shards", "verify", place]) == 0
    assert "all 3 shards, 0.7 MB, are as" in capsys.readouterr().err


def test_the_named_bytes_hold_the_flipped_one(manifest):
    victim = Path(manifest).parent / "web-train-00001.arrow"
    tokens = open_shard(str(victim)).blocks[2]
    assert len(tokens.checked) == 4
    for block in range(4):
        sound = victim.read_bytes()
        position = min(tokens.start + block * BLOCK + 777, tokens.start + tokens.size - 1)
        flip(victim, position)
        (problem,) = verify(manifest).problems
        found = re.search(r"at bytes (\d+) to (\d+) \(block (\d) of its tokens\)", problem)
        assert int(found[1]) <= position <= int(found[2])
        assert int(found[3]) == block
        victim.write_bytes(sound)


def test_many_damaged_blocks_are_counted(manifest):
    victim = Path(manifest).parent / "web-train-00001.arrow"
    start = open_shard(str(victim)).blocks[2].start
    for block in range(4):
        flip(victim, start + block * BLOCK)
    (problem,) = verify(manifest).problems
    assert problem.count("is damaged at bytes") == 3
    assert ", and 1 more blocks" in problem


def test_a_byte_flipped_anywhere_is_found(tmp_path):
    documents = {"web-train-a.arrow": [[1, 5, 2]] * 9, "web-train-b.arrow": [[1, 5, 2]] * 9}
    manifest = publish(tmp_path, documents)
    victim = tmp_path / "web-train-b.arrow"
    sound = victim.read_bytes()
    for position in range(len(sound)):
        flip(victim, position, position % 8)
        problems = verify(manifest).problems
        assert len(problems) == 1, position
        assert problems[0].startswith(str(victim)), position
        assert "\n" not in problems[0]
        victim.write_bytes(sound)


def test_a_shard_listed_twice_is_found(manifest):
    tree = json.loads(Path(manifest).read_text())
    tree["files"].append(tree["files"][0])
    Path(manifest).write_text(json.dumps(tree))
    total, twice = verify(manifest).problems
    assert "lists shards of 478812 'tokens web train', its total is 359109" in total
    assert "web-train-00000.arrow is listed 2 times in its manifest; restore it" in twice
    assert quick_check(shard_files(manifest)) == [twice]
    with pytest.raises(ShardError, match=r"is listed 2 times .* \(1 more: altiplano"):
        require_sound(manifest, ["web"], HASH)


def test_a_lost_entry_stops_a_run_on_its_source_alone(tmp_path):
    names = ("web-train-0.arrow", "web-train-1.arrow", "code-train-0.arrow")
    manifest = publish(tmp_path, {name: [[1, 2]] for name in names}, HASH)
    lose_entry(tmp_path / "web-train-1.arrow")
    require_sound(manifest, ["code"], HASH)
    with pytest.raises(ShardError, match="lists shards of 2 'tokens web train', its total is 4"):
        require_sound(manifest, ["web"], HASH)


def test_the_tokenizer_a_manifest_states_decides(tmp_path):
    manifest = publish(tmp_path, {f"web-train-{i}.arrow": [[1]] for i in range(3)}, "c" * 64)
    assert len(verify(manifest).problems) == 3


def test_without_a_stated_tokenizer_the_usual_one_is_right(tmp_path):
    manifest = publish(tmp_path, {f"web-train-{i}.arrow": [[1, 2]] for i in range(3)})
    write(tmp_path / "web-train-1.arrow", [[1, 2]], tokenizer="b" * 64)
    (problem,) = verify(manifest).problems
    assert re.search("web-train-1.arrow was written with tokenizer b{16}, not a{16}", problem)


def test_a_manifest_without_totals_is_told(manifest, capsys):
    tree = json.loads(Path(manifest).read_text())
    del tree["counts"]
    Path(manifest).write_text(json.dumps(tree))
    assert verify(manifest).without_totals == ["tokens web train"]
    assert main(["shards", "verify", manifest]) == 1
    assert f"{manifest} has no counts.totals of 'tokens web train'" in capsys.readouterr().err


UNSEEN = ("a flipped byte of its tokens", "of its offsets", "of its document ids", "of its head")
NOT_OF_A_FILE = ("not listed",)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in NOT_OF_A_FILE])
def test_the_quick_check_sees_all_but_flipped_bytes(manifest, fault):
    victim = Path(manifest).parent / "web-train-00001.arrow"
    FAULTS[fault](victim)
    assert len(quick_check(shard_files(manifest))) == (0 if fault in UNSEEN else 1)


def test_a_run_is_refused_by_the_shards_of_its_own_sources(tmp_path):
    manifest = publish(tmp_path, {"web-train-0.arrow": [[1]], "code-train-0.arrow": [[1]]}, HASH)
    (tmp_path / "code-train-0.arrow").unlink()
    require_sound(manifest, ["web"], HASH)
    with pytest.raises(ShardError, match=r"code-train-0\.arrow is missing"):
        require_sound(manifest, ["web", "code"], HASH)
    with pytest.raises(ShardError, match=r"tokenizer a{16}, not b{16}"):
        require_sound(manifest, ["web"], "b" * 64)
    (tmp_path / "web-train-0.arrow").unlink()
    with pytest.raises(ShardError, match=r"\(1 more: altiplano shards verify\)"):
        require_sound(manifest, ["web", "code"], HASH)


def test_every_byte_is_read_where_that_is_asked(manifest):
    flip_in(2)(Path(manifest).parent / "web-train-00001.arrow")
    require_sound(manifest, ["web"], HASH)
    with pytest.raises(ShardError, match="is damaged at bytes"):
        require_sound(manifest, ["web"], HASH, every_byte=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no shard manifest: .* is not there"),
        ("{", "is no shard manifest"),
        ("[]", "is no shard manifest"),
        (
            '{"stage": "shards", "files": [{"name": "a"}]}',
            "is no shard manifest: files.0..facts is None",
        ),
        ('{"stage": "extract", "files": []}', "is of stage 'extract', not 'shards'"),
    ],
)
def test_what_is_no_shard_manifest_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ShardError, match=message):
        verify(str(tmp_path / "manifest.json"))
    assert main(["shards", "verify", str(tmp_path)]) == 2


@pytest.mark.parametrize("place", ["gs://b/run", "s3://b/run/manifest.json", "hdfs://host/run"])
@pytest.mark.parametrize("action", [["verify"], ["export", "--to", "megatron", "out"]])
def test_shards_elsewhere_are_refused_with_no_server_asked(place, action, capsys, monkeypatch):
    def asked(location: str):
        raise AssertionError(f"{location} was asked")

    monkeypatch.setattr(storage, "filesystem", asked)
    assert main(["shards", action[0], place, *action[1:]]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {place} is not on a local disk, so its shards cannot be mapped")
    assert said.count("\n") == 1


def test_a_folder_without_shards_is_told_all_that_was_looked_for(tmp_path, capsys):
    assert main(["shards", "verify", str(tmp_path / "run")]) == 2
    run = tmp_path / "run"
    assert capsys.readouterr().err == (
        f"error: no shard manifest: {run}/shards/manifest.json and {run}/manifest.json are not "
        "there; give a run's output folder, a folder of shards, or their manifest.json\n"
    )


def test_shards_are_verified_by_a_file_uri(manifest):
    assert main(["shards", "verify", Path(manifest).parent.as_uri()]) == 0


def test_tokens_of_no_array_are_no_blocks(tmp_path):
    write(tmp_path / "a.arrow", [])
    shard = open_shard(str(tmp_path / "a.arrow"))
    assert [len(array.checked) for array in shard.blocks] == [0, 1, 0]
    shard.check(0, 0)
    assert np.array_equal(shard.offsets, [0])


def test_a_named_pipe_is_named_and_not_waited_for(manifest):
    path = Path(manifest).parent / "web-train-00001.arrow"
    path.unlink()
    os.mkfifo(path)
    assert verify(manifest).problems == [
        f"{path} is a named pipe, so no token shard; list only shards"
    ]
