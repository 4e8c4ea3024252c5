"""Exports, read back by the libraries they are for."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from published_shards import HASH, publish, write

from corpus.errors import DataError, ShardError
from jobs.cli import main
from tokenizer import export_folder, export_huggingface, export_megatron
from tokenizer.export_folder import FORMATS, export, whole_folder
from tokenizer.shards import open_shard, shard_files

ROOT = Path(__file__).parents[2]


def documents(seed: int) -> list[list[int]]:
    random = np.random.default_rng(seed)
    lengths = [0, 1, *random.integers(1, 400, 40).tolist(), 0]
    return [random.integers(0, 4096, length).tolist() for length in lengths]


@pytest.fixture
def manifest(tmp_path) -> str:
    names = ("web-train-0", "code-train-0", "web-valid-0", "web-train-1", "code-valid-0")
    (tmp_path / "shards").mkdir()
    return publish(
        tmp_path / "shards", {f"{name}.arrow": documents(i) for i, name in enumerate(names)}, HASH
    )


def written(manifest: str, source: str, split: str) -> list[tuple[int, list[int]]]:
    """(doc_id, tokens) of every document of a source and split, in the manifest's order."""
    found = []
    for file in shard_files(manifest):
        if (file.source, file.split) == (source, split):
            shard = open_shard(file.path)
            for doc_id, a, b in zip(
                shard.doc_ids.tolist(), shard.offsets[:-1], shard.offsets[1:], strict=True
            ):
                found.append((doc_id, shard.tokens[a:b].tolist()))
    return found


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(export_megatron, "_CHUNK", 100)
    monkeypatch.setattr(export_huggingface, "_GROUP_TOKENS", 300)


@pytest.mark.parametrize("source", ["web", "code"])
@pytest.mark.parametrize("split", ["train", "valid"])
def test_megatrons_own_reader_gives_the_same(manifest, tmp_path, small_chunks, source, split):
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    export(manifest, "megatron", str(tmp_path / "out"))
    read = IndexedDataset(str(tmp_path / "out" / f"{source}-{split}"))
    expected = [tokens for _, tokens in written(manifest, source, split)]
    assert [read[i].tolist() for i in range(len(read))] == expected
    assert read.index.dtype == np.uint16
    assert read.document_indices.tolist() == list(range(len(expected) + 1))
    for number in (2, len(expected) - 2):
        assert read.get(number, offset=0, length=1).tolist() == expected[number][:1]


def test_megatron_reads_large_vocabularies(tmp_path):
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    manifest = publish(tmp_path, {"web-train-0.arrow": [[1]]})
    tokens = [[5, 99_999], [70_000]]
    write(tmp_path / "web-train-0.arrow", tokens, vocab=100_000)
    entry = {"rows": 2, "facts": {"source": "web", "split": "train", "tokens": 3}}
    tree = json.loads(Path(manifest).read_text())
    tree["files"][0].update(entry, bytes=(tmp_path / "web-train-0.arrow").stat().st_size)
    Path(manifest).write_text(json.dumps(tree))
    export(manifest, "megatron", str(tmp_path / "out"))
    read = IndexedDataset(str(tmp_path / "out/web-train"))
    assert [read[i].tolist() for i in range(len(read))] == tokens


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(("split", "theirs"), [("train", "train"), ("valid", "validation")])
def test_huggingfaces_own_reader_gives_the_same(
    manifest, tmp_path, small_chunks, monkeypatch, split, theirs, streaming
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    assert main(["shards", "export", manifest, str(tmp_path / "hf"), "--to", "huggingface"]) == 0
    for source in ("web", "code"):
        read = datasets.load_dataset(
            str(tmp_path / "hf"),
            source,
            split=theirs,
            streaming=streaming,
            cache_dir=str(tmp_path / "cache"),
        )
        assert read.features["input_ids"].feature.dtype == "uint16"
        rows = [(row["doc_id"], row["input_ids"]) for row in read]
        assert rows == written(manifest, source, split)


def test_what_was_exported_is_told(manifest, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["shards", "export", str(tmp_path), str(out), "--to", "megatron"]) == 0
    said = capsys.readouterr().err
    assert "web train              86 documents, " in said
    tree = json.loads((out / "export.json").read_text())
    assert (tree["tokenizer"], tree["vocab_size"], tree["format"]) == (HASH, 4096, "megatron")
    names = {name for part in tree["parts"] for name in part["files"]}
    assert {path.name for path in out.iterdir()} == names | {"export.json"}
    assert sum(part["documents"] for part in tree["parts"]) == 5 * 43


@pytest.mark.parametrize("to", FORMATS)
def test_a_damaged_shard_stops_it_and_leaves_nothing(manifest, tmp_path, to):
    victim = tmp_path / "shards/web-train-1.arrow"
    content = bytearray(victim.read_bytes())
    content[open_shard(str(victim)).blocks[2].start] ^= 1
    victim.write_bytes(content)
    with pytest.raises(ShardError, match=r"web-train-1\.arrow is damaged at bytes"):
        export(manifest, to, str(tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["shards"]


def test_a_missing_shard_stops_it_before_anything_is_written(manifest, tmp_path, capsys):
    (tmp_path / "shards/web-train-1.arrow").unlink()
    assert main(["shards", "export", manifest, str(tmp_path / "out"), "--to", "megatron"]) == 2
    assert "web-train-1.arrow is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_there_is_not_written_into(manifest, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="out is there already; choose another"):
        export(manifest, "megatron", str(tmp_path / "out"))
    assert os.listdir(tmp_path / "out") == ["thesis.txt"]


def test_the_second_of_two_writers_is_refused(tmp_path):
    with whole_folder(str(tmp_path / "out")) as place:
        (place / "a").write_text("mine")
        with (
            pytest.raises(DataError, match="another export is writing to"),
            whole_folder(str(tmp_path / "out")),
        ):
            pass
        assert (place / "a").read_text() == "mine"
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out/a").read_text() == "mine"


def test_a_full_disk_leaves_nothing(tmp_path):
    def fill() -> None:
        with whole_folder(str(tmp_path / "out")) as place:
            (place / "a").write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="No space left on device; make room"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_export_left_is_written_anew(tmp_path):
    code = (
        "import sys, time; from tokenizer.export_folder import whole_folder\n"
        "with whole_folder(sys.argv[1]) as place:\n"
        "    (place / 'half').write_text('half'); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    killed = subprocess.Popen(command, env=environment)
    while not (tmp_path / "out.partial/half").exists() and killed.poll() is None:
        time.sleep(0.02)
    with pytest.raises(DataError, match="another export"), whole_folder(str(tmp_path / "out")):
        pass
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "out").exists()
    with whole_folder(str(tmp_path / "out")) as place:
        assert os.listdir(place) == []
        (place / "whole").write_text("whole")
    assert os.listdir(tmp_path / "out") == ["whole"]
    assert os.listdir(tmp_path) == ["out"]


def test_one_who_waited_for_a_finished_export_does_not_write_into_it(tmp_path, monkeypatch):
    """The first renames its folder between the second's opening and its lock."""
    real = fcntl.flock

    def lock(holder: int, how: int) -> None:
        os.rename(tmp_path / "out.partial", tmp_path / "out")
        real(holder, how)

    monkeypatch.setattr(export_folder.fcntl, "flock", lock)
    with (
        pytest.raises(DataError, match="is there already"),
        whole_folder(str(tmp_path / "out")),
    ):
        pass
    assert (tmp_path / "out").is_dir()
