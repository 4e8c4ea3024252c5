"""Finds what CCNet takes from the heads of WET records, where they are as Common Crawl writes them.

The usual head has its headers in one order, one line each, all of printable ASCII; by names and by
places it says the same. Any other is left to the caller.
"""

import numpy as np

from corpus.kernels import kernel


def _bytes(text):
    return np.frombuffer(text, np.uint8)


_TYPE_AND_URL = _bytes(b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: ")
_DATE = _bytes(b"WARC-Date: ")
_RECORD_ID = _bytes(b"WARC-Record-ID: ")
_REFERS_TO = _bytes(b"WARC-Refers-To: ")
_DIGEST = _bytes(b"WARC-Block-Digest: ")
_LANGUAGE = _bytes(b"WARC-Identified-Content-Language: ")
_CONTENT_TYPE = _bytes(b"Content-Type: ")
_LENGTH = _bytes(b"Content-Length: ")
_LINE_END = _bytes(b"\r\n")
_RECORD_END = _bytes(b"\r\n\r\n")
_MOST_DIGITS, _TOO_MUCH = 9, 1 << 40
_LONGEST_VALUE = 16 << 10  # bytes: of lines of some 32 KiB FastWARC makes nothing
_RETURN, _NEWLINE, _SPACE, _TILDE = 0x0D, 0x0A, 0x20, 0x7E
_LESS_THAN, _ZERO, _NINE = 0x3C, 0x30, 0x39

URL, DATE, DIGEST, BLOCK, HAS_LANGUAGE = 0, 2, 4, 6, 7  # columns of what is found
_COLUMNS = 8


@kernel
def _after(data, at, end, text):
    """Where a text that stands at a position ends; -1 where it does not stand there."""
    if at < 0 or end - at < text.size:
        return -1
    for place in range(text.size):
        if data[at + place] != text[place]:
            return -1
    return at + text.size


@kernel
def _value_end(data, at, end, first):
    """Where a value of characters from `first` to `~` ends, two bytes before the next line; or -1.

    A value is not empty, not overlong, and neither begins nor ends with a space.
    """
    if at < 0:
        return -1
    stop, end = at, min(end, at + _LONGEST_VALUE)
    while stop < end and first <= data[stop] <= _TILDE:
        stop += 1
    if stop == at or data[at] == _SPACE or data[stop - 1] == _SPACE or end - stop < 2:
        return -1
    return stop if data[stop] == _RETURN and data[stop + 1] == _NEWLINE else -1


@kernel
def _line(data, at, end, name, first):
    """Where a header's value begins and ends, and the next line begins; -1 where there is none."""
    start = _after(data, at, end, name)
    stop = _value_end(data, start, end, first)
    return start, stop, stop + 2 if stop >= 0 else -1


@kernel
def _number(data, start, end):
    """What the digits say; too much for any record where there are none or something else."""
    if end - start > _MOST_DIGITS:
        return _TOO_MUCH
    number = 0
    for place in range(start, end):
        if data[place] > _NINE:
            return _TOO_MUCH
        number = number * 10 + int(data[place]) - _ZERO
    return number


@kernel
def usual_records(data, starts):
    """What the heads say of records that begin at `starts[n]` and end where the next one begins.

    `data` [bytes] uint8, `starts` [N + 1] int64. Returns [N, 8] int64, by the columns named above:
    where URL, date and digest begin and end in `data`, where the block begins, and whether the
    head states a language. The block is -1, and the rest says nothing, where the head is not a
    usual one, or where what follows is not a block of the stated length and two line ends.
    """
    found = np.full((starts.size - 1, _COLUMNS), -1, np.int64)
    for record in range(starts.size - 1):
        row, end = found[record], starts[record + 1]
        url = _after(data, starts[record], end, _TYPE_AND_URL)
        stop = _value_end(data, url, end, _SPACE + 1)
        if stop < 0 or data[url] == _LESS_THAN:
            continue
        row[URL], row[URL + 1] = url, stop
        row[DATE], row[DATE + 1], at = _line(data, stop + 2, end, _DATE, _SPACE + 1)
        at = _line(data, at, end, _RECORD_ID, _SPACE)[2]
        at = _line(data, at, end, _REFERS_TO, _SPACE)[2]
        row[DIGEST], row[DIGEST + 1], at = _line(data, at, end, _DIGEST, _SPACE + 1)
        with_language = _line(data, at, end, _LANGUAGE, _SPACE)[2]
        row[HAS_LANGUAGE] = with_language >= 0
        at = with_language if with_language >= 0 else at
        at = _line(data, at, end, _CONTENT_TYPE, _SPACE)[2]
        digits, stop, at = _line(data, at, end, _LENGTH, _ZERO)
        block = _after(data, at, end, _LINE_END)
        if block < 0 or _after(data, end - _RECORD_END.size, end, _RECORD_END) < 0:
            continue
        if block + _number(data, digits, stop) + _RECORD_END.size == end:
            row[BLOCK] = block
    return found


@kernel
def spans(data, starts, ends):
    """The bytes from `starts[n]` to `ends[n]` ([N] int64) one after another, uint8, and their ends.

    The ends are [N + 1] int32, the first 0.
    """
    offsets = np.zeros(starts.size + 1, np.int32)
    for span in range(starts.size):
        offsets[span + 1] = offsets[span] + ends[span] - starts[span]
    joined = np.empty(offsets[-1], np.uint8)
    for span in range(starts.size):
        base = offsets[span] - starts[span]
        for place in range(starts[span], ends[span]):
            joined[base + place] = data[place]
    return joined, offsets
