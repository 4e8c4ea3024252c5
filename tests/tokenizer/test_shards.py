import hashlib
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import ShardError
from tokenizer.encode import Encoder
from tokenizer.shards import open_shard, shard_files, token_dtype, verify, write_shard

ROOT = Path(__file__).parents[2]
HASH = "a" * 64


def write(path: Path, documents: list[list[int]], tokenizer: str = HASH, vocab: int = 4096) -> None:
    offsets = np.cumsum([0, *map(len, documents)])
    tokens = np.array([token for document in documents for token in document], dtype=np.int64)
    doc_ids = np.arange(len(documents), dtype=np.uint64) + np.uint64(2**64 - 1000)
    write_shard(str(path), doc_ids, tokens, offsets, tokenizer, vocab)


def publish(folder: Path, shards: dict[str, list[list[int]]]) -> str:
    entries = []
    for name, documents in shards.items():
        write(folder / name, documents)
        content = (folder / name).read_bytes()
        entries.append(
            {
                "name": name,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "rows": len(documents),
                "facts": {"source": "web", "split": "train", "tokens": sum(map(len, documents))},
            }
        )
    tree = {"version": 1, "stage": "shards", "files": entries}
    (folder / "manifest.json").write_text(json.dumps(tree))
    return str(folder / "manifest.json")


@pytest.fixture
def manifest(tmp_path) -> str:
    documents = [list(range(10, 2000)), [], [1, 7, 2]]
    return publish(tmp_path, {f"web-train-{i:05d}.arrow": documents for i in range(3)})


@settings(max_examples=60, deadline=None)
@given(
    documents=st.lists(st.lists(st.integers(0, 299), max_size=20), max_size=8),
    vocab=st.sampled_from([300, 65_536, 65_537]),
)
def test_what_is_written_is_read(tmp_path_factory, documents, vocab):
    path = tmp_path_factory.getbasetemp() / "round.arrow"
    write(path, documents, vocab=vocab)
    shard = open_shard(str(path), HASH)
    ends = itertools.pairwise(shard.offsets)
    assert [shard.tokens[a:b].tolist() for a, b in ends] == documents
    assert shard.doc_ids.tolist() == [2**64 - 1000 + i for i in range(len(documents))]
    assert shard.tokens.dtype == (np.uint16 if vocab <= 65_536 else np.uint32)
    assert (shard.vocab_size, shard.tokenizer_hash) == (vocab, HASH)


def test_the_highest_id_of_each_width_survives(tmp_path):
    for vocab in (65_536, 65_537, 2**32):
        write(tmp_path / "a.arrow", [[0, vocab - 1]], vocab=vocab)
        assert open_shard(str(tmp_path / "a.arrow")).tokens.tolist() == [0, vocab - 1]
    assert token_dtype(2**16).itemsize == 2


def test_opening_copies_no_token(tmp_path):
    write(tmp_path / "a.arrow", [list(range(4096))] * 2000)
    before = pa.total_allocated_bytes()
    shard = open_shard(str(tmp_path / "a.arrow"))
    assert len(shard.tokens) == 4096 * 2000
    assert pa.total_allocated_bytes() - before < 100_000
    assert not shard.tokens.flags.owndata


def test_the_same_tokens_give_the_same_bytes(tmp_path):
    for name in ("a.arrow", "b.arrow"):
        write(tmp_path / name, [[1, 5, 2], [1, 2]])
    assert (tmp_path / "a.arrow").read_bytes() == (tmp_path / "b.arrow").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.arrow", "b.arrow"]


@pytest.mark.parametrize(
    ("doc_ids", "tokens", "offsets", "message"),
    [
        ([1, 2], [5, 6], [0, 2], "2 documents need 3 offsets, not 2"),
        ([1], [5, 6], [0, 1], "offsets must rise from 0 to the 2 tokens"),
        ([1, 2], [5, 6], [0, 3, 2], "offsets must rise"),
        ([1], [5, 4096], [0, 2], r"token ids 5\.\.4096 do not fit a vocabulary of 4096"),
        ([1], [-1, 4], [0, 2], r"token ids -1\.\.4 do not fit"),
    ],
)
def test_arrays_that_contradict_each_other_are_not_written(
    tmp_path, doc_ids, tokens, offsets, message
):
    path = tmp_path / "a.arrow"
    with pytest.raises(ShardError, match=message):
        write_shard(str(path), *map(np.array, (doc_ids, tokens, offsets)), HASH, 4096)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(ShardError, match=r"none/a\.arrow cannot be written"):
        write(tmp_path / "none" / "a.arrow", [[1]])


