"""A stage's Parquet files, read again: what was altered on the disk is told, not read."""

import random

import numpy as np
import pyarrow as pa
import pytest

from corpus.batches import read_batches, read_table
from corpus.errors import DataError
from corpus.parquet import write_parquet

SCHEMA = pa.schema([("doc_id", pa.uint64()), ("text", pa.large_string())])


def test_no_bit_that_flips_is_read_as_another_text(tmp_path):
    words = np.random.default_rng(0).choice(
        ["corpus", "token", "shard", "llama", "crawl"], (60, 40)
    )
    texts = [" ".join(row) for row in words]
    table = pa.table({"doc_id": range(len(texts)), "text": texts}, SCHEMA)
    path = tmp_path / "documents.parquet"
    write_parquet(path, table.to_batches(), SCHEMA)
    content = path.read_bytes()
    pages = len(content) - 8 - int.from_bytes(content[-8:-4], "little")  # then the footer
    told: list[str] = []
    for bit in random.Random(0).sample(range(8 * 4, 8 * pages), 300):
        altered = bytearray(content)
        altered[bit // 8] ^= 1 << bit % 8
        path.write_bytes(altered)
        for read in (read_table, lambda where: pa.Table.from_batches(read_batches(where), SCHEMA)):
            try:
                assert read(str(path)).equals(table)
            except DataError as error:
                told.append(str(error))
    assert len(told) > 500
    assert all(str(path) in line for line in told)


def test_a_file_that_is_not_there_or_none_is_named(tmp_path):
    path = tmp_path / "documents.parquet"
    for _ in range(2):
        with pytest.raises(DataError, match=r"documents\.parquet"):
            read_table(str(path))
        path.write_bytes(b"PAR1")
