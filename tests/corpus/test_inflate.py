"""Gzip members inflated many at a call, against Python's own gzip."""

import gzip
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.kernels.inflate import Inflater


def inflated(
    packed: bytes, room: int = 1 << 16, at_once: int = 1 << 16, most: int = 99
) -> tuple[list[bytes], list[int]]:
    """The members' contents, and where each begins."""
    target = np.zeros(room, np.uint8)
    source = np.frombuffer(packed, np.uint8)
    offsets, starts = Inflater().members(source, target, at_once, most)
    pieces = [target[i:j].tobytes() for i, j in pairwise(starts)]
    return pieces, offsets.tolist()


def members(contents: list[bytes], level: int = 6) -> list[bytes]:
    return [gzip.compress(content, level, mtime=0) for content in contents]


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from([0, 1, 6, 9]), st.binary())
def test_members_and_their_places(contents: list[bytes], level: int, after: bytes) -> None:
    packed = members(contents, level)
    places = [len(b"".join(packed[:n])) for n in range(len(packed) + 1)]
    assert inflated(b"".join(packed)) == (contents, places)
    assert inflated(b"".join(packed) + b"\0" + after) == (contents, places)


@pytest.mark.parametrize("place", ["header", "data", "checksum", "length", "end"])
def test_a_damaged_or_cut_member_ends_it(place: str) -> None:
    content = bytes(range(256)) * 9
    first, bad = members([b"first", content])
    at = {"header": 0, "data": 40, "checksum": len(bad) - 6, "length": len(bad) - 1}.get(place)
    bad = bad[:-1] if at is None else bad[:at] + bytes([bad[at] ^ 0xFF]) + bad[at + 1 :]
    assert inflated(first + bad + first) == ([b"first"], [0, len(first)])


def test_room_number_and_bytes_at_once_are_bounds() -> None:
    contents = [bytes([n]) * 100 for n in range(6)]
    packed = b"".join(members(contents))
    assert inflated(packed, room=399)[0] == contents[:3]
    assert inflated(packed, room=400)[0] == contents[:4]
    assert inflated(packed, most=4)[0] == contents[:4]
    assert inflated(packed, at_once=300)[0] == contents[:3]
    assert inflated(packed, at_once=1)[0] == contents[:2]
    assert inflated(b"")[0] == []
