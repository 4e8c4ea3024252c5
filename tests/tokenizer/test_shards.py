import itertools
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_shards import HASH, write

from corpus.errors import ShardError
from tokenizer.encode import Encoder
from tokenizer.shards import open_shard, token_dtype, write_shard

ROOT = Path(__file__).parents[2]


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
        ([1], [-1, 4], [0, 2], "tokens hold -1, they are 0 or above"),
        ([-1], [5, 6], [0, 2], "document ids hold -1, they are 0 or above"),
        ([1, 2], [5, 6], [0, -1, 2], "offsets hold -1, they are 0 or above"),
        ([1], [5.0, 6.5], [0, 2], "tokens are float64, not whole numbers"),
        ([1.5], [5, 6], [0, 2], "document ids are float64, not whole numbers"),
        ([1], [5, 6], [0.0, 2.0], "offsets are float64, not whole numbers"),
        ([True], [5, 6], [0, 2], "document ids are bool, not whole numbers"),
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


def test_a_folder_in_a_shards_place_is_named(tmp_path):
    (tmp_path / "a.arrow").mkdir()
    with pytest.raises(ShardError, match=r"a\.arrow cannot be read \(Is a directory\); restore"):
        open_shard(str(tmp_path / "a.arrow"))


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
