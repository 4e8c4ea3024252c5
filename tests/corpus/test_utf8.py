"""Whether bytes are UTF-8: the compiled form against Python's decoder."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.kernels.utf8 import is_utf8

# Either side of every border that the decoder knows, and one of each kind within
EDGES = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1]
EDGES += [0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]


def compiled(data: bytes) -> bool:
    return bool(is_utf8(np.frombuffer(data, np.uint8)))


def in_python(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_every_short_row_of_bytes() -> None:
    for length in range(4):
        for row in product(EDGES, repeat=length):
            assert compiled(bytes(row)) == in_python(bytes(row)), bytes(row)


def test_every_character() -> None:
    assert compiled("".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000).encode())
    for code in range(0xD800, 0xE000):
        assert not compiled(chr(code).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("before", [0, 1, 4092, 4095, 4096, 4098, 8190])
@given(row=st.lists(st.sampled_from(EDGES), max_size=7), after=st.integers(0, 3))
def test_wherever_a_row_stands(before: int, row: list[int], after: int) -> None:
    data = b"a" * before + bytes(row) + b"a" * after
    assert compiled(data) == in_python(data)


@given(st.text(max_size=40), st.integers(0, 200), st.integers(0, 255))
def test_a_text_with_a_byte_changed(text: str, at: int, byte: int) -> None:
    data = bytearray(text.encode())
    assert compiled(bytes(data))
    if data:
        data[at % len(data)] = byte
    assert compiled(bytes(data)) == in_python(bytes(data))
