"""Reads WET files, the text Common Crawl extracts itself, as CCNet parses them.

CCNet section 3.1 and its public code: every line is stripped, the first is the title and leaves
the text, the two blank lines that end a record go, and a text shorter than 300 characters is
dropped. Where that code is wrong, `WetConfig` has a switch between `exact` and `fixed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from typing import Literal

import numpy as np
import pyarrow as pa

from corpus.counts import REPLACED, Counts
from corpus.errors import ConfigError
from corpus.formats.blocks import Texts, split_blocks, split_spans
from corpus.formats.documents import MAX_DOCUMENTS
from corpus.formats.records import EMPTY
from corpus.formats.warc_records import read_records
from corpus.formats.wet_headers import NO_HEADERS, WetHeaders, by_rule
from corpus.formats.wet_lines import Group, read_groups
from corpus.formats.wet_members import Pages, Rules, read_members
from corpus.keyed import document_id
from corpus.schema import DOCUMENT
from corpus.storage import InputFile

SUFFIXES = (".wet", ".wet.gz", ".wet.lz4", ".wet.zst")

_MAX_BYTES = 256 << 10  # of blocks: more at once leaves the processor's cache, a fifth slower
_Switch = Literal["exact", "fixed"]


@dataclass(frozen=True)
class WetConfig:
    """What is kept of a WET file, and which defects of the reference with it.

    `headers` exact: URL, date and digest are the second words of lines 3, 4 and 7 of a record, and
    one without a number in line 9 is lost, so every record that states its language
    (`WARC-Identified-Content-Language`). fixed: they are found by name.
    `records` exact: a record begins at each line `WARC/1.0`, so a text with that line is cut there
    and a file of WARC/1.1 gives nothing. fixed: its stated length says where it ends.
    `last_line` exact: a text whose last line has no newline gets one blank line more. fixed: none.
    Nothing of Common Crawl's own has such texts, so the default differs from the reference only
    where it loses records. Bytes that are not UTF-8, on which the reference stops, become U+FFFD,
    and the documents with such bytes are counted.
    """

    min_chars: int = 300  # CCNet's minimum, checked before dedup only
    headers: _Switch = "fixed"
    records: _Switch = "fixed"
    last_line: _Switch = "exact"

    def __post_init__(self) -> None:
        if self.min_chars < 0:
            raise ConfigError(f"min_chars={self.min_chars} must be >= 0")


def read(
    file: InputFile, source: str, config: WetConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the texts of one WET file as batches of `corpus.schema.DOCUMENT`, in file order.

    Counts `records`, `documents` and `chars`. A batch comes from 256 KiB of blocks, or from one
    record that is longer.
    """
    for pages in _read(file, config, counts):
        batch = _batch(pages, source, config, counts)
        if batch.num_rows:
            yield batch


def _read(file: InputFile, config: WetConfig, counts: Counts) -> Iterator[Pages]:
    rules = Rules(
        by_length=config.records == "fixed",
        by_position=config.headers == "exact",
        one_stays=config.last_line == "exact",
        min_chars=config.min_chars,
    )
    start = yield from read_members(file, rules, counts)
    if start is not None:
        yield from (_by_length if rules.by_length else _by_lines)(file, start, rules, counts)


def _by_length(file: InputFile, start: int, rules: Rules, counts: Counts) -> Iterator[Pages]:
    origins: list[str] = []
    found: list[WetHeaders] = []
    blocks: list[bytes] = []
    size = 0
    for record in read_records(file, "conversion", counts, start):
        _, headers = by_rule(record.headers, rules.by_position)
        if headers is None:
            counts.skip(NO_HEADERS[rules.by_position], record.origin)
            continue
        if blocks and (len(blocks) >= MAX_DOCUMENTS or size + len(record.block) > _MAX_BYTES):
            yield _pages(origins, found, _split(blocks, rules))
            origins, found, blocks, size = [], [], [], 0
        origins.append(record.origin)
        found.append(headers)
        blocks.append(record.block)
        size += len(record.block)
    if blocks:
        yield _pages(origins, found, _split(blocks, rules))


def _split(blocks: list[bytes], rules: Rules) -> Texts:
    return split_blocks(blocks, one_stays=rules.one_stays, min_chars=rules.min_chars)


def _by_lines(file: InputFile, start: int, rules: Rules, counts: Counts) -> Iterator[Pages]:
    for group in read_groups(file, counts, start):
        origins, found, starts, ends = _select(group, rules, counts)
        if origins:
            texts = split_spans(
                group.data,
                np.array(starts, np.int64),
                np.array(ends, np.int64),
                one_stays=rules.one_stays,
                min_chars=rules.min_chars,
            )
            yield _pages(origins, found, texts)


def _pages(origins: list[str], found: list[WetHeaders], texts: Texts) -> Pages:
    columns = [pa.array(values, pa.string()) for values in zip(*found, strict=True)]
    return Pages(origins, columns, texts)


def _select(
    group: Group, rules: Rules, counts: Counts
) -> tuple[list[str], list[WetHeaders], list[int], list[int]]:
    """Of a group's records those that are documents: origin, headers, and where the block is."""
    origins, found, starts, ends = [], [], [], []
    for head, origin, start, end in zip(*group[1:], strict=True):
        if isinstance(head, WetHeaders):
            headers: WetHeaders | None = head
        else:
            kind, headers = by_rule(head, rules.by_position)
            if kind != "conversion":
                continue
        counts.add("records")
        if headers is None:
            counts.skip(NO_HEADERS[rules.by_position], origin)
        elif start == end:
            counts.skip(EMPTY, origin)
        else:
            origins.append(origin)
            found.append(headers)
            starts.append(start)
            ends.append(end)
    return origins, found, starts, ends


def _batch(pages: Pages, source: str, config: WetConfig, counts: Counts) -> pa.RecordBatch:
    urls, dates, digests = pages.headers
    num_chars = pages.texts.num_chars
    long_enough = num_chars >= config.min_chars
    for at in np.flatnonzero(~long_enough).tolist():
        where = f"{pages.origins[at]} {urls[at]} ({num_chars[at]} characters)"
        counts.skip(f"shorter than {config.min_chars} characters", where)
    origins = list(compress(pages.origins, long_enough))
    mask = pa.array(long_enough)
    counts.add("documents", len(origins))
    counts.add("chars", int(num_chars[long_enough].sum()))
    if replaced := int((pages.texts.replaced & long_enough).sum()):
        counts.add(REPLACED, replaced)
    columns = [
        pa.array([document_id(source, origin) for origin in origins], pa.uint64()),
        pa.repeat(pa.scalar(source, pa.string()), len(origins)),
        urls.filter(mask),
        pa.array(origins, pa.string()),
        dates.filter(mask),
        digests.filter(mask),
        pa.nulls(len(origins), pa.string()),
        pages.texts.titles,
        pages.texts.texts,
        *(pa.nulls(len(origins), pa.string()) for _ in ("author", "stated_language")),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)
