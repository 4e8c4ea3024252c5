"""Single texts out of a stage's Parquet files, by file and row; one row group is read for each."""

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from corpus.batches import open_parquet

ROW_GROUPS = 2  # kept in memory: one of each text of a pair


class RowTexts:
    """The texts of a list of files. Neighbours that are asked for in turn are read once."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self._ends = functools.cache(self._group_ends)
        self._group = functools.lru_cache(ROW_GROUPS)(self._read_group)

    def text(self, file: int, row: int) -> pa.Scalar:
        ends = self._ends(file)
        group = int(np.searchsorted(ends, row, side="right"))
        start = int(ends[group - 1]) if group else 0
        return self._group(file, group)[row - start]

    def _group_ends(self, file: int) -> np.ndarray:
        with open_parquet(self._paths[file]) as found:
            metadata = found.metadata
            return np.cumsum(
                [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
            )

    def _read_group(self, file: int, group: int) -> pa.ChunkedArray:
        with open_parquet(self._paths[file]) as found:
            table = found.read_row_group(group, columns=["text"], use_threads=False)
            return table.column("text")
