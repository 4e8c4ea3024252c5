"""Which lines survive, by worked example and against the rule said in plain Python."""

import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.dedup.lines import (
    LineDedupConfig,
    SeenLines,
    document_line_hashes,
    remove_lines,
    shard_hashes,
)
from corpus.dedup.normalize import normalize_for_dedup
from corpus.kernels.lines import hash_lines
from corpus.schema import DEDUPED, DOCUMENT

DOCUMENTS = st.lists(
    st.lists(st.sampled_from(["", "a", "A", "b", "c 1", "c 2", "“d”", "d", " "]), min_size=1).map(
        "\n".join
    ),
    max_size=8,
)


def batch_of(texts: list[str]) -> pa.RecordBatch:
    rows = [
        {
            "doc_id": row,
            "source": "web",
            "url": f"http://x/{row}",
            "origin": f"f#{row}",
            "text": text,
        }
        for row, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, DOCUMENT)


def seen_again(documents: list[str]) -> SeenLines:
    shared = shard_hashes([batch_of(documents)])
    return SeenLines(shared.hashes[shared.again])


def keys(text: str) -> list[str]:
    return [normalize_for_dedup(line) for line in text.split("\n")]


def test_a_hash_is_the_head_of_sha1_little_endian() -> None:
    expected = int.from_bytes(hashlib.sha1(b"abc 0").digest()[:8], "little")
    blank = int.from_bytes(hashlib.sha1(b"").digest()[:8], "little")
    hashes = document_line_hashes(" ABC 7\n")
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [expected, blank]


def test_a_line_of_two_documents_goes_everywhere() -> None:
    documents = ["Menu\none\nMENU", "two\ntwo\n“menu”", "three"]
    counts = Counts()
    out = remove_lines(batch_of(documents), seen_again(documents), counts)
    assert out.schema == DEDUPED
    assert out.column("text").to_pylist() == ["one", "two", "three"]
    assert out.column("line_ids").to_pylist() == [[1], [0], [0]]
    assert out.column("original_nlines").to_pylist() == [3, 3, 1]
    assert out.column("original_length").to_pylist() == [13, 14, 5]
    assert counts.totals == Counter(lines_in=7, lines_out=3, chars_in=32, chars_out=11)


def test_a_document_without_text_is_dropped_and_named() -> None:
    counts = Counts()
    documents = ["x\n", "x", "\n \n", "y"]  # the blank line of two documents, then a lone one
    out = remove_lines(batch_of(documents), seen_again(["x", "x"]), counts)
    assert out.column("doc_id").to_pylist() == [3]
    assert counts.skipped == Counter({"no line left": 3})
    assert counts.examples["no line left"] == ["http://x/0", "http://x/1", "http://x/2"]


def test_a_line_whose_hash_is_0_is_lost_as_in_ccnet_or_stays(monkeypatch) -> None:
    def hash_to_zero(*texts):
        starts, hashes, in_context = hash_lines(*texts)
        return starts, np.where(hashes == hash_of_b, 0, hashes), in_context

    hash_of_b = document_line_hashes("b")[0]
    monkeypatch.setattr("corpus.dedup.lines.hash_lines", hash_to_zero)
    nothing, batch = SeenLines(np.empty(0, np.uint64)), batch_of(["a\nb\nc", "b"])
    out = remove_lines(batch, nothing, Counts())
    assert out.column("text").to_pylist() == ["a\nc"]
    out = remove_lines(batch, nothing, Counts(), LineDedupConfig(zero_hash="fixed"))
    assert out.column("text").to_pylist() == ["a\nb\nc", "b"]


def test_blank_lines_go_as_in_ccnet_or_stay() -> None:
    documents = ["Title\n\nOne\n \nOne", "Name\n\nTwo\n»", "\n"]
    fixed = LineDedupConfig(blank_lines="fixed")
    out = remove_lines(batch_of(documents), seen_again(documents), Counts(), fixed)
    assert out.column("text").to_pylist() == ["Title\n\nOne\n ", "Name\n\nTwo"]
    assert out.column("line_ids").to_pylist() == [[0, 1, 2, 3], [0, 1, 2]]
    out = remove_lines(batch_of(documents), seen_again(documents), Counts())
    assert out.column("text").to_pylist() == ["Title\nOne", "Name\nTwo"]


def test_a_null_text_is_an_empty_one() -> None:
    batch = pa.RecordBatch.from_pylist([{"doc_id": 1}, {"doc_id": 2, "text": "a"}], DOCUMENT)
    assert shard_hashes([batch]).hashes.tolist() == document_line_hashes("a").tolist()
    assert remove_lines(batch, SeenLines(np.empty(0, np.uint64)), Counts()).num_rows == 1


def test_empty_shards_and_batches() -> None:
    hashes, repeated, first = shard_hashes([])
    assert len(hashes) == len(repeated) == len(first) == 0
    assert len(shard_hashes([batch_of([])]).hashes) == 0
    assert remove_lines(batch_of([]), SeenLines(hashes), Counts()).num_rows == 0
    nothing_left = remove_lines(batch_of(["a", "a"]), seen_again(["a", "a"]), Counts())
    assert nothing_left.num_rows == 0
    assert nothing_left.schema == DEDUPED


@given(DOCUMENTS, st.integers(1, 4))
def test_shard_hashes_count_documents_however_batched(documents: list[str], size: int) -> None:
    whole = batch_of(documents)  # slices: their offsets do not begin at 0
    hashes, repeated, _ = shard_hashes(whole.slice(i, size) for i in range(0, len(documents), size))
    having = Counter(key for text in documents if text for key in set(keys(text)))
    expected = {int(document_line_hashes(key)[0]): n > 1 for key, n in having.items()}
    assert hashes.tolist() == sorted(expected)
    assert dict(zip(hashes.tolist(), repeated.tolist(), strict=True)) == expected


@given(DOCUMENTS)
def test_what_is_left_is_what_the_rule_says(documents: list[str]) -> None:
    having = Counter(key for text in documents if text for key in set(keys(text)))
    expected = []
    for row, text in enumerate(documents):
        marked = list(enumerate(keys(text)))
        ids = [i for i, key in marked if having[key] <= 1 and keys(text).index(key) == i]
        left = "\n".join(text.split("\n")[i] for i in ids)
        if left.strip():
            expected.append((row, ids, left))
    out = remove_lines(batch_of(documents), seen_again(documents), Counts())
    columns = (out.column(name).to_pylist() for name in ("doc_id", "line_ids", "text"))
    assert list(zip(*columns, strict=True)) == expected
