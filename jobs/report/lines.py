"""Why lines of one document were removed: in other documents too, or repeated inside this one."""

from collections.abc import Collection
from dataclasses import dataclass

from corpus.dedup.lines import document_line_hashes
from corpus.manifest import Manifest
from jobs.report.data import SourceRun
from jobs.report.lookup import find_rows

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


def removal(source: SourceRun, number: int, text: str, kept: Collection[int]) -> LineRemoval:
    """Compares an extracted text with the line numbers that stayed of it.

    `number` is the place of the document's file in every stage of its source.
    """
    lines = text.split("\n")
    stay = set(kept)
    removed = [line for line in range(len(lines)) if line not in stay]
    shown = [line for line in removed if lines[line].strip()][:SHOWN]
    hashes = document_line_hashes(text)[shown].tolist() if shown else []
    seen = _holding(source.seen_lines, [number], hashes)
    group = _group(source, number)
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


def _holding(stage: Manifest | None, numbers: Collection[int], hashes: list[int]) -> dict[int, int]:
    """How many of a stage's files, by number, hold each hash; their row groups are sorted."""
    holding: dict[int, int] = {}
    if stage is None or not hashes:
        return holding
    for number in numbers:
        path = stage.path(stage.files[number])
        for digest in set(find_rows(path, "hash", hashes).values()):
            holding[digest] = holding.get(digest, 0) + 1
    return holding


def _group(source: SourceRun, number: int) -> range:
    """The numbers of the files whose lines were compared with those of one file."""
    files = len(source.extracted.files) if source.extracted else 0
    size = (source.config.get("dedup_lines") or {}).get("group_shards", 0) or files
    start = number // size * size
    return range(start, min(start + size, files))
