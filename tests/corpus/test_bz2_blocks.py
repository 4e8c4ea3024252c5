"""Blocks of bz2 files: each inflated alone, whatever the part, and around damage."""

import bz2
import io
import random
from itertools import takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.formats import bz2_blocks
from corpus.formats.bz2_blocks import read_blocks


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size // 4).hex().encode() * 2


def test_blocks_follow_each_other():
    data = content(350_000)
    blocks = list(read_blocks(io.BytesIO(bz2.compress(data, 1))))
    assert len(blocks) == 4
    assert blocks[0].offset == 4
    assert b"".join(block.content or b"" for block in blocks) == data


@pytest.mark.parametrize("read", [64, 1000])
def test_marks_at_every_bit_and_across_reads(monkeypatch, read):
    monkeypatch.setattr(bz2_blocks, "_READ", read)
    streams = [content(n) for n in range(400, 8400, 400)]
    packed = b"".join(map(bz2.compress, streams))
    assert {bit % 8 for bit, _ in bz2_blocks._find_marks(packed, 0)} == set(range(8))
    assert [b.content for b in read_blocks(io.BytesIO(packed))] == streams


@given(st.integers(9_000, 60_000), st.binary(max_size=300))
def test_parts_hold_every_block_once(size, data):
    packed = bz2.compress(content(250_000), 1) + b"".join(bz2.compress(data) for _ in range(3))
    whole = list(read_blocks(io.BytesIO(packed)))
    parts = [
        block
        for start in range(0, len(packed), size)
        for block in takewhile(
            lambda block, end=start + size: block.offset < end,
            read_blocks(io.BytesIO(packed), start),
        )
    ]
    assert parts == whole


def test_damage_costs_one_block():
    packed = bytearray(bz2.compress(content(350_000), 1))
    offsets = [block.offset for block in read_blocks(io.BytesIO(packed))]
    packed[offsets[1] + 5000] ^= 0x10
    blocks = list(read_blocks(io.BytesIO(packed)))
    assert [block.offset for block in blocks] == offsets
    assert [block.content is None for block in blocks] == [False, True, False, False]


def test_a_cut_block_is_damaged():
    packed = bz2.compress(content(350_000), 1)
    blocks = list(read_blocks(io.BytesIO(packed[:-2000])))
    assert [block.content is None for block in blocks] == [False, False, False, True]


def test_what_looks_like_a_mark_is_read_over(monkeypatch):
    data = content(350_000)
    packed = bz2.compress(data, 1)
    found = bz2_blocks._find_marks

    def with_a_false_one(window, start):
        yield from found(window, start)
        yield 8 * 30_000 + 3, True

    monkeypatch.setattr(bz2_blocks, "_find_marks", with_a_false_one)
    blocks = list(read_blocks(io.BytesIO(packed)))
    assert b"".join(block.content or b"" for block in blocks) == data


@given(st.binary(max_size=2000))
def test_any_bytes_are_read(data):
    assert not [b for b in read_blocks(io.BytesIO(data + b"1AY&SY" + data)) if b.content]
