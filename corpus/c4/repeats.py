"""What C4 removes as repeated over the whole set, from pages that its rules have cleaned.

`paper`: "all but one of any three-sentence span occurring more than once in the data set". A span
is three sentences of a page that follow one another, over its line ends too; spans overlap. An
occurrence that is not the one to stay goes with all of its sentences, those that it shares with
other spans as well. `tfds`: a line that is repeated stays in one page, at its first place there.

Of the occurrences that one stays which is in the page of the smallest doc_id, and first there. So
of each sentence, or line, that goes, one that is like it and stands before it in that order stays.
Two are alike when they are so stripped and in small letters. A page that has too few sentences left
is dropped after that, with what it kept for others, as TFDS does.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.c4.pages import chosen_lines
from corpus.c4.rules import FEW_LEFT, KEPT, Rules
from corpus.counts import Counts
from corpus.dedup.characters import lower_table, strip_and_lower
from corpus.dedup.lines import SeenLines, form_hash
from corpus.kernels.c4_spans import (
    count_sentences,
    hash_spans,
    join_pieces,
    keep_pieces,
    split_sentences,
)
from corpus.kernels.lines import count_lines, hash_pieces, split_lines
from corpus.ragged import utf8_bytes
from corpus.schema import CLEANED


@dataclass(frozen=True)
class Pieces:
    """The sentences or lines of texts, and the spans of them that are compared.

    P pieces of N texts, each `data[starts:stops]` in the line `lines`; `text_pieces`, `text_lines`
    and `text_spans` [N + 1] say with which of them each text begins.
    """

    data: np.ndarray
    starts: np.ndarray
    stops: np.ndarray
    lines: np.ndarray
    text_pieces: np.ndarray
    text_lines: np.ndarray
    hashes: np.ndarray  # [S] uint64 of the spans
    text_spans: np.ndarray


def split(texts: pa.Array, span_sentences: int) -> Pieces:
    """Cuts cleaned texts as a preset's `span_sentences` says."""
    data, offsets = utf8_bytes(texts)
    text_lines = count_lines(data, offsets)
    starts, stops = split_lines(data, offsets, text_lines)
    lines, text_pieces = np.arange(len(starts)), text_lines
    if span_sentences:
        starts, stops, lines, text_pieces = split_sentences(data, starts, stops, text_lines)
    hashes, in_context = hash_pieces(data, starts, stops, lower_table())
    for piece in np.flatnonzero(in_context).tolist():
        raw = data[starts[piece] : stops[piece]].tobytes()
        hashes[piece] = form_hash(strip_and_lower(raw.decode("utf-8", "surrogatepass")))
    spans, text_spans = hash_spans(hashes, text_pieces, span_sentences or 1)
    return Pieces(data, starts, stops, lines, text_pieces, text_lines, spans, text_spans)


def remove_repeats(
    batch: pa.RecordBatch, part: np.ndarray, seen: SeenLines, rules: Rules, counts: Counts
) -> pa.RecordBatch:
    """A batch of CLEANED without what other pages, or places, of its set keep; rows stay in order.

    `part` [N] bool: the pages that are compared; the others are as they were. So is the text of a
    page that is dropped, whose `c4` says so.
    """
    pages = batch.filter(pa.array(part))
    if not pages.num_rows:
        return batch
    pieces = split(pages.column("text"), rules.span_sentences)
    kept_spans = seen.kept(pieces.hashes, pieces.text_spans, pages.column("doc_id"))
    kept = keep_pieces(kept_spans, pieces.text_spans, pieces.text_pieces, rules.span_sentences or 1)
    out, offsets, line_ids, id_offsets, sentences = join_pieces(
        pieces.data,
        pieces.starts,
        pieces.stops,
        pieces.lines,
        pieces.text_pieces,
        pieces.text_lines,
        kept,
    )
    if not rules.span_sentences:  # TFDS looks at what is left as one text
        sentences = count_sentences(out, offsets)
    stays = sentences >= rules.min_sentences
    unit = "sentences" if rules.span_sentences else "lines"
    counts.add(f"{unit}_in", len(kept))
    counts.add(f"{unit}_out", int(kept.sum()))
    counts.add("pages_in", len(stays))
    counts.add(f"pages: {FEW_LEFT}", int(len(stays) - stays.sum()))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(out)]
    left = pa.Array.from_buffers(pa.large_string(), len(stays), buffers)
    chosen: list[np.ndarray | None] = [None] * batch.num_rows
    for row, page in zip(np.flatnonzero(part)[stays].tolist(), np.flatnonzero(stays), strict=True):
        chosen[row] = line_ids[id_offsets[page] : id_offsets[page + 1]]
    texts = pc.if_else(stays, left, pages.column("text"))
    verdicts = pc.if_else(stays, KEPT, FEW_LEFT)
    new = {
        "text": pc.replace_with_mask(batch.column("text"), part, texts),
        "line_ids": chosen_lines(batch.column("line_ids"), chosen),
        "c4": pc.replace_with_mask(batch.column("c4"), part, verdicts),
    }
    columns = [new[f.name] if f.name in new else batch.column(f.name) for f in CLEANED]
    return pa.RecordBatch.from_arrays(columns, schema=CLEANED)
