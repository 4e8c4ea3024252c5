"""Which lines of texts stay, and the texts made of them; ragged as in corpus.kernels.lines."""

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.lines import is_blank

_NEWLINE = 10


@kernel
def directory(ascending, bits):
    """[2 ** bits + 1] int64: where the hashes begin that have each value of their top bits."""
    starts = np.zeros((1 << bits) + 1, np.int64)
    shift = np.uint64(64 - bits)
    for line_hash in ascending:
        starts[np.int64(line_hash >> shift) + 1] += 1
    for top in range(1 << bits):
        starts[top + 1] += starts[top]
    return starts


@kernel
def keep_lines(hashes, text_lines, doc_ids, seen, starts_of, keepers):
    """[L] bool: the lines that stay by their hashes alone.

    `seen` [S] uint64 ascending, with its `directory`, are lost; where `keepers` [S] uint64 are
    given, the document of that id keeps the line. Of a line's copies in one text the first stays.
    """
    bits = 0
    while (1 << bits) + 1 < len(starts_of):
        bits += 1
    shift = np.uint64(64 - bits)
    kept = np.zeros(len(hashes), np.bool_)
    most = 0
    for text in range(len(text_lines) - 1):
        most = max(most, text_lines[text + 1] - text_lines[text])
    size = 16
    while size < 2 * most:
        size *= 2
    known = np.empty(size, np.uint64)
    known_to = np.zeros(size, np.int64)  # the text that filled a slot, from 1
    for text in range(len(text_lines) - 1):
        for line in range(text_lines[text], text_lines[text + 1]):
            line_hash = hashes[line]
            slot = np.int64(line_hash & np.uint64(size - 1))
            while known_to[slot] == text + 1 and known[slot] != line_hash:
                slot = (slot + 1) & (size - 1)
            if known_to[slot] == text + 1:
                continue
            known_to[slot] = text + 1
            known[slot] = line_hash
            place = _place(seen, starts_of, line_hash, shift)
            lost = place >= 0
            if lost and len(keepers):
                lost = keepers[place] != doc_ids[text]
            kept[line] = not lost
    return kept


@kernel
def spare_blank(kept, hashes, blank_hash, data, offsets, text_lines, starts, table):
    """Sets in `kept` all lines of white space alone."""
    for text in range(len(text_lines) - 1):
        for line in range(text_lines[text], text_lines[text + 1]):
            if hashes[line] == blank_hash:
                stop = _stop(offsets, text_lines, starts, text, line)
                kept[line] |= is_blank(data, starts[line], stop, table)


@kernel
def join_lines(data, offsets, text_lines, starts, kept, table):
    """Makes texts of the lines kept, joined by newlines; one of white space alone is left out.

    Returns stays [N] bool; of the S texts that stay: bytes uint8, offsets [S + 1] int64, line_ids
    int32 (numbers within the text) and their offsets [S + 1] int64; characters [N, 2] int64 before
    and after.
    """
    texts = len(offsets) - 1
    stays = np.zeros(texts, np.bool_)
    characters = np.zeros((texts, 2), np.int64)
    out = np.empty(offsets[-1] - offsets[0], np.uint8)
    out_offsets = np.zeros(texts + 1, np.int64)
    line_ids = np.empty(len(kept), np.int32)
    id_offsets = np.zeros(texts + 1, np.int64)
    at, ids, rows = 0, 0, 0
    for text in range(texts):
        characters[text, 0] = _characters(data, offsets[text], offsets[text + 1])
        solid = False
        line, last = text_lines[text], text_lines[text + 1]
        while line < last:
            if not kept[line]:
                line += 1
                continue
            run = line  # lines that follow one another are copied at once
            while line < last and kept[line]:
                stop = _stop(offsets, text_lines, starts, text, line)
                solid = solid or not is_blank(data, starts[line], stop, table)
                line_ids[ids] = line - text_lines[text]
                ids += 1
                line += 1
            if ids > id_offsets[rows] + line - run:
                out[at] = _NEWLINE
                at += 1
            size = stop - starts[run]
            out[at : at + size] = data[starts[run] : stop]
            at += size
        if solid:
            characters[text, 1] = _characters(out, out_offsets[rows], at)
            stays[text] = True
            rows += 1
            out_offsets[rows], id_offsets[rows] = at, ids
        else:
            at, ids = out_offsets[rows], id_offsets[rows]
    return (
        stays,
        out[:at],
        out_offsets[: rows + 1],
        line_ids[:ids],
        id_offsets[: rows + 1],
        characters,
    )


@kernel
def _place(seen, starts_of, line_hash, shift):
    """Where a hash stands in `seen`, or -1."""
    if len(seen) == 0:
        return -1
    top = np.int64(line_hash >> shift)
    low, high = starts_of[top], starts_of[top + 1]
    while low < high:
        middle = (low + high) // 2
        if seen[middle] < line_hash:
            low = middle + 1
        else:
            high = middle
    return low if low < starts_of[top + 1] and seen[low] == line_hash else -1


@kernel
def _stop(offsets, text_lines, starts, text, line):
    """Where a line ends, its newline left out."""
    return offsets[text + 1] if line + 1 == text_lines[text + 1] else starts[line + 1] - 1


@kernel
def _characters(data, start, stop):
    """Characters of UTF-8: its bytes that continue none."""
    count = 0
    for place in range(start, stop):
        count += data[place] & 0xC0 != 0x80
    return count
