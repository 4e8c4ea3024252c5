"""Spans of C4's pages that are compared over the whole set, and the pages without some of them.

A page is cut into pieces, its sentences or its lines; a span is `size` pieces that follow one
another. Ragged as in `corpus.kernels.lines`: `text_pieces` [N + 1] int64 says with which piece each
text begins, `text_spans` [N + 1] int64 with which span.
"""

import numpy as np

from corpus.kernels import kernel
from corpus.kernels.c4_sentences import next_end, num_sentences

_NEWLINE = 10
_BASE = np.uint64(0x9E3779B97F4A7C15)  # a span is a polynomial of its pieces' hashes in this


@kernel
def split_sentences(data, line_starts, line_stops, text_lines):
    """Returns starts and stops [P] int64, lines [P] int64 and text_pieces of all sentences.

    `lines` are numbers through all texts. The white space between two sentences is in neither.
    """
    pieces = 0
    for line in range(len(line_starts)):
        pieces += num_sentences(data, line_starts[line], line_stops[line])
    starts, stops = np.empty(pieces, np.int64), np.empty(pieces, np.int64)
    lines = np.empty(pieces, np.int64)
    text_pieces = np.zeros(len(text_lines), np.int64)
    piece = 0
    for text in range(len(text_lines) - 1):
        for line in range(text_lines[text], text_lines[text + 1]):
            start, end = line_starts[line], line_stops[line]
            begin = at = start
            while at >= 0:
                stop, following, at = next_end(data, start, at, end)
                starts[piece], stops[piece] = begin, stop if at >= 0 else end
                lines[piece] = line
                begin = following
                piece += 1
        text_pieces[text + 1] = piece
    return starts, stops, lines, text_pieces


@kernel
def hash_spans(hashes, text_pieces, size):
    """Returns the hashes [S] uint64 of all spans, of their pieces' ones, and text_spans."""
    text_spans = np.zeros(len(text_pieces), np.int64)
    for text in range(len(text_pieces) - 1):
        spans = max(text_pieces[text + 1] - text_pieces[text] - size + 1, 0)
        text_spans[text + 1] = text_spans[text] + spans
    out = np.empty(text_spans[-1], np.uint64)
    for text in range(len(text_pieces) - 1):
        for place in range(text_spans[text + 1] - text_spans[text]):
            state = np.uint64(0)
            for piece in range(text_pieces[text] + place, text_pieces[text] + place + size):
                state = state * _BASE + hashes[piece]
            out[text_spans[text] + place] = state
    return out, text_spans


@kernel
def keep_pieces(kept_spans, text_spans, text_pieces, size):
    """[P] bool: the pieces that no span covers but such as are kept."""
    kept = np.ones(text_pieces[-1], np.bool_)
    for text in range(len(text_pieces) - 1):
        for place in range(text_spans[text + 1] - text_spans[text]):
            if not kept_spans[text_spans[text] + place]:
                first = text_pieces[text] + place
                kept[first : first + size] = False
    return kept


@kernel
def join_pieces(data, starts, stops, lines, text_pieces, text_lines, kept):
    """Makes texts of the pieces kept; two of one line with the white space before the second.

    Returns bytes uint8, offsets [N + 1] int64; line_ids int64 (numbers within the text, of lines
    of which a piece is kept), their offsets [N + 1] int64; and pieces [N] int64 kept of each text.
    """
    texts = len(text_pieces) - 1
    room = 0
    for piece in range(len(starts)):
        room += stops[piece] - starts[piece] + 1
        if piece and lines[piece - 1] == lines[piece]:
            room += starts[piece] - stops[piece - 1]
    out = np.empty(room, np.uint8)
    offsets = np.zeros(texts + 1, np.int64)
    line_ids = np.empty(text_lines[-1], np.int64)
    id_offsets = np.zeros(texts + 1, np.int64)
    counts = np.zeros(texts, np.int64)
    at = ids = 0
    for text in range(texts):
        for piece in range(text_pieces[text], text_pieces[text + 1]):
            if not kept[piece]:
                continue
            begin = starts[piece]
            number = lines[piece] - text_lines[text]
            if ids == id_offsets[text] or line_ids[ids - 1] != number:
                if ids > id_offsets[text]:
                    out[at] = _NEWLINE
                    at += 1
                line_ids[ids] = number
                ids += 1
            else:
                begin = stops[piece - 1]
            size = stops[piece] - begin
            out[at : at + size] = data[begin : stops[piece]]
            at += size
            counts[text] += 1
        offsets[text + 1], id_offsets[text + 1] = at, ids
    return out[:at], offsets, line_ids[:ids], id_offsets, counts


@kernel
def count_sentences(data, offsets):
    """[N] int64: sentences of each text, looked for over its line ends too; of an empty one 0."""
    counts = np.zeros(len(offsets) - 1, np.int64)
    for text in range(len(offsets) - 1):
        if offsets[text + 1] > offsets[text]:
            counts[text] = num_sentences(data, offsets[text], offsets[text + 1])
    return counts
