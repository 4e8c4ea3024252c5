"""Every record that an extraction skips, so that `explain` can answer for it and not only count it.

A table of `schema.SKIPPED` beside a unit's documents: no data of the stage, but listed, checked and
swept like it. It is written while the file is read, so memory does not grow with what is skipped.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus.batches import read_batches
from corpus.counts import Counts
from corpus.manifest import Manifest
from corpus.output import Output
from corpus.schema import SKIPPED

SUFFIX = "skipped"
_ROWS = 1 << 16


class SkipLog(Counts):
    """Counts of one unit of work that also note each skipped record; `close` hands both over."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output
        self._local: Path = output.scratch / "skipped.parquet"
        self._writer: pq.ParquetWriter | None = None
        self._rows: list[tuple[str, str]] = []

    def skip(self, reason: str, where: str) -> None:
        super().skip(reason, where)
        self._rows.append((reason, where))
        if len(self._rows) == _ROWS:
            self._write()

    def close(self) -> None:
        """Merges the counts into the output's and puts the table, if any record was skipped."""
        self._output.counts.merge(self)
        if self._rows:
            self._write()
        if self._writer is not None:
            self._writer.close()
            rows = self.skipped.total()
            self._output.put(self._local, self._output.unit.name, SUFFIX, rows, beside=True)

    def _write(self) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._local, SKIPPED, compression="zstd")
        columns = zip(*self._rows, strict=True)
        arrays = [pa.array(values, pa.string()) for values in columns]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=SKIPPED))
        self._rows = []


def find_skipped(extracted: Manifest, url: str) -> list[tuple[str, str]]:
    """Reason and place of each record of a URL that an extraction skipped."""
    found = []
    for file in extracted.beside:
        for batch in read_batches(extracted.path(file), rows=_ROWS):
            named = pc.match_substring(batch.column("where"), f" {url}")
            for row in batch.filter(named).to_pylist():
                if f" {url} " in f"{row['where']} ":  # no longer URL, but maybe what decided
                    found.append((row["reason"], row["where"]))
    return found
