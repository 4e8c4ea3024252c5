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
MAX_BYTES = 16 << 20  # of text


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
    author: str | None = None
    stated_language: str | None = None


def to_batches(documents: Iterable[Document], counts: Counts) -> Iterator[pa.RecordBatch]:
    """Groups documents in order into record batches; counts `documents` and `chars`."""
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += utf8_bytes(document.text)
        if len(batch) >= MAX_DOCUMENTS or size >= MAX_BYTES:
            yield _to_batch(batch, counts)
            batch, size = [], 0
    if batch:
        yield _to_batch(batch, counts)


def utf8_bytes(text: str) -> int:
    """A text's size as it is stored."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _to_batch(batch: list[Document], counts: Counts) -> pa.RecordBatch:
    counts.add("documents", len(batch))
    counts.add("chars", sum(len(document.text) for document in batch))
    columns: list[list] = [[document_id(d.source, d.origin) for d in batch]]
    columns += [list(column) for column in zip(*batch, strict=True)]
    arrays = [
        pa.array(values, type=field.type) for values, field in zip(columns, DOCUMENT, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=DOCUMENT)
