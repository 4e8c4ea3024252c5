"""A few documents to look at for each rule: the same ones for any layout of the same corpus.

Those with the least keyed hash of their id are taken, so they are a fair sample and not the first
pages of the first file.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from corpus import keyed
from corpus.batches import read_table, unit_name
from corpus.manifest import Manifest
from jobs.report.lookup import find_rows, path_of, read_rows

EXAMPLES_A_RULE = 3
EXCERPT_CHARS = 700
_SHOWN = ("url", "origin", "title", "license", "text")
_MEASURED = ("language", "language_score", "perplexity")
_DECIDED = ("bucket", "value", "threshold")
_KEPT = ""  # no rule has this name


class _Draw(NamedTuple):
    lot: float
    unit: str
    doc_id: int


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
    for file in decisions.files:
        table = read_table(decisions.path(file), ["doc_id", "rule"])
        ids = table.column("doc_id").to_numpy()
        draws = keyed.uniform(ids, seed, "report examples")
        rules = pc.fill_null(table.column("rule"), _KEPT).to_numpy(zero_copy_only=False)
        order = np.argsort(draws)
        for rule in np.unique(rules):
            first = order[rules[order] == rule][:EXAMPLES_A_RULE]
            drawn = [_Draw(draws[row], unit_name(file), int(ids[row])) for row in first]
            chosen[rule] = sorted(chosen.get(rule, []) + drawn)[:EXAMPLES_A_RULE]
    examples: dict[str | None, list[Example]] = {}
    for rule, best in chosen.items():
        read = [_read(text, ledger, decisions, draw) for draw in best]
        examples[rule or None] = [example for example in read if example is not None]
    return examples


def _read(text: Manifest, ledger: Manifest, decisions: Manifest, draw: _Draw) -> Example | None:
    """The drawn document; None where a killed build left its text and its decision out of step."""
    record = _row(text, draw, _SHOWN)
    measured = _row(ledger, draw, _MEASURED)
    decision = _row(decisions, draw, _DECIDED)
    if record is None or measured is None or decision is None:
        return None
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


def _row(stage: Manifest, draw: _Draw, columns: tuple[str, ...]) -> dict[str, Any] | None:
    path = path_of(stage, draw.unit)
    rows = find_rows(path, "doc_id", [draw.doc_id]) if path else {}
    return read_rows(path, list(rows)[:1], columns)[0] if path and rows else None
