"""Reads WET files, the text Common Crawl extracts itself, as CCNet parses them.

CCNet section 3.1 and its public code: every line is stripped, the first is the title and leaves
the text, the two blank lines that end a record go, and a text shorter than 300 characters is
dropped. Where that code is wrong, `WetConfig` has a switch between `exact` and `fixed`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import compress
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa

from corpus.counts import REPLACED, Counts
from corpus.errors import ConfigError
from corpus.formats.blocks import Texts, split_blocks, split_spans
from corpus.formats.documents import MAX_DOCUMENTS
from corpus.formats.records import EMPTY
from corpus.formats.warc_records import read_records
from corpus.formats.wet_headers import WetHeaders, by_name, by_position, names, type_by_position
from corpus.formats.wet_lines import Group, read_groups
from corpus.keyed import document_id
from corpus.schema import DOCUMENT
from corpus.storage import InputFile

SUFFIXES = (".wet", ".wet.gz", ".wet.lz4", ".wet.zst")

_MAX_BYTES = 256 << 10  # of blocks: more at once leaves the processor's cache, a fifth slower
_NO_HEADERS = {"exact": "headers not where CCNet looks", "fixed": "no WARC-Target-URI"}
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
    framed = _by_lines if config.records == "exact" else _by_length
    for about, texts in framed(file, config, counts):
        batch = _batch(about, texts, source, config, counts)
        if batch.num_rows:
            yield batch


class _About(NamedTuple):
    """What is known of a record beside its block."""

    origin: str
    headers: WetHeaders


_Parsed = tuple[list[_About], Texts]


def _by_length(file: InputFile, config: WetConfig, counts: Counts) -> Iterator[_Parsed]:
    group: list[_About] = []
    blocks: list[bytes] = []
    size = 0
    for record in read_records(file, "conversion", counts):
        if config.headers == "exact":
            lines = [f"{name}: {value}" for name, value in record.headers.items()]
            headers = by_position(["WARC/1.0", *lines])
        else:
            headers = by_name(record.headers)
        if headers is None:
            counts.skip(_NO_HEADERS[config.headers], record.origin)
            continue
        if group and (len(group) >= MAX_DOCUMENTS or size + len(record.block) > _MAX_BYTES):
            yield group, _split(blocks, config)
            group, blocks, size = [], [], 0
        group.append(_About(record.origin, headers))
        blocks.append(record.block)
        size += len(record.block)
    if group:
        yield group, _split(blocks, config)


def _split(blocks: list[bytes], config: WetConfig) -> Texts:
    return split_blocks(blocks, one_stays=config.last_line == "exact", min_chars=config.min_chars)


def _by_lines(file: InputFile, config: WetConfig, counts: Counts) -> Iterator[_Parsed]:
    for group in read_groups(file, counts):
        abouts, starts, ends = _select(group, config, counts)
        if abouts:
            yield (
                abouts,
                split_spans(
                    group.data,
                    np.array(starts, np.int64),
                    np.array(ends, np.int64),
                    one_stays=config.last_line == "exact",
                    min_chars=config.min_chars,
                ),
            )


def _select(
    group: Group, config: WetConfig, counts: Counts
) -> tuple[list[_About], list[int], list[int]]:
    """Of a group's records those that are documents: what is known of each, and where it is."""
    abouts, starts, ends = [], [], []
    by_places = config.headers == "exact"
    for head, origin, start, end in zip(*group[1:], strict=True):
        headers: WetHeaders | None
        if isinstance(head, WetHeaders):
            headers = head
        else:
            named = {} if by_places else names(head)
            kind = type_by_position(head) if by_places else named.get("warc-type", "").lower()
            if kind != "conversion":
                continue
            headers = by_position(head) if by_places else by_name(named)
        counts.add("records")
        if headers is None:
            counts.skip(_NO_HEADERS[config.headers], origin)
        elif start == end:
            counts.skip(EMPTY, origin)
        else:
            abouts.append(_About(origin, headers))
            starts.append(start)
            ends.append(end)
    return abouts, starts, ends


def _batch(
    abouts: list[_About], parsed: Texts, source: str, config: WetConfig, counts: Counts
) -> pa.RecordBatch:
    long_enough = parsed.num_chars >= config.min_chars
    for at in np.flatnonzero(~long_enough):
        short = abouts[at]
        where = f"{short.origin} {short.headers.url} ({parsed.num_chars[at]} characters)"
        counts.skip(f"shorter than {config.min_chars} characters", where)
    kept = list(compress(abouts, long_enough))
    counts.add("documents", len(kept))
    counts.add("chars", int(parsed.num_chars[long_enough].sum()))
    if replaced := int((parsed.replaced & long_enough).sum()):
        counts.add(REPLACED, replaced)
    columns = [
        pa.array([document_id(source, about.origin) for about in kept], pa.uint64()),
        pa.array([source] * len(kept), pa.string()),
        pa.array([about.headers.url for about in kept], pa.string()),
        pa.array([about.origin for about in kept], pa.string()),
        pa.array([about.headers.date for about in kept], pa.string()),
        pa.array([about.headers.digest for about in kept], pa.string()),
        pa.nulls(len(kept), pa.string()),
        parsed.titles,
        parsed.texts,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)
