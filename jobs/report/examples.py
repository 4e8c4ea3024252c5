"""A few documents to look at for each rule: the same ones for any layout of the same corpus.

Those with the least keyed hash of their id are taken, so they are a fair sample and not the first
pages of the first file.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from corpus import keyed
from corpus.batches import read_table
from corpus.manifest import Manifest
from jobs.report.lookup import read_rows

EXAMPLES_A_RULE = 3
EXCERPT_CHARS = 700
_SHOWN = ("url", "origin", "title", "license", "text")
_MEASURED = ("language", "language_score", "perplexity")
_DECIDED = ("bucket", "value", "threshold")
_KEPT = ""  # no rule has this name


class _Draw(NamedTuple):
    lot: float
    file: int  # of the stage
    row: int  # of the file


@dataclass(frozen=True)
class Example:
    """A document, what was decided on it and why."""

    url: str
    origin: str
    title: str | None
    license: str | None
    excerpt: str
    num_chars: int
    bucket: str
    value: str | None
    threshold: str | None
    language: str | None
    language_score: float | None
    perplexity: float | None


def choose(
    text: Manifest, ledger: Manifest, decisions: Manifest, seed: int
) -> dict[str | None, list[Example]]:
    """Examples by the rule that dropped them; those of None were kept."""
    chosen: dict[str, list[_Draw]] = {}
    for number, file in enumerate(decisions.files):
        table = read_table(decisions.path(file), ["doc_id", "rule"])
        draws = keyed.uniform(table.column("doc_id").to_numpy(), seed, "report examples")
        rules = pc.fill_null(table.column("rule"), _KEPT).to_numpy(zero_copy_only=False)
        order = np.argsort(draws)
        for rule in np.unique(rules):
            first = order[rules[order] == rule][:EXAMPLES_A_RULE]
            drawn = [_Draw(draws[row], number, int(row)) for row in first]
            chosen[rule] = sorted(chosen.get(rule, []) + drawn)[:EXAMPLES_A_RULE]
    return {
        (None if rule == _KEPT else rule): [_read(text, ledger, decisions, draw) for draw in draws]
        for rule, draws in chosen.items()
    }


def _read(text: Manifest, ledger: Manifest, decisions: Manifest, draw: _Draw) -> Example:
    def row(stage: Manifest, columns: tuple[str, ...]) -> dict[str, Any]:
        return read_rows(stage.path(stage.files[draw.file]), [draw.row], ("doc_id", *columns))[0]

    record, measured = row(text, _SHOWN), row(ledger, _MEASURED)
    decision = row(decisions, _DECIDED)
    assert record["doc_id"] == decision["doc_id"] == measured["doc_id"], "rows out of step"
    full = record["text"] or ""
    return Example(
        url=record["url"] or "",
        origin=record["origin"] or "",
        title=record["title"],
        license=record["license"],
        excerpt=full[:EXCERPT_CHARS] + ("…" if len(full) > EXCERPT_CHARS else ""),
        num_chars=len(full),
        **{name: decision[name] for name in _DECIDED},
        **{name: measured[name] for name in _MEASURED},
    )
