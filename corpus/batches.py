"""Reading a stage's Parquet files in record batches, and the totals every stage keeps of text."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from corpus import storage
from corpus.counts import Counts
from corpus.errors import DataError
from corpus.manifest import OutputFile

BATCH_ROWS = 1024


def read_batches(
    path: str, columns: Sequence[str] | None = None, rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """Record batches of up to `rows` rows of a Parquet file, in order; one row group in memory.

    No batch reaches over a row group, so none has more text than Output.write_table lets stand
    together. DataError for a file that was altered.
    """
    with open_parquet(path) as file:
        for group in range(file.num_row_groups):
            yield from file.iter_batches(rows, [group], columns=columns, use_threads=False)


def read_table(path: str, columns: Sequence[str] | None = None) -> pa.Table:
    """A Parquet file; DataError where it was altered."""
    with _read(path) as stream:
        return pq.read_table(stream, columns=columns, page_checksum_verification=True)


@contextmanager
def open_parquet(path: str) -> Iterator[pq.ParquetFile]:
    """A stage's file, whose pages are held against their checksums as they are read; DataError
    where one was altered."""
    with _read(path) as stream:
        yield pq.ParquetFile(stream, page_checksum_verification=True)


@contextmanager
def _read(path: str) -> Iterator[pa.NativeFile]:
    try:
        with storage.open_input(path) as stream:
            yield stream
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(
            f"{path} cannot be read or was altered ({' '.join(str(error).split())}); delete it and "
            "run the same command again, which makes it anew"
        ) from None


def text_bytes(batch: pa.RecordBatch) -> int:
    """UTF-8 bytes in a batch's `text` column."""
    return pc.sum(pc.binary_length(batch.column("text"))).as_py() or 0


def with_text_bytes(batches: Iterable[pa.RecordBatch], counts: Counts) -> Iterator[pa.RecordBatch]:
    """Passes batches on, counting their bytes of text."""
    for batch in batches:
        counts.add("text_bytes", text_bytes(batch))
        yield batch


def counted(batches: Iterable[pa.RecordBatch], counts: Counts) -> Iterator[pa.RecordBatch]:
    """Passes batches on, counting their documents and bytes of text."""
    for batch in with_text_bytes(batches, counts):
        counts.add("documents", batch.num_rows)
        yield batch


def unit_name(file: OutputFile) -> str:
    """The unit that wrote a content-named file: its name without hash and suffix."""
    return file.name.rsplit("-", 1)[0]
