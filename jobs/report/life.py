"""The life of one document: everything each stage of a run knows of it, joined by its id.

A stage writes a file a unit of work, under the unit's name: a document found in one file of
extracted text is in the file of the same unit of every later stage, once that has been done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from corpus import decide, schema
from corpus.batches import unit_name
from corpus.manifest import Manifest
from corpus.skip_log import find_skipped
from jobs.report import measures
from jobs.report.data import Run, SourceRun
from jobs.report.lines import LineRemoval, removal
from jobs.report.lookup import find_rows, path_of, read_rows
from tokenizer.shards import open_shard
from tokenizer.stages import corpus_source

_TWINS = ("duplicate_of", "overlap_with")


@dataclass(frozen=True)
class RuleCheck:
    """One rule held against the document."""

    label: str
    value: object
    threshold: str
    passed: bool
    decided: bool  # the first that failed


@dataclass(frozen=True)
class Cleaning:
    """What a step of C4's rules left of the page, and its verdict."""

    verdict: str
    lines: int


@dataclass(frozen=True)
class Placement:
    """Where in the shards a document landed; its tokens are [start, end) of the shard's."""

    path: str
    split: str
    document: int
    start: int
    end: int


@dataclass(frozen=True)
class Life:
    """What is known of one document, up to where it was dropped or the run stopped."""

    source: str
    record: Mapping[str, Any]  # a row of corpus.schema.DOCUMENT without its text
    num_chars: int  # as extracted
    num_lines: int
    place: str  # the Parquet file of extracted text
    row: int
    dedups: bool  # whether the source has line dedup
    lines: LineRemoval | None  # None where there is none, or it is not done yet
    deduped_away: bool
    cleaned: Cleaning | None  # by C4's rules; None where they are not asked for, or not yet
    unrepeated: Cleaning | None
    ledger: Mapping[str, Any] | None
    twins: Mapping[
        str, str
    ]  # by ledger column the URL and origin of the document that its doc_id names
    cutoff: measures.Cutoff | None
    bucket: str | None
    checks: list[RuleCheck]
    decision: Mapping[str, Any] | None
    kept_in: str | None  # the Parquet file of the corpus
    placement: Placement | None


@dataclass(frozen=True)
class Skip:
    """A record of the URL that became no document."""

    stage: str
    reason: str
    where: str


def find(run: Run, url: str) -> tuple[list[Life], list[Skip]]:
    """Every document and every skipped record of a URL, in the order of the run's files."""
    lives, skips = [], []
    for source in run.sources:
        if source.extracted is None:
            continue
        stage = source.extracted.stage
        skips += [Skip(stage, *skipped) for skipped in find_skipped(source.extracted, url)]
        for file in source.extracted.files:
            for row in find_rows(source.extracted.path(file), "url", [url]):
                lives.append(_life(run, source, unit_name(file), source.extracted.path(file), row))
    return lives, skips


def _life(run: Run, source: SourceRun, unit: str, place: str, row: int) -> Life:
    (record,) = read_rows(place, [row], schema.DOCUMENT.names)
    text = record.pop("text") or ""
    doc_id = record["doc_id"]
    dedup_done = path_of(source.deduped, unit) is not None
    deduped = _row_of(source.deduped, unit, doc_id)
    lines = None
    if dedup_done:
        kept = [] if deduped is None else deduped["line_ids"]
        lines = removal(source, unit, text, kept)
    ledger = _row_of(source.ledger, unit, doc_id)
    limits = measures.cutoffs(source.cutoffs) if source.cutoffs else {}
    decision = _row_of(source.decisions, unit, doc_id)
    return Life(
        source=source.name,
        record=record,
        num_chars=len(text),
        num_lines=text.count("\n") + 1,
        place=place,
        row=row,
        dedups=source.dedups,
        lines=lines,
        deduped_away=dedup_done and deduped is None,
        cleaned=_cleaning(source.cleaned, unit, doc_id),
        unrepeated=_cleaning(source.unrepeated, unit, doc_id),
        ledger=ledger,
        twins=_twins(source, ledger or {}),
        cutoff=limits.get(ledger["language"]) if ledger else None,
        bucket=decision["bucket"] if decision else None,
        checks=_checks(source, ledger, limits),
        decision=decision,
        kept_in=_kept_in(run, source, unit, doc_id),
        placement=_placement(run, source.name, doc_id),
    )


def _row_of(stage: Manifest | None, unit: str, doc_id: int) -> dict[str, Any] | None:
    """A document's row in a stage without its text; None where it has none there."""
    path = path_of(stage, unit)
    if path is None:
        return None
    rows = list(find_rows(path, "doc_id", [doc_id]))
    names = [*schema.DEDUPED.names, *schema.LEDGER.names, *schema.DECISION.names]
    columns = [name for name in dict.fromkeys(names) if name != "text"]
    return read_rows(path, rows[:1], columns)[0] if rows else None


def _cleaning(stage: Manifest | None, unit: str, doc_id: int) -> Cleaning | None:
    row = _row_of(stage, unit, doc_id)
    return None if row is None else Cleaning(row["c4"], len(row["line_ids"]))


def _twins(source: SourceRun, ledger: Mapping[str, Any]) -> dict[str, str]:
    """What the documents are that a ledger row says this one is a copy or a part of."""
    named = {name: ledger[name] for name in _TWINS if ledger.get(name) is not None}
    if not named or source.ledger is None:
        return {}
    places: dict[int, str] = {}
    for file in source.ledger.files:
        path = source.ledger.path(file)
        found = find_rows(path, "doc_id", named.values())
        rows = read_rows(path, list(found), ["doc_id", "url", "origin"])
        places.update((row["doc_id"], f"{row['url']} ({row['origin']})") for row in rows)
    return {name: places[doc_id] for name, doc_id in named.items() if doc_id in places}


def _checks(
    source: SourceRun, ledger: Mapping[str, Any] | None, limits: Mapping[str, measures.Cutoff]
) -> list[RuleCheck]:
    if ledger is None:
        return []
    table = pa.Table.from_pylist([dict(ledger)], schema.LEDGER)
    pairs = {language: (cutoff.head, cutoff.middle) for language, cutoff in limits.items()}
    (bucket,) = decide.buckets(table, pairs).to_pylist()
    checks: list[RuleCheck] = []
    for rule in source.rules:
        (verdict,) = decide.decide(table, pairs, [rule]).to_pylist()
        value = bucket if rule.column == "bucket" else ledger[rule.column]
        decided = not verdict["keep"] and all(check.passed for check in checks)
        checks.append(RuleCheck(rule.label, value, rule.threshold, verdict["keep"], decided))
    return checks


def _kept_in(run: Run, source: SourceRun, unit: str, doc_id: int) -> str | None:
    if run.documents is None:
        return None
    for file in run.documents.files:
        if unit_name(file) == unit and file.facts["source"] == source.name:
            path = run.documents.path(file)
            return path if find_rows(path, "doc_id", [doc_id]) else None
    return None


def _placement(run: Run, source: str, doc_id: int) -> Placement | None:
    if run.shards is None:
        return None
    for file in run.shards.files:
        if corpus_source(file) != source:
            continue
        path = run.shards.path(file)
        shard = open_shard(path)  # mapped: only the ids are read
        found = (shard.doc_ids == doc_id).nonzero()[0]
        if found.size:
            document = int(found[0])
            start, end = (int(offset) for offset in shard.offsets[document : document + 2])
            return Placement(path, file.facts["split"], document, start, end)
    return None
