"""Checksums by block: what a reader touches is checked once, and rot under a run is named."""

import os
import re
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.errors import ShardError
from tokenizer import blocks
from tokenizer.blocks import BLOCK, checksums, encoded
from tokenizer.shards import Shard, open_shard, write_shard

TOKENS = 5 * BLOCK // 2 - 1000  # of two bytes: five blocks, the last one short


@pytest.fixture
def shard(tmp_path) -> Shard:
    tokens = np.random.default_rng(3).integers(0, 4096, TOKENS)
    path = str(tmp_path / "a.arrow")
    write_shard(path, np.arange(2), tokens, np.array([0, 99, TOKENS]), "a" * 64, 4096)
    return open_shard(path)


@settings(max_examples=50, deadline=None)
@given(sizes=st.lists(st.integers(0, 3 * BLOCK + 5), max_size=4))
def test_checksums_are_zlibs_of_every_block(sizes):
    arrays = [np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8) for size in sizes]
    expected = [
        zlib.crc32(array[i : i + BLOCK]) for array in arrays for i in range(0, len(array), BLOCK)
    ]
    sums = checksums(*arrays)
    assert sums.tolist() == expected
    assert encoded(sums) == "".join(f"{crc:08x}" for crc in expected).encode()


def test_the_footer_holds_them_for_any_reader(shard):
    reader = pa.ipc.open_file(pa.memory_map(shard.path))
    footer = reader.metadata
    assert footer[b"altiplano.block_bytes"] == b"65536"
    stream = reader.get_batch(0)["tokens"].values.to_numpy().tobytes()
    said = footer[b"altiplano.crc32"].decode()
    assert said[-40:] == "".join(
        f"{zlib.crc32(stream[i : i + BLOCK]):08x}" for i in range(0, len(stream), BLOCK)
    )


def damage(shard: Shard, token: int) -> int:
    """Flips a bit of a token on disk; returns its byte in the file."""
    place = shard.blocks[2].start + 2 * token
    with open(shard.path, "r+b") as stream:
        stream.seek(place)
        byte = stream.read(1)[0]
        stream.seek(place)
        stream.write(bytes([byte ^ 1]))
    return place


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_window_is_refused_where_a_block_of_it_is_damaged_and_nowhere_else(
    tmp_path_factory, data
):
    path = str(tmp_path_factory.getbasetemp() / "blocks.arrow")
    if not Path(path).exists():
        write_shard(
            path, np.arange(1), np.ones(TOKENS, np.int64), np.array([0, TOKENS]), "a" * 64, 4096
        )
    shard = open_shard(path)
    first = data.draw(st.integers(0, TOKENS))
    last = data.draw(st.integers(first, TOKENS))
    bad = data.draw(st.integers(0, TOKENS - 1))
    place = damage(shard, bad)
    try:
        touched = first < last and 2 * first // BLOCK <= 2 * bad // BLOCK <= (2 * last - 1) // BLOCK
        if touched:
            with pytest.raises(ShardError) as error:
                shard.check(first, last)
            start, end = map(int, re.search(r"bytes (\d+) to (\d+) ", str(error.value)).groups())
            assert start <= place <= end
            assert end - start < BLOCK
        else:
            shard.check(first, last)
    finally:
        damage(shard, bad)


def test_a_block_is_read_once(shard, monkeypatch):
    read = []
    real = os.pread
    monkeypatch.setattr(blocks.os, "pread", lambda *a: read.append(a[2]) or real(*a))
    for _ in range(3):
        shard.check(0, 10)
        shard.check(BLOCK // 2 - 5, BLOCK // 2 + 5)
    start, sums = shard.blocks[2].start, shard.blocks[2].sums_start
    assert read == [start, sums, start + BLOCK, sums + 8]
    assert list(shard.blocks[2].checked) == [1, 1, 0, 0, 0]


def test_rot_under_an_open_shard_is_named_with_its_place(shard):
    shard.check(0, 10)
    damage(shard, 5)
    damage(shard, BLOCK)
    shard.check(0, 10)  # seen before it rotted
    with pytest.raises(ShardError, match=r"a\.arrow is damaged at bytes \d+ to \d+ \(block 2 of"):
        shard.check(BLOCK - 100, BLOCK + 100)
    with pytest.raises(ShardError, match="block 2"):
        shard.check(BLOCK, BLOCK + 1)


def test_a_damaged_checksum_is_told_in_printable_characters(shard):
    with open(shard.path, "r+b") as stream:
        stream.seek(shard.blocks[2].sums_start)
        stream.write(b"\x1b[2J\x9b\n\\'")
    with pytest.raises(ShardError, match=r"it was written \\x1b\[2J\\x9b\\n") as caught:
        shard.check(0, 1)
    assert str(caught.value).isprintable()


def test_a_file_cut_short_under_an_open_shard_is_an_error_and_no_signal(shard):
    os.truncate(shard.path, shard.blocks[2].start + BLOCK)
    with pytest.raises(ShardError, match=r"is cut short before the checksum of bytes .* \(block 0"):
        shard.check(0, BLOCK // 2)
    os.truncate(shard.path, shard.blocks[2].start + BLOCK - 1)
    with pytest.raises(ShardError, match=r"is cut short before the end of bytes .* \(block 0 of"):
        shard.check(0, BLOCK)


def test_a_disk_that_cannot_be_read_is_named(shard, monkeypatch):
    def broken(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(blocks.os, "pread", broken)
    with pytest.raises(ShardError, match=r"cannot be read at bytes .*Input/output error"):
        shard.check(0, 1)


def test_ids_and_offsets_are_checked_too(shard):
    shard.check_documents()
    fresh = open_shard(shard.path)
    with open(shard.path, "r+b") as stream:
        stream.seek(fresh.blocks[0].start)
        stream.write(b"\xff")
    with pytest.raises(ShardError, match="block 0 of its document ids"):
        fresh.check_documents()
