"""The whole of line dedup without Spark, against the rule said in plain Python."""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.dedup.exchange import (
    BLOB_LINES,
    BUCKET_LINES,
    bucket_bits,
    find_shared,
    receive,
    schemas,
    send,
)
from corpus.dedup.line_table import SharedLines
from corpus.dedup.lines import SeenLines, remove_lines, shard_hashes
from corpus.dedup.normalize import normalize_for_dedup
from corpus.schema import DOCUMENT

Crawl = list[list[tuple[int, str]]]  # shards of documents: doc_id and text

TEXTS = st.lists(st.sampled_from(["", "a", "A", "b", "c 1", "c 2", "“d”", "d", "e", "f"])).map(
    "\n".join
)
CRAWLS = st.lists(
    st.lists(TEXTS, max_size=4).map(lambda texts: [("", text) for text in texts]), max_size=6
)


def with_ids(crawl: list, seed: int) -> Crawl:
    """Documents in an order that their ids do not follow."""
    ids = iter(np.random.default_rng(seed).permutation(100).tolist())
    return [[(next(ids) << 57, text) for _, text in shard] for shard in crawl]


def in_python(crawl: Crawl, size: int, policy: str) -> list[list[tuple[int, list[int], str]]]:
    """By shard: doc_id, line_ids and text of every document that is left."""
    left: list[list[tuple[int, list[int], str]]] = []
    for begin in range(0, len(crawl), size):
        having = defaultdict(set)
        for doc_id, text in (
            document for shard in crawl[begin : begin + size] for document in shard
        ):
            for line in text.split("\n") if text else ():
                having[normalize_for_dedup(line)].add(doc_id)
        for shard in crawl[begin : begin + size]:
            left.append([])
            for doc_id, text in shard:
                lines = text.split("\n")
                forms = [normalize_for_dedup(line) for line in lines]
                ids = [
                    i
                    for i, form in enumerate(forms)
                    if forms.index(form) == i
                    and (
                        having[form] <= {doc_id}
                        or (policy == "keep_first" and min(having[form]) == doc_id)
                    )
                ]
                kept = "\n".join(lines[i] for i in ids)
                if kept.strip():
                    left[-1].append((doc_id, ids, kept))
    return left


def batch_of(shard: list[tuple[int, str]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([{"doc_id": i, "text": text} for i, text in shard], DOCUMENT)


def write_lines(path: Path, lines, policy: str) -> str:
    table = schemas(policy)[0]
    columns = [pa.array(column) for column in lines[: len(table)]]
    pq.write_table(pa.Table.from_arrays(columns, schema=table), path)
    return str(path)


def exchange(paths: list[str], size: int, policy: str, bits: int, partitions: int, seed: int):
    """Each shard's lines seen again, by `send`, `find_shared` and `receive`."""
    random = np.random.default_rng(seed)
    buckets = defaultdict(list)
    for shard, path in enumerate(paths):
        for bucket, blob in send(path, shard, shard // size, bits):
            buckets[bucket].append(blob)
    returned = []
    for bucket in buckets.values():
        blobs = [bucket[i] for i in random.permutation(len(bucket))]  # as a shuffle lays them
        returned += find_shared(blobs, policy)
    seen = {shard: SeenLines(np.empty(0, np.uint64)) for shard in range(len(paths))}
    for partition in range(partitions):
        mine = [blob for blob in returned if blob.shard % partitions == partition]
        for shard, lines in receive(sorted(mine), policy):
            table = pa.Table.from_batches(lines)
            seen[shard] = SeenLines(*(column.to_numpy() for column in table.columns))
    return seen


@pytest.mark.parametrize("policy", ["all_removed", "keep_first"])
@given(
    crawl=CRAWLS,
    size=st.integers(1, 6),
    bits=st.integers(0, 3),
    partitions=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_what_is_left_is_what_the_rule_says(
    tmp_path_factory, policy, crawl, size, bits, partitions, seed
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    crawl = with_ids(crawl, seed)
    paths = [
        write_lines(folder / str(n), shard_hashes([batch_of(shard)], policy), policy)
        for n, shard in enumerate(crawl)
    ]
    seen = exchange(paths, size, policy, bits, partitions, seed)
    left = []
    for number, shard in enumerate(crawl):
        out = remove_lines(batch_of(shard), seen[number], Counts())
        columns = (out.column(name).to_pylist() for name in ("doc_id", "line_ids", "text"))
        left.append(list(zip(*columns, strict=True)))
    assert left == in_python(crawl, size, policy)


def test_blobs_are_bounded_and_put_together_in_order(tmp_path) -> None:
    hashes = np.unique(np.random.default_rng(3).integers(0, 2**64, BLOB_LINES * 3, np.uint64))
    lines = SharedLines(hashes, np.arange(len(hashes)) % 3 > 0, hashes // np.uint64(7))
    path = write_lines(tmp_path / "lines", lines, "keep_first")
    for bits, most in ((0, BLOB_LINES), (6, len(hashes) // 50)):
        sizes = [len(blob.hashes) // 8 for _, blob in send(path, 0, 0, bits)]
        assert sum(sizes) == len(hashes)
        assert max(sizes) <= most
        (seen,) = exchange([path], 1, "keep_first", bits, 3, 0).values()
        assert (seen.hashes == hashes[lines.again]).all()
        assert (seen.keepers == lines.first[lines.again]).all()


@pytest.mark.parametrize(
    ("lines", "bits"), [(0, 0), (1, 0), (BUCKET_LINES, 0), (BUCKET_LINES + 1, 1), (24 * 10**9, 14)]
)
def test_buckets_follow_the_largest_group(lines: int, bits: int) -> None:
    assert bucket_bits(lines) == bits
    assert lines / 2**bits <= BUCKET_LINES
