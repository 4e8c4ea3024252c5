"""The form of tables as Parquet: the same rows give the same bytes, however they are batched."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 4096  # a row group of about 20 MB of web text
ROW_GROUP_BYTES = 32 << 20  # of text: one document of 1 GB is a row group of its own, not 4,096


def write_parquet(
    local: Path,
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    row_group_rows: int = ROW_GROUP_ROWS,
) -> int:
    """Writes batches of a schema as one file and returns its rows; in memory stands one row group.

    A row group ends at `row_group_rows` rows or ROW_GROUP_BYTES of text (large_string columns),
    wherever batches end, so the file's bytes depend on the rows alone.
    """
    texts = [f.name for f in schema if pa.types.is_large_string(f.type)]
    distinct = [*texts, *(f.name for f in schema if pa.types.is_uint64(f.type))]  # ids, hashes
    with pq.ParquetWriter(
        local,
        schema,
        compression="zstd",
        compression_level=1,
        write_page_checksum=True,  # or a flipped bit of zstd is mostly read as another text
        # each holds copies of the values: of a text of 1 GB, several
        use_dictionary=[path for path in _column_paths(schema) if path not in distinct],
        write_statistics=[path for path in _column_paths(schema) if path not in texts],
    ) as writer:
        groups = _RowGroups(writer, row_group_rows)
        for batch in batches:
            groups.add(batch)
        groups.end()
    return groups.rows_written


class _RowGroups:
    """Gathers rows from batches of any size and writes them as row groups."""

    def __init__(self, writer: pq.ParquetWriter, most_rows: int) -> None:
        self._writer = writer
        self._most_rows = most_rows
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0
        self.rows_written = 0

    def add(self, batch: pa.RecordBatch) -> None:
        until = np.concatenate([[0], np.cumsum(_text_bytes(batch))])  # [rows + 1] bytes
        begin = 0
        while begin < batch.num_rows:
            full = until[begin] + ROW_GROUP_BYTES - self._bytes
            end = min(int(np.searchsorted(until, full)), begin + self._most_rows - self._rows)
            end = max(min(end, batch.num_rows), begin + 1)
            self._waiting.append(batch.slice(begin, end - begin))
            self._rows += end - begin
            self._bytes += int(until[end] - until[begin])
            if self._rows == self._most_rows or self._bytes >= ROW_GROUP_BYTES:
                self.end()
            begin = end

    def end(self) -> None:
        """Writes what waits, if anything, as a row group."""
        if self._rows:
            table = pa.Table.from_batches(self._waiting).combine_chunks()
            self._writer.write_table(table, row_group_size=self._rows)
        self.rows_written += self._rows
        self._waiting, self._rows, self._bytes = [], 0, 0


def _column_paths(schema: pa.Schema) -> list[str]:
    """The columns as Parquet names them."""
    return [f"{f.name}.list.element" if pa.types.is_list(f.type) else f.name for f in schema]


def _text_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """[rows] int64: bytes in the columns that hold texts."""
    sizes = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        if pa.types.is_large_string(column.type):
            sizes += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return sizes
