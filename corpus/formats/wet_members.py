"""The records of a WET file that is as Common Crawl writes them: a gzip member for each.

In such a file both ways to tell records, by stated lengths and by lines as CCNet does, find the
same, so that compiled code takes many at once. Whatever is otherwise is left to the readers of
either way, which take over at a member before it and read on to the file's end.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from corpus.counts import Counts
from corpus.formats import warc_records, wet_lines
from corpus.formats.blocks import Texts, split_spans
from corpus.formats.members import GZIP, read_piece
from corpus.formats.records import EMPTY, RECORD_END
from corpus.formats.wet_headers import NO_HEADERS, WetHeaders, by_rule
from corpus.kernels.inflate import Inflater
from corpus.kernels.wet_heads import BLOCK, DATE, DIGEST, HAS_LANGUAGE, URL, spans, usual_records
from corpus.storage import InputFile, open_input

_AT_ONCE = 256 << 10  # bytes unpacked: records that stay in the processor's cache
_MAX_RECORDS = 1_000
_LARGEST = 8 << 20  # packed or not: longer than any record of Common Crawl, which cuts pages


class Pages(NamedTuple):
    """Records of WARC-Type `conversion` in file order: what is known of each, and its text."""

    origins: list[str]  # [N] file#byte offset, as of `records.RawRecord`
    headers: list[pa.StringArray]  # [N] URLs, dates, digests
    texts: Texts


@dataclass(frozen=True)
class Rules:
    """The switches of `corpus.sources.wet.WetConfig`."""

    by_length: bool  # records are told by their stated lengths, not by lines
    by_position: bool  # headers are found by position, not by name
    one_stays: bool  # of a text's blank last lines, where it is a single one
    min_chars: int


def read_members(
    file: InputFile, rules: Rules, counts: Counts
) -> Generator[Pages, None, int | None]:
    """Yields a gzip file's records, those of some 256 KiB unpacked at a time, at most 1,000.

    Returns where another reader is to go on: at a whole member, or the file's start, before what
    is damaged, cut, larger than 8 MiB or not just one record. None at the file's end. Counts
    `files` and `bytes_in` where it yields any, and what it yields and skips as that reader would.
    """
    with open_input(file.uri) as stream:
        if stream.read_at(len(GZIP), 0) != GZIP:
            return 0
        inflater, target = Inflater(), np.empty(2 * _LARGEST, np.uint8)
        begin, position = 0, 0  # of what has been read, and of the first member to be given out
        source = np.frombuffer(read_piece(stream, file.uri, begin), np.uint8)
        most = False  # what has been read is as much as ever is
        while True:
            packed, starts = inflater.members(
                source[position - begin :], target, _AT_ONCE, _MAX_RECORDS + 1
            )
            offsets = (position + packed).tolist()
            complete = offsets[-1] == file.size
            if len(offsets) < 3 and not complete:
                if most and begin == position:
                    return position
                most, begin = begin == position, position
                size = 2 * _LARGEST if most else None
                source = np.frombuffer(read_piece(stream, file.uri, begin, size), np.uint8)
                continue
            # the last but at the end stays: another reader may have to see it before what follows
            num_given = len(offsets) - 1 if complete else len(offsets) - 2
            pages = _pages(file, offsets, target[: starts[-1]], starts, num_given, rules, counts)
            if pages is None:
                return position
            yield pages
            if complete:
                return None
            position = offsets[num_given]


def _pages(
    file: InputFile,
    offsets: list[int],
    data: np.ndarray,
    starts: np.ndarray,
    num_given: int,
    rules: Rules,
    counts: Counts,
) -> Pages | None:
    """Of the first so many members; member n is at `offsets[n]` in the file, `starts[n]` in data.

    None where any, given or not, is not just one record.
    """
    data.flags.writeable = False  # as the compiled code is for that of other readers
    rows = usual_records(data, starts)
    others = _others(data, starts, np.flatnonzero(rows[:, BLOCK] < 0), rules)
    if others is None:
        return None
    blocks, ends = rows[:, BLOCK].copy(), starts[1:]
    blocks[num_given:] = -1
    unlocated = (blocks >= 0) & (rows[:, HAS_LANGUAGE] > 0) & rules.by_position
    for at, (headers, block) in others.items():
        if at < num_given:
            blocks[at], unlocated[at] = int(starts[at]) + block, headers is None
    empty = (blocks >= 0) & (blocks + len(RECORD_END) * rules.by_length == ends)
    kept = np.flatnonzero((blocks >= 0) & ~empty & ~unlocated)
    texts = split_spans(
        data.data, blocks[kept], ends[kept], one_stays=rules.one_stays, min_chars=rules.min_chars
    )
    # to a reader by lines the mark begins a record, in a text that is lost to its headers too
    quoted = not rules.by_length and (texts.marked or _any_mark(data, blocks, ends, unlocated))
    if quoted or (empty & unlocated).any():  # the readers differ in what they call the second
        return None
    if offsets[0] == 0:
        counts.add("files")
        counts.add("bytes_in", file.size)
    origins = [f"{file.name}#{offset}" for offset in offsets]
    counts.add("records", int((blocks >= 0).sum()))
    for reason, records in ((NO_HEADERS[rules.by_position], unlocated), (EMPTY, empty)):
        for at in np.flatnonzero(records).tolist():
            counts.skip(reason, origins[at])
    slow = [others[at][0] for at in kept.tolist() if at in others]
    return Pages([origins[at] for at in kept.tolist()], _headers(data, rows[kept], slow), texts)


def _any_mark(data: np.ndarray, blocks: np.ndarray, ends: np.ndarray, chosen: np.ndarray) -> bool:
    """Whether in any of the chosen blocks the mark stands, be it a line of its own or not."""
    chosen_spans = zip(blocks[chosen].tolist(), ends[chosen].tolist(), strict=True)
    return any(data[begin:end].tobytes().find(wet_lines.MARK) >= 0 for begin, end in chosen_spans)


def _others(
    data: np.ndarray, starts: np.ndarray, places: np.ndarray, rules: Rules
) -> dict[int, tuple[WetHeaders | None, int]] | None:
    """Of records with unusual heads, and of WARC-Type `conversion`: headers and block's place.

    None where a member is not just one record.
    """
    only_record = warc_records.only_record if rules.by_length else wet_lines.only_record
    found = {}
    for at in places.tolist():
        record = only_record(data[starts[at] : starts[at + 1]].tobytes())
        if record is None:
            return None
        kind, headers = by_rule(record[0], rules.by_position)
        if kind == "conversion":
            found[at] = headers, record[1]
    return found


def _headers(
    data: np.ndarray, rows: np.ndarray, others: list[WetHeaders | None]
) -> list[pa.StringArray]:
    """URLs, dates and digests of records: of usual heads from data, the others in their places."""
    usual = rows[:, BLOCK] >= 0
    columns = []
    for number, column in enumerate((URL, DATE, DIGEST)):
        joined, offsets = spans(data, rows[usual, column], rows[usual, column + 1])
        buffers = pa.py_buffer(offsets), pa.py_buffer(joined)
        columns.append(pa.StringArray.from_buffers(len(offsets) - 1, *buffers))
        if others:
            values = pa.array([headers and headers[number] for headers in others], pa.string())
            order = np.argsort(np.concatenate([np.flatnonzero(usual), np.flatnonzero(~usual)]))
            columns[-1] = pa.concat_arrays([columns[-1], values]).take(pa.array(order))
    return columns
