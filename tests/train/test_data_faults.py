"""Shards that are damaged, cut short or gone under a run are named when a batch reaches them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from isal import isal_zlib
from made_shards import VOCAB, write_manifest

from corpus.errors import ShardError
from tokenizer.shards import open_shard, write_shard
from train.data import Loader
from train.token_counts import token_counts

SEQ = 16
SIZES = {("web", "train"): [700, 3, 1, 500, 801], ("code", "train"): [400, 113]}


def test_a_shard_that_is_not_as_the_manifest_says_is_named_when_it_is_reached(tmp_path):
    manifest = write_manifest(tmp_path, SIZES)
    (tmp_path / "code-train-00001.arrow").unlink()
    short = tmp_path / "web-train-00003.arrow"
    write_shard(str(short), np.arange(1), np.arange(5), np.array([0, 5]), "a" * 64, VOCAB)
    with pytest.raises(ShardError, match=r"code-train-00001.arrow is missing"):
        Loader(manifest, {"code": 1.0}, SEQ, 64, seed=0).batch(0)
    with pytest.raises(ShardError, match=r"web-train-00003.arrow holds 5 tokens, .* says 500"):
        Loader(manifest, {"web": 1.0}, SEQ, 128, seed=0).batch(0)


def test_a_shard_that_rots_under_a_run_is_named_with_the_place(tmp_path):
    manifest = write_manifest(tmp_path, {("web", "train"): [30_000, 40_000]})
    loader = Loader(manifest, {"web": 1.0}, SEQ, 10, seed=0)
    path = tmp_path / "web-train-00001.arrow"
    sums = open_shard(str(path)).blocks[-1]
    rotten = 65_536 // 4 + 5  # a token of its second block
    content = bytearray(path.read_bytes())
    content[sums.start + 4 * rotten] ^= 1
    path.write_bytes(content)
    place = rf"{path.name} is damaged at bytes {sums.start + 65_536} to .* \(block 1 of its tokens"
    steps = (70_000 - 1) // SEQ // 10
    windows = [loader.locate(step) for step in range(steps)]
    touches = [
        np.any((w + SEQ >= 30_000 + 65_536 // 4) & (w < 30_000 + 2 * 65_536 // 4)) for w in windows
    ]
    assert 0 < sum(touches) < steps
    for step, is_rotten in enumerate(touches):
        if is_rotten:
            with pytest.raises(ShardError, match=place):
                loader.batch(step)
        else:
            loader.batch(step)
    with pytest.raises(ShardError, match=place):
        token_counts(manifest, "web", "train", VOCAB)


def test_a_byte_that_rots_after_its_block_was_checked_is_found_in_the_next_epoch(tmp_path):
    manifest = write_manifest(tmp_path, {("web", "train"): [30_000, 40_001]})
    loader = Loader(manifest, {"web": 1.0}, SEQ, 125, seed=0)
    epoch = 70_000 // SEQ // 125
    for step in range(epoch):
        loader.batch(step)
    path = tmp_path / "web-train-00001.arrow"
    with open(path, "r+b") as stream:
        stream.seek(open_shard(str(path)).blocks[-1].start + 65_536 + 20)
        stream.write(b"\xff")
    loader.batch(epoch - 1)  # seen before it rotted
    place = rf"{path.name} is damaged at bytes .* \(block 1 of its tokens"
    with pytest.raises(ShardError, match=place):
        [loader.batch(step) for step in range(epoch, 2 * epoch)]


@pytest.mark.parametrize("epochs", [2, 255, 600])
def test_blocks_are_read_once_in_each_epoch(tmp_path, monkeypatch, epochs):
    manifest = write_manifest(tmp_path, {("web", "train"): [1_000 * SEQ + 1, 1_000 * SEQ]})
    loader = Loader(manifest, {"web": 1.0}, SEQ, 2_000, seed=0)
    read = []
    real = isal_zlib.crc32
    monkeypatch.setattr(isal_zlib, "crc32", lambda block: read.append(block) or real(block))
    for step in (0, 0, 1, 1, epochs, epochs):
        loader.batch(step)
    blocks = 2 if epochs > 1 else 1  # of two shards, 64,000 bytes each
    assert len(read) == 3 * blocks


@pytest.mark.parametrize("left", [40_000, 0])
def test_a_shard_cut_short_under_a_run_is_an_error_and_no_signal(tmp_path, left):
    manifest = write_manifest(tmp_path, {("web", "train"): [30_000, 40_001]})
    loader = Loader(manifest, {"web": 1.0}, SEQ, 125, seed=0)
    for step in range(35):
        loader.batch(step)
    path = tmp_path / "web-train-00000.arrow"
    size = path.stat().st_size
    os.truncate(path, left)
    said = rf"{path.name} is cut short .* it has {left} bytes, it had {size}; restore it"
    with pytest.raises(ShardError, match=said):
        loader.batch(0)
    path.unlink()
    with pytest.raises(ShardError, match=rf"{path.name} cannot be read \(No such file"):
        loader.batch(0)


def test_a_shard_that_is_listed_twice_is_not_trained_on_twice(tmp_path):
    path = Path(write_manifest(tmp_path, SIZES))
    tree = json.loads(path.read_text())
    tree["files"].append(tree["files"][0])
    path.write_text(json.dumps(tree))
    with pytest.raises(ShardError, match=r"\.arrow is listed 2 times in its manifest"):
        Loader(str(path), {"web": 1.0}, SEQ, 4, seed=0)
