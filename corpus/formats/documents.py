"""From a reader's documents to Arrow batches of `corpus.schema.DOCUMENT`.

Batches are bounded in documents and in bytes, so that memory stays flat whatever a source holds.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import pyarrow as pa

from corpus.counts import Counts
from corpus.keyed import document_id
from corpus.schema import DOCUMENT

MAX_DOCUMENTS = 1_000
MAX_CHARS = 16 << 20


class Document(NamedTuple):
    """One record of any source; the fields are those of `corpus.schema.DOCUMENT`."""

    source: str
    url: str
    origin: str  # file#position
    date: str | None
    digest: str | None
    license: str | None
    title: str | None
    text: str


def to_batches(documents: Iterable[Document], counts: Counts) -> Iterator[pa.RecordBatch]:
    """Groups documents in order into record batches; counts `documents` and `chars`."""
    batch: list[Document] = []
    chars = 0
    for document in documents:
        batch.append(document)
        chars += len(document.text)
        if len(batch) >= MAX_DOCUMENTS or chars >= MAX_CHARS:
            yield _to_batch(batch, chars, counts)
            batch, chars = [], 0
    if batch:
        yield _to_batch(batch, chars, counts)


def _to_batch(batch: list[Document], chars: int, counts: Counts) -> pa.RecordBatch:
    counts.add("documents", len(batch))
    counts.add("chars", chars)
    columns: list[list] = [[document_id(d.source, d.origin) for d in batch]]
    columns += [list(column) for column in zip(*batch, strict=True)]
    arrays = [
        pa.array(values, type=field.type) for values, field in zip(columns, DOCUMENT, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)
