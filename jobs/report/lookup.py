"""Finding a few rows in a stage's Parquet files without reading the rest of them.

A narrow column says which rows are wanted; only the row groups that hold them (at most 4,096
documents, about 20 MB of text) are then read in full.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.batches import open_parquet, unit_name
from corpus.manifest import Manifest


def path_of(stage: Manifest | None, unit: str) -> str | None:
    """Where a stage keeps what it made of a unit; None where it has not done the unit yet.

    Units join stages, places in their lists do not: after a killed build the later stages are of
    an earlier time, and may have other files.
    """
    if stage is None:
        return None
    return next((stage.path(file) for file in stage.files if unit_name(file) == unit), None)


def find_rows(path: str, column: str, values: Iterable[Any]) -> dict[int, Any]:
    """The row numbers of a file whose `column` is one of `values`, each with its value."""
    found: dict[int, Any] = {}
    with open_parquet(path) as file:
        field = file.schema_arrow.field(column)
        wanted = pa.array(sorted(set(values)), field.type)
        start = 0
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            if _may_hold(file.metadata.row_group(group), column, wanted):
                cells = file.read_row_group(group, columns=[column]).column(column)
                rows = np.flatnonzero(pc.is_in(cells, value_set=wanted).to_numpy())
                found.update((start + int(row), cells[int(row)].as_py()) for row in rows)
            start += size
    return found


def read_rows(path: str, rows: Sequence[int], columns: Sequence[str]) -> list[dict[str, Any]]:
    """The given rows of a file in their given order, as mappings of the columns it has of those."""
    read: dict[int, dict[str, Any]] = {}
    with open_parquet(path) as file:
        present = [name for name in columns if name in file.schema_arrow.names]
        start = 0
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            wanted = [row for row in rows if start <= row < end]
            if wanted:
                table = file.read_row_group(group, columns=present)
                taken = table.take(pa.array([row - start for row in wanted])).to_pylist()
                read.update(zip(wanted, taken, strict=True))
            start = end
    return [read[row] for row in rows]


def _may_hold(group: pq.RowGroupMetaData, column: str, wanted: pa.Array) -> bool:
    """Whether a row group's own statistics allow any of the ascending wanted values."""
    for index in range(group.num_columns):
        chunk = group.column(index)
        if chunk.path_in_schema == column:
            statistics = chunk.statistics
            if statistics is None or not statistics.has_min_max:
                return True
            low, high = statistics.min, statistics.max
            return any(low <= value <= high for value in wanted.to_pylist())
    return True
