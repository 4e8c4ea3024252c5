"""Reads WET files, the text Common Crawl extracts itself, as CCNet parses them.

CCNet section 3.1 and its public code: every line is stripped, the first is the title and leaves
the text, the two blank lines that end a record go, and a text shorter than 300 characters is
dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from corpus.counts import Counts
from corpus.formats.blocks import split_blocks
from corpus.formats.documents import MAX_DOCUMENTS
from corpus.formats.warc_records import read_records
from corpus.keyed import document_id
from corpus.schema import DOCUMENT
from corpus.storage import InputFile

SUFFIXES = (".wet", ".wet.gz")

_RECORD_END = b"\r\n\r\n"
_MAX_BYTES = 1 << 20  # of blocks: more at once leaves the processor's cache, a fifth slower


@dataclass(frozen=True)
class WetConfig:
    """What is kept of a WET file."""

    min_chars: int = 300  # CCNet's minimum, checked before dedup only


class _Record(NamedTuple):
    """What is known of a record whose block awaits its turn."""

    url: str
    origin: str
    date: str | None
    digest: str | None


def read(
    file: InputFile, source: str, config: WetConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the texts of one WET file as batches of `corpus.schema.DOCUMENT`, in file order.

    Counts `documents` and `chars`. A batch comes from up to 1,000 records and 1 MiB of their
    blocks, or from one record that is longer.
    """
    for records, blocks in _grouped(_records(file, counts)):
        batch = _batch(records, blocks, source, config, counts)
        if batch.num_rows:
            yield batch


def _records(file: InputFile, counts: Counts) -> Iterator[tuple[_Record, bytes]]:
    for record in read_records(file, "conversion", counts):
        headers = record.headers
        url = headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">")
        if not url:
            counts.skip("no WARC-Target-URI", record.origin)
            continue
        about = _Record(
            url, record.origin, headers.get("warc-date"), headers.get("warc-block-digest")
        )
        yield about, record.block


def _grouped(
    records: Iterator[tuple[_Record, bytes]],
) -> Iterator[tuple[list[_Record], list[bytes]]]:
    group: list[_Record] = []
    blocks: list[bytes] = []
    size = 0
    for record, block in records:
        if group and (len(group) >= MAX_DOCUMENTS or size + len(block) > _MAX_BYTES):
            yield group, blocks
            group, blocks, size = [], [], 0
        group.append(record)
        blocks.append(block)
        size += len(block)
    if group:
        yield group, blocks


def _batch(
    records: list[_Record],
    blocks: list[bytes],
    source: str,
    config: WetConfig,
    counts: Counts,
) -> pa.RecordBatch:
    titles, texts, num_chars = split_blocks(
        blocks, _RECORD_END, one_stays=True, min_chars=config.min_chars
    )
    long_enough = num_chars >= config.min_chars
    for at in np.flatnonzero(~long_enough):
        short = records[at]
        counts.skip(f"shorter than {config.min_chars} characters", f"{short.origin} {short.url}")
    kept = list(compress(records, long_enough))
    counts.add("documents", len(kept))
    counts.add("chars", int(num_chars[long_enough].sum()))
    urls, origins, dates, digests = zip(*kept, strict=True) if kept else [()] * 4
    columns = [
        pa.array([document_id(source, origin) for origin in origins], pa.uint64()),
        pa.array([source] * len(kept), pa.string()),
        pa.array(urls, pa.string()),
        pa.array(origins, pa.string()),
        pa.array(dates, pa.string()),
        pa.array(digests, pa.string()),
        pa.nulls(len(kept), pa.string()),
        titles,
        texts,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)
