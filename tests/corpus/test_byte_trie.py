"""The double array holds its keys, no other byte string, and the score of each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotate.lm_lines import Bytes
from corpus.kernels.byte_trie import BASE, LABEL, LABEL_BITS, NO_KEY, NONE, build_trie


def walk(units: np.ndarray, ends: np.ndarray, text: bytes) -> dict[bytes, tuple[int, float]]:
    """The keys a text begins with, their numbers and scores."""
    found, base = {}, 0
    for length, byte in enumerate(text, 1):
        unit = int(units[base ^ byte])
        if unit & LABEL != byte:
            break
        if unit >> 32 != NO_KEY:
            score = float(np.uint32(unit >> 32).view(np.float32))
            found[text[:length]] = int(ends[base ^ byte]), score
        else:
            assert ends[base ^ byte] == NONE
        base = unit >> LABEL_BITS & BASE
    return found


def check(keys: list[bytes], texts: list[bytes]) -> None:
    keys = sorted(keys)
    scores = np.arange(len(keys), dtype=np.float32) / 8 - 3
    units, ends = build_trie(*Bytes.join(keys), scores)
    expected = {key: (item, item / 8 - 3) for item, key in enumerate(keys)}
    for text in [*keys, *texts]:
        prefixes = [text[:length] for length in range(1, len(text) + 1)]
        assert walk(units, ends, text) == {p: expected[p] for p in prefixes if p in expected}


def test_keys_that_begin_others() -> None:
    check([b"", b"a", b"ab", b"abcd", b"b"], [b"abcde", b"abd", b"c", b"\0a", b""])


def test_nodes_with_all_bytes_below_them() -> None:
    every = [bytes([one, two]) for one in range(256) for two in range(256)]
    check(every[::3], every)


@given(
    st.lists(st.binary(min_size=1, max_size=5) | st.text("abc", max_size=6).map(str.encode)),
    st.lists(st.binary(max_size=6) | st.text("abc", max_size=7).map(str.encode)),
)
def test_any_keys(keys: list[bytes], texts: list[bytes]) -> None:
    check(keys, texts)
