"""What happened to a training between its steps: marks for its charts, and a table."""

from collections.abc import Mapping
from typing import Any

from jobs.report.charts import Event
from jobs.report.data import Run
from jobs.report.markup import Html, absent, count, duration, element, join, plural, table

# Tone and height of a mark, in the order of the legend and of drawing; what is not named here is
# marked as `_OTHER`.
_KINDS = {
    "resume": (3, 1.0),
    "weights": (4, 1.0),
    "skip": (2, 1.0),
    "rollback": (8, 1.0),
    "save": (6, 0.06),
    "evaluation": (7, 0.03),
}
_OTHER = (5, 1.0)
_NAMES = {"weights": "change of weights"}
_ROWS = 200  # of the table: the last ones
_PLAIN = ("event", "step", "line")


def marks(run: Run, *kinds: str) -> list[Event]:
    """The events of a run for a chart over its steps, evaluations included; all or some kinds."""
    found = [(row["event"], row["step"], _said(row)) for row in run.training.events]
    for row in run.training.rows:
        if row.get("validation_bits_per_byte"):
            found.append(("evaluation", row["step"], f"evaluation after step {row['step']}"))
    order = [*_KINDS, *{kind for kind, _, _ in found if kind not in _KINDS}]
    found = [event for event in found if not kinds or event[0] in kinds]
    found.sort(key=lambda event: (order.index(event[0]), event[1]))
    return [
        Event(step, _NAMES.get(kind, kind), said, *_KINDS.get(kind, _OTHER))
        for kind, step, said in found
    ]


def events(run: Run) -> Html:
    """A table of what happened, saves summed up in a line of their own."""
    happened = run.training.events
    saves = [row for row in happened if row["event"] == "save"]
    others = [row for row in happened if row["event"] != "save"]
    parts: list[Html] = []
    if others:
        shown = [
            (count(row["step"]), _NAMES.get(row["event"], row["event"]), _facts(row))
            for row in others[-_ROWS:]
        ]
        parts.append(table(("After step", "Event", ""), shown, "rll"))
        if len(others) > _ROWS:
            said = f"The last {_ROWS} of {count(len(others))}; metrics.jsonl has all."
            parts.append(element("p", said, class_="note"))
    elif run.training.rows:
        parts.append(element("p", "Nothing but its steps, evaluations and saves."))
    if saves:
        waited = sum(row.get("save_s", 0.0) for row in saves)
        said = f"{plural(len(saves), 'checkpoint')} saved, the last after step "
        said += f"{count(saves[-1]['step'])}; training stood still {duration(waited)} for them."
        parts.append(element("p", said, class_="note"))
    return join(parts) if parts else absent("Not trained yet.")


def _said(row: Mapping[str, Any]) -> str:
    facts = _facts(row)
    return f"{_NAMES.get(row['event'], row['event'])} after step {row['step']}: {facts}".rstrip(
        ": "
    )


def _facts(row: Mapping[str, Any]) -> str:
    """What an event brings: its line for people, or else its fields."""
    if "line" in row:
        return str(row["line"])
    if row["event"] == "weights":
        row = row["weights"]
    return ", ".join(f"{name} {_short(value)}" for name, value in row.items() if name not in _PLAIN)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
