"""Exports, read back by the libraries they are for."""

import json
from pathlib import Path

import numpy as np
import pytest
from published_shards import HASH, publish, write

from corpus.errors import ShardError
from jobs.cli import main
from tokenizer import export_huggingface, export_megatron
from tokenizer.export_folder import FORMATS, export
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
    tree["counts"]["totals"]["tokens web train"] = 3
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


@pytest.mark.parametrize("to", FORMATS)
def test_a_shard_listed_twice_or_not_at_all_stops_it(manifest, tmp_path, to):
    whole = json.loads(Path(manifest).read_text())
    for files, message in (
        ([*whole["files"], whole["files"][0]], "web-train-0.arrow is listed 2 times"),
        (whole["files"][1:], "lists shards of .* 'tokens web train', its total is"),
    ):
        Path(manifest).write_text(json.dumps({**whole, "files": files}))
        with pytest.raises(ShardError, match=message):
            export(manifest, to, str(tmp_path / "out"))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["shards"]


EMPTY = {
    "web-train-0.arrow": [],
    "web-valid-0.arrow": [[], []],
    "code-train-0.arrow": [[1, 2], []],
    "code-train-1.arrow": [],
}


def test_megatron_gets_no_file_of_0_bytes(tmp_path, capsys):
    from megatron.core.datasets.indexed_dataset import IndexedDataset

    manifest = publish(tmp_path, EMPTY, HASH)
    out = tmp_path / "out"
    assert main(["shards", "export", manifest, str(out), "--to", "megatron"]) == 0
    said = capsys.readouterr().err
    assert "web train              0 documents, 0 tokens left out: nothing to read" in said
    assert "web valid              2 documents, 0 tokens left out: nothing to read" in said
    expected = ["code-train.bin", "code-train.idx", "export.json"]
    assert sorted(path.name for path in out.iterdir()) == expected
    read = IndexedDataset(str(out / "code-train"))
    assert [read[i].tolist() for i in range(len(read))] == [[1, 2], []]


def test_huggingface_gets_no_split_without_a_row(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    (tmp_path / "shards").mkdir()
    manifest = publish(tmp_path / "shards", EMPTY, HASH)
    parts = export(manifest, "huggingface", str(tmp_path / "hf"))
    left_out = [(part.source, part.split) for part in parts if not part.files]
    assert left_out == [("web", "train")]
    for source, split, rows in (("code", "train", [[1, 2], []]), ("web", "validation", [[], []])):
        read = datasets.load_dataset(
            str(tmp_path / "hf"), source, split=split, cache_dir=str(tmp_path / "cache")
        )
        assert [row["input_ids"] for row in read] == rows


@pytest.mark.parametrize("to", FORMATS)
def test_shards_without_a_document_are_not_exported(tmp_path, to):
    (tmp_path / "shards").mkdir()
    manifest = publish(tmp_path / "shards", {"web-train-0.arrow": []}, HASH)
    with pytest.raises(ShardError, match="hold no token; nothing is exported"):
        export(manifest, to, str(tmp_path / "out"))
    assert [path.name for path in tmp_path.iterdir()] == ["shards"]
