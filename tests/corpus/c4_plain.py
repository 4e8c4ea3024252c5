"""C4's removal of repeats as it is published, in plain Python over all pages, and pages to try."""

import pyarrow as pa

from corpus import schema
from corpus.c4.rules import FEW_LEFT, KEPT, PRESETS
from corpus.c4.sentences import count_sentences, split_sentences

Page = tuple[int, str, str]  # its key, its text, its verdict so far


def plain(pages: list[Page], preset: str) -> list[tuple[str, str, list[int]]]:
    """(verdict, text, lines that stay) of each page, by the rule as it is published."""
    rules = PRESETS[preset]
    pieces_of = [cut(text, rules.span_sentences) for _, text, _ in pages]
    size = rules.span_sentences or 1
    first: dict[tuple[str, ...], tuple[int, int]] = {}  # of a span, the occurrence that stays
    spans = []
    for page, pieces in enumerate(pieces_of):
        for at in range(len(pieces) - size + 1) if pages[page][2] == KEPT else ():
            key = tuple(text.strip().lower() for _, _, text in pieces[at : at + size])
            place = (pages[page][0], at)
            spans.append((page, at, place, key))
            first[key] = min(first.get(key, place), place)
    gone = {
        (page, at + n) for page, at, place, key in spans if first[key] != place for n in range(size)
    }
    made = []
    for page, (_, text, verdict) in enumerate(pages):
        left = [piece for at, piece in enumerate(pieces_of[page]) if (page, at) not in gone]
        by_line: dict[int, str] = {}
        for line, space, piece in left:
            by_line[line] = f"{by_line[line]}{space}{piece}" if line in by_line else piece
        joined = "\n".join(by_line.values())
        count = len(left) if rules.span_sentences else count_sentences(joined) if left else 0
        if verdict != KEPT:
            made.append((verdict, text, list(range(text.count("\n") + 1))))
        elif count < rules.min_sentences:
            made.append((FEW_LEFT, text, list(range(text.count("\n") + 1))))
        else:
            made.append((KEPT, joined, list(by_line)))
    return made


def cut(text: str, span_sentences: int) -> list[tuple[int, str, str]]:
    """(line, white space before it there, text) of the sentences, or lines, of a text."""
    lines = enumerate(text.split("\n"))
    if not span_sentences:
        return [(number, "", line) for number, line in lines]
    pieces = []
    for number, line in lines:
        end = 0
        for start, stop in split_sentences(line):
            pieces.append((number, line[end:start], line[start:stop]))
            end = stop
    return pieces


def cleaned(pages: list[Page]) -> pa.RecordBatch:
    rows = [
        {
            "doc_id": key,
            "url": f"http://a.test/{row}",
            "text": text,
            "line_ids": list(range(text.count("\n") + 1)),
            "c4": verdict,
        }
        for row, (key, text, verdict) in enumerate(pages)
    ]
    return pa.RecordBatch.from_pylist(rows, schema.CLEANED)


def of_rows(table: pa.RecordBatch | pa.Table) -> list[tuple[str, str, list[int]]]:
    columns = (table.column(name).to_pylist() for name in ("c4", "text", "line_ids"))
    return list(zip(*columns, strict=True))


A, B, C, D = "The sun rose.", "Birds sang loud!", "He woke up.", "Was it late?"
E, F, G, H = "It was not.", "So he slept.", "Then rain fell.", "All was well."


def page(*sentences: str) -> str:
    return " ".join(sentences)
