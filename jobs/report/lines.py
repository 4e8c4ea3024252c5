"""Why lines of one document were removed: in other documents too, or repeated inside this one."""

from collections.abc import Collection
from dataclasses import dataclass

from corpus.batches import unit_name
from corpus.dedup.lines import document_line_hashes
from corpus.manifest import Manifest
from jobs.report.data import SourceRun
from jobs.report.lookup import find_rows, path_of

SHOWN = 5
_MOST_SHARDS = 200  # looked through for who shares a line


@dataclass(frozen=True)
class RemovedLine:
    """A line that went. `shards` of `of_shards` of its group hold it; None where not counted."""

    number: int  # from 0, of the extracted text
    text: str
    elsewhere: bool  # in another document too; else repeated in this one
    shards: int | None
    of_shards: int


@dataclass(frozen=True)
class LineRemoval:
    """What line dedup removed of a document; `first` are the first few lines with text."""

    removed: list[int]  # line numbers from 0
    num_lines: int
    first: list[RemovedLine]


def removal(source: SourceRun, unit: str, text: str, kept: Collection[int]) -> LineRemoval:
    """Compares an extracted text of a unit with the line numbers that stayed of it."""
    lines = text.split("\n")
    stay = set(kept)
    removed = [line for line in range(len(lines)) if line not in stay]
    shown = [line for line in removed if lines[line].strip()][:SHOWN]
    hashes = document_line_hashes(text)[shown].tolist() if shown else []
    seen = _holding(source.seen_lines, [unit], hashes)
    group = _group(source, unit)
    counted = len(group) <= _MOST_SHARDS and source.line_hashes is not None
    sharing = _holding(source.line_hashes, group, hashes) if counted else {}
    first = [
        RemovedLine(
            line,
            lines[line],
            elsewhere=seen.get(digest, 0) > 0,
            shards=sharing.get(digest, 0) if counted else None,
            of_shards=len(group),
        )
        for line, digest in zip(shown, hashes, strict=True)
    ]
    return LineRemoval(removed, len(lines), first)


def _holding(stage: Manifest | None, units: Collection[str], hashes: list[int]) -> dict[int, int]:
    """How many of the units hold each hash, in a stage's files; their row groups are sorted."""
    holding: dict[int, int] = {}
    if stage is None or not hashes:
        return holding
    for unit in units:
        path = path_of(stage, unit)
        for digest in set(find_rows(path, "hash", hashes).values()) if path else ():
            holding[digest] = holding.get(digest, 0) + 1
    return holding


def _group(source: SourceRun, unit: str) -> list[str]:
    """The units whose lines were compared with those of one that has been deduplicated."""
    units = [unit_name(file) for file in source.deduped.files] if source.deduped else [unit]
    size = (source.config.get("dedup_lines") or {}).get("group_shards", 0) or len(units)
    start = units.index(unit) // size * size
    return units[start : start + size]
