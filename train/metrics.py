"""metrics.jsonl: a JSON object a line, for each step of a run exactly once, and for each event.

A run that was killed after its last checkpoint repeats some steps when it resumes; their first
rows are dropped then, so the file always tells the story of the model that exists.
"""

import json
import os
from pathlib import Path
from typing import Any, TextIO


class MetricsLog:
    """Appends rows; each is on disk when `write` returns, for those who watch the file."""

    def __init__(self, path: Path, resumed_step: int):
        """Opens the file and drops rows of steps after `resumed_step` (0: a new run)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [row for row in _rows(path) if row["step"] <= resumed_step]
        partial = path.with_name(path.name + ".partial")
        partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        os.replace(partial, path)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def write(self, row: dict[str, Any]) -> None:
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def read(path: Path) -> list[dict[str, Any]]:
    """A row a step; a last line cut off by a kill is left out; [] where there is no file."""
    return [row for row in _rows(path) if "event" not in row]


def events(path: Path) -> list[dict[str, Any]]:
    """What happened between the steps, {"event": name, "step": …}, in the order of writing."""
    return [row for row in _rows(path) if "event" in row]


def _rows(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]