def test_sound_shards_have_no_problem(manifest):
    assert verify(manifest) == []
    first = shard_files(manifest)[0]
    assert (first.source, first.split, first.rows, first.tokens) == ("web", "train", 3, 1993)


def flip(path: Path, where: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 0x10
    path.write_bytes(content)


def overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


DAMAGE = {
    "flipped byte": (lambda path: flip(path, 0.5), r"has sha256 \w+…, the manifest says"),
    "truncated": (lambda path: overwrite(path, path.read_bytes()[:-700]), "is cut short"),
    "empty": (lambda path: overwrite(path, b""), "is cut short"),
    "longer": (lambda path: overwrite(path, b"ARROW1\0\0" + path.read_bytes()), None),
    "missing": (lambda path: path.unlink(), "is missing; restore it"),
    "foreign": (lambda path: overwrite(path, b"PAR1" * 99), "is no Arrow file"),
    "other tokenizer": (
        lambda path: write(path, [[1, 2]], tokenizer="b" * 64),
        "was written with tokenizer b{16}, not a{16}",
    ),
    "other content": (lambda path: write(path, [[1, 2]]), "bytes, the manifest says"),
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("number", [0, 2])
def test_verify_names_the_damaged_shard_and_only_it(manifest, kind, number):
    damage, message = DAMAGE[kind]
    victim = Path(manifest).parent / f"web-train-{number:05d}.arrow"
    damage(victim)
    problems = verify(manifest)
    assert len(problems) == 1
    assert problems[0].startswith(str(victim))
    assert "\n" not in problems[0]
    assert re.search(message or "", problems[0])


def test_a_byte_flipped_anywhere_is_found(tmp_path):
    manifest = publish(tmp_path, {"a.arrow": [[1, 5, 2]] * 9, "b.arrow": [[1, 5, 2]] * 9})
    victim = tmp_path / "b.arrow"
    sound = victim.read_bytes()
    for position in range(len(sound)):
        damaged = bytearray(sound)
        damaged[position] ^= 1 << position % 8
        overwrite(victim, bytes(damaged))
        problems = verify(manifest)
        assert len(problems) == 1, position
        assert problems[0].startswith(str(victim)), position


def test_a_manifest_that_lies_about_the_tokens_is_found(manifest):
    tree = json.loads(Path(manifest).read_text())
    tree["files"][1]["facts"]["tokens"] += 1
    Path(manifest).write_text(json.dumps(tree))
    assert "holds 3 documents and 1993 tokens, the manifest says 3 and 1994" in verify(manifest)[0]


def test_the_tokenizer_a_manifest_states_decides(manifest):
    tree = json.loads(Path(manifest).read_text())
    for entry in tree["files"]:
        entry["facts"]["tokenizer"] = "c" * 64
    Path(manifest).write_text(json.dumps(tree))
    assert len(verify(manifest)) == 3


def test_a_shard_of_another_tokenizer_is_refused(tmp_path):
    write(tmp_path / "a.arrow", [[1, 2]], tokenizer="b" * 64)
    with pytest.raises(ShardError, match=r"tokenizer b{16}, not a{16}; encode it again"):
        open_shard(str(tmp_path / "a.arrow"), HASH)


def test_an_arrow_file_that_is_no_shard_is_refused(tmp_path):
    table = pa.table({"doc_id": [1]})
    with pa.ipc.new_file(str(tmp_path / "a.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(ShardError, match="is an Arrow file but no token shard"):
        open_shard(str(tmp_path / "a.arrow"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no shard manifest: .* is not there"),
        ("{", "is no shard manifest"),
        ("[]", "is no shard manifest"),
        ('{"stage": "shards", "files": [{"name": "a"}]}', "is no shard manifest: KeyError"),
        ('{"stage": "extract", "files": []}', "is of stage 'extract', not 'shards'"),
    ],
)
def test_what_is_no_shard_manifest_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(ShardError, match=message):
        verify(str(tmp_path / "manifest.json"))


def test_the_readmes_four_lines_read_a_shard(tmp_path, model_path, monkeypatch):
    encoder = Encoder(model_path)
    tokens, offsets = encoder.encode_batch(pa.array(["def first():", "def second():"]))
    path = tmp_path / "shard.arrow"
    write_shard(str(path), np.arange(2), tokens, offsets, encoder.hash, encoder.vocab_size)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "tokenizer/README.md").read_text(), re.S)
    (lines,) = [block for block in blocks if "pyarrow" in block]
    assert len([line for line in lines.splitlines() if line]) == 4
    monkeypatch.chdir(tmp_path)
    names: dict[str, np.ndarray] = {}
    exec(lines, names)
    assert names["tokens"].tolist() == tokens.tolist()
    assert names["document"].tolist() == tokens[offsets[1] : offsets[2]].tolist()
