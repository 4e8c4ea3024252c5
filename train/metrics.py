"""metrics.jsonl: a JSON object a line, for each step of a run exactly once, and for each event.

A run that was killed after its last checkpoint repeats some steps when it resumes; their first
rows are dropped then, so the file always tells the story of the model that exists. The time that
the dropped steps took was spent all the same: an event `undone` keeps it. Events of batches that
are left out from then on stay as well.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any, TextIO

from corpus.on_disk import rename


class MetricsLog:
    """Appends rows; each is in the file when `write` returns, for those who watch it, and stays
    there if the process is killed. A power cut may take those since the last `sync`."""

    def __init__(self, path: Path, resumed_step: int, skipped: Collection[int] = ()):
        """Opens the file and drops rows of steps after `resumed_step` (0: a new run), but for the
        events of batches among those (from 0) that are left out. `damaged`: the numbers (from 1)
        of lines that were no rows, and are dropped too."""
        path.parent.mkdir(parents=True, exist_ok=True)
        parsed = _parsed(path)
        found = [row for row in parsed if row is not None]
        self.damaged = [number for number, row in enumerate(parsed, 1) if row is None]
        out = {batch + 1 for batch in skipped}
        rows = [row for row in found if row["step"] <= resumed_step or _is_in_force(row, out)]
        rows += _undone(found, resumed_step)
        partial = path.with_name(path.name + ".partial")
        with partial.open("w", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
        rename(str(partial), str(path))
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Waits until all rows are on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> list[dict[str, Any]]:
    """A row a step; lines spoilt or cut off are left out; [] where there is no file."""
    return [row for row in _rows(path) if "event" not in row]


def events(path: Path) -> list[dict[str, Any]]:
    """What happened between the steps, {"event": name, "step": …}, in the order of writing."""
    return [row for row in _rows(path) if "event" in row]


def seconds(rows: list[dict[str, Any]]) -> float:
    """The time of a file's rows, in its order: steps, evaluations, saves, and what was undone."""
    total, before = 0.0, 0
    for row in rows:
        if "tokens_per_s" in row:
            total += (row["tokens"] - before) / row["tokens_per_s"]
            before = row["tokens"]
        total += row.get("evaluate_s", 0.0) + row.get("save_s", 0.0)
        if row.get("event") == "undone":
            total += row["seconds"]
    return total


def _undone(rows: list[dict[str, Any]], resumed_step: int) -> list[dict[str, Any]]:
    kept = [row for row in rows if row["step"] <= resumed_step]
    dropped = [row for row in rows if row["step"] > resumed_step]
    spent = seconds(rows) - seconds(kept)
    if spent <= 0:
        return []
    steps = sum(row.get("steps", 0) if "event" in row else 1 for row in dropped)
    line = f"undone: {steps} steps after step {resumed_step}, of {spent:.1f} s"
    undone = {"event": "undone", "step": resumed_step, "steps": steps, "seconds": spent}
    return [{**undone, "line": line}]


def rows_and_events(path: Path) -> list[dict[str, Any]]:
    """Both, in the order of writing."""
    return _rows(path)


def _is_in_force(row: dict[str, Any], left_out: set[int]) -> bool:
    return bool(row.get("left_out")) and left_out.issuperset(row["left_out"])


def _rows(path: Path) -> list[dict[str, Any]]:
    return [row for row in _parsed(path) if row is not None]


def _parsed(path: Path) -> list[dict[str, Any] | None]:
    """A row a line, None for one that a power cut has spoilt; one that was cut off is none."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")[:-1]
    return [_row(line) for line in lines]


def _row(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("step"), int) else None
