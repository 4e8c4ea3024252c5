"""The compiled passes over lines, against `normalize_for_dedup`, hashlib and plain Python."""

import hashlib
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.dedup.characters import dedup_table
from corpus.dedup.line_table import LineTable
from corpus.dedup.lines import line_hashes
from corpus.dedup.normalize import normalize_for_dedup
from corpus.kernels.line_removal import directory, keep_lines
from corpus.kernels.lines import count_lines, hash_lines
from corpus.kernels.sha1 import hash_messages, pad_message

MARKED = "，」１»►\t \r\x00\x1c\x7f\x85\u00a0\u200b\u2028ßİſΑΣΣς9٣१𝟘\u0301각𞤀Ⱥ\ud800"
TEXTS = st.text(
    st.one_of(
        st.characters(exclude_categories=()), st.sampled_from("\n\nabc" + MARKED), st.just("\n")
    )
)
RUNS = st.lists(
    st.one_of(
        st.text(st.characters(max_codepoint=0x7F), max_size=70),
        st.text(st.sampled_from("Az09 @[`{/:~"), min_size=25, max_size=70),
        st.sampled_from([*MARKED, "\n", "\n\n"]),
    ),
    max_size=12,
).map("".join)
LINES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 4), st.booleans(), st.integers(0, 9)), max_size=80
)


def sha1(raw: bytes) -> int:
    return int.from_bytes(hashlib.sha1(raw).digest()[:8], "little")


def in_python(text: str) -> list[int]:
    forms = [normalize_for_dedup(line) for line in text.split("\n")]
    return [sha1(form.encode("utf-8", "surrogatepass")) for form in forms]


def arrow(texts: list[str]) -> pa.Array:
    """Texts that may hold lone surrogates, which pyarrow itself refuses to make."""
    raw = pa.array([text.encode("utf-8", "surrogatepass") for text in texts], pa.large_binary())
    return pa.Array.from_buffers(pa.large_string(), len(raw), raw.buffers())


def u64(numbers) -> np.ndarray:
    return np.array(list(numbers), np.uint64)


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 4096, 10_000])
def test_sha1_at_every_edge_of_a_block(length: int) -> None:
    raw = [bytes((7 * i + n) % 256 for i in range(max(length - n, 0))) for n in range(37)]
    messages = np.zeros(len(raw) * (length + 128) // 64 * 64, np.uint8)
    blocks, first = np.zeros(len(raw), np.int64), np.zeros(len(raw), np.int64)
    used = 0
    for n, message in enumerate(raw):
        messages[used : used + len(message)] = np.frombuffer(message, np.uint8)
        first[n], blocks[n] = used // 64, pad_message(messages, used, len(message))
        used += int(blocks[n]) * 64
    hashes = np.zeros(len(raw), np.uint64)
    hash_messages(messages, first, blocks, len(raw), hashes)
    assert hashes.tolist() == [sha1(message) for message in raw]


@given(st.lists(TEXTS, max_size=5))
def test_hashes_are_those_of_the_forms(texts: list[str]) -> None:
    assert line_hashes(arrow(texts)).tolist() == [h for text in texts for h in in_python(text)]


@given(st.lists(RUNS, min_size=1, max_size=3))
def test_hashes_of_long_runs_of_ascii(texts: list[str]) -> None:
    assert line_hashes(arrow(texts)).tolist() == [h for text in texts for h in in_python(text)]


def test_every_character_of_unicode() -> None:
    text = "\n".join(f"x{chr(c)}x" for c in range(0x110000) if c != 10)
    assert line_hashes(arrow([text])).tolist() == in_python(text)


@pytest.mark.parametrize("line", ["a" * 3_000_000, "Ⱥ" * 700_000, " " * 500_000 + "ΑΣ 1" * 99_999])
def test_enormous_lines_and_very_many(line: str) -> None:
    text = f"b\n{line}\n" + "\n".join(map(str, range(5000))) + f"\n{line}"
    assert line_hashes(arrow([text, "", line])).tolist() == [
        *in_python(text),
        sha1(b""),
        *in_python(line),
    ]


@given(st.binary(max_size=40))
def test_bytes_that_are_no_text_stay_within_their_line(raw: bytes) -> None:
    data = np.frombuffer(b"\x80\xff" + raw + b"\x80\x80\x80", np.uint8)
    offsets = np.array([2, 2 + len(raw)], np.int64)
    starts, hashes, _ = hash_lines(data, offsets, count_lines(data, offsets), dedup_table())
    assert len(hashes) == raw.count(b"\n") + 1
    assert starts.tolist() == [2, *(3 + i for i, byte in enumerate(raw) if byte == 10)]


@pytest.mark.parametrize("keyed", [False, True])
@given(lines=LINES, cut=st.integers(0, 80))
def test_the_table_knows_every_owner(keyed: bool, lines: list, cut: int) -> None:
    table = LineTable(keyed)
    for part in (lines[:cut], lines[cut:]):
        hashes, owner, again, first = zip(*part, strict=True) if part else ((), (), (), ())
        table.add(
            u64(n << 58 for n in hashes),
            np.array(owner, np.uint32),
            np.array(again, bool),
            u64(first) if keyed else None,
        )
    owners, smallest = defaultdict(set), {}
    for line, owner, again, first in lines:
        owners[line << 58] |= {owner, -1} if again else {owner}
        smallest[line << 58] = min(first, smallest.get(line << 58, first))
    shared = table.lines()
    assert shared.hashes.tolist() == sorted(owners)
    assert shared.again.tolist() == [len(owners[line]) > 1 for line in sorted(owners)]
    wanted = u64(n << 58 for n in range(40, -1, -1))
    again, keys = table.seen_again(wanted)
    assert again.tolist() == [n for n in wanted.tolist() if len(owners.get(n, ())) > 1]
    if keyed:
        assert shared.first.tolist() == [smallest[line] for line in sorted(owners)]
        assert keys.tolist() == [smallest[line] for line in again.tolist()]


def test_the_table_grows_with_its_lines() -> None:
    numbers = np.random.default_rng(7).permutation(np.arange(700_000, dtype=np.uint64))
    table = LineTable(keyed=True)
    table.add(numbers, np.full(len(numbers), 1, np.uint32), first=numbers + np.uint64(1))
    table.add(numbers[::7], np.full(100_000, 2, np.uint32), first=np.zeros(100_000, np.uint64))
    shared = table.lines()
    assert (shared.hashes == np.arange(700_000)).all()
    assert sorted(numbers[::7].tolist()) == shared.hashes[shared.again].tolist()
    assert (shared.first == np.where(shared.again, 0, shared.hashes + np.uint64(1))).all()


HASHES = st.sampled_from([0, 1, 2, 3, 2**40, 2**63, 2**63 + 1, 2**64 - 1])


@given(
    st.lists(st.lists(HASHES, min_size=1), max_size=5),
    st.dictionaries(HASHES, st.integers(0, 4)),
    st.integers(1, 6),
    st.booleans(),
)
def test_lines_that_stay(texts: list, seen: dict, bits: int, keep_first: bool) -> None:
    ascending = u64(sorted(seen))
    kept = keep_lines(
        u64(h for text in texts for h in text),
        np.cumsum([0, *map(len, texts)]),
        np.arange(len(texts), dtype=np.uint64),
        ascending,
        directory(ascending, bits),
        u64(seen[h] for h in sorted(seen)) if keep_first else u64([]),
    )
    expected = [
        text.index(h) == i and (h not in seen or (keep_first and seen[h] == number))
        for number, text in enumerate(texts)
        for i, h in enumerate(text)
    ]
    assert kept.tolist() == expected
