"""What a person sees of `altiplano why-token`: a table for each sequence of a step."""

import sys
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from corpus.storage import base_name
from jobs.report.markup import visible
from jobs.report.step_documents import Answer, Piece, Sample

_PIPE_WIDTH = 200  # characters, where no terminal says how many it has
_COLUMNS = ("tokens", "of document", "source", "language", "perplexity", "words", "verdict")


def show(answer: Answer) -> None:
    """Prints an answer to stdout."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    who = "" if answer.rank is None else f", rank {answer.rank} of {answer.ranks}"
    number = len(answer.samples)
    console.print(
        Text(
            f"step {answer.step} of {answer.steps}{who}: {number} sequences of {answer.tokens} "
            "tokens",
            "bold",
        )
    )
    if answer.without_tables:
        console.print(Text(f"documents by number alone: {answer.without_tables}", "yellow"))
    for sample in answer.samples:
        console.print()
        console.print(_table(sample))


def _table(sample: Sample) -> Table:
    table = Table(box=None, pad_edge=False, title_justify="left", title_style="cyan")
    table.title = f"sequence {sample.row}, drawn from {sample.drawn_from}"
    for name in _COLUMNS:
        table.add_column(name, no_wrap=True, style="" if name == "source" else None)
    table.add_column("record", overflow="fold")
    for piece in sample.pieces:
        table.add_row(*_cells(piece), Text(_record(piece)))
    return table


def _cells(piece: Piece) -> list[Text]:
    ledger, decision = piece.ledger or {}, piece.decision or {}
    verdict = ""
    if decision:
        verdict = f"kept, {decision['bucket']}" if decision["keep"] else f"by {decision['rule']}"
    return [
        Text(f"{piece.at[0]}..{piece.at[1] - 1}"),
        Text(f"{piece.tokens[0]}..{piece.tokens[1] - 1} of {piece.of_tokens}"),
        Text(piece.source or ""),
        Text(_joined(ledger.get("language"), ledger.get("language_score"))),
        Text(_joined(ledger.get("perplexity"))),
        Text(_joined(ledger.get("num_words"))),
        Text(verdict),
    ]


def _record(piece: Piece) -> str:
    record = piece.record or {}
    named = [record[name] for name in ("url", "origin") if record.get(name)]
    where = f"doc_id {piece.doc_id}, document {piece.document} of {base_name(piece.shard)}"
    return visible("  ".join([*named, where]))


def _joined(*values: Any) -> str:
    return " ".join(
        f"{value:,}" if isinstance(value, int) else f"{value}"
        for value in values
        if value is not None
    )
