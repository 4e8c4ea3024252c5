"""The report's sections on a training's speed: tokens and MFU by step, and where the time went."""

import statistics
from collections.abc import Sequence

from jobs.report.charts import Series, line_chart, smoothed, stacked_chart, thinned
from jobs.report.data import Run
from jobs.report.markup import Html, absent, cards, count, duration, element, join, share, table
from jobs.report.training_events import marks

# Of a step, in the order of the stack; the fields of metrics.jsonl are these with `_s`.
_PARTS = {
    "forward": ("forward", 1),
    "backward": ("backward", 7),
    "communication": ("communication not hidden", 5),
    "optimizer": ("optimizer", 3),
    "data_wait": ("wait for data", 2),
    "evaluate": ("evaluation", 4),
    "save": ("saving", 8),
    "other": ("everything else", 6),
}
_CONVENTIONS = {
    "full": ("6N + 12·L·d·s", 6, "dashed"),
    "causal": ("causal attention", 1, ""),
    "six_n": ("6N", 2, "dashed"),
}
_BINS = 120  # of the stack


def pace(run: Run) -> Html:
    """Tokens a second and, where the device's peak is known, MFU."""
    rows = run.training.rows
    if not rows:
        return absent("Not trained yet.")
    half = max(len(rows) // 80, 1)
    speeds = [(row["step"], row["tokens_per_s"]) for row in rows]
    series = [
        Series("each step", thinned(speeds), 1, "faint"),
        Series(f"mean of {2 * half + 1} steps", thinned(smoothed(speeds, half)), 1),
    ]
    happened = marks(run, "resume", "rollback")
    parts = [_figures(run)]
    parts.append(line_chart(series, "step", "tokens/s", "Tokens a second", events=happened))
    with_mfu = [row for row in rows if "mfu" in row]
    if with_mfu:
        series = []
        for key, (name, tone, look) in _CONVENTIONS.items():
            points = [(row["step"], 100 * row["mfu"][key]) for row in with_mfu]
            series.append(Series(name, thinned(smoothed(points, half)), tone, look))
        title = "Model FLOPs utilisation, by convention"
        parts.append(line_chart(series, "step", "MFU, %", title, events=happened))
    else:
        said = "No MFU: the device's peak is not known (train.peak_tflops gives it)."
        parts.append(element("p", said, class_="note"))
    return join(parts)


def time_spent(run: Run) -> Html:
    """Which share of the time each part of a step took, over the run and in all."""
    rows = [row for row in run.training.rows if "other_s" in row]
    if not rows:
        return absent("No times were written.")
    totals = {part: sum(row.get(f"{part}_s", 0.0) for row in rows) for part in _PARTS}
    whole = sum(totals.values()) or 1.0
    size = -(-len(rows) // _BINS)
    bins = [rows[start : start + size] for start in range(0, len(rows), size)]
    ends = [float(run_[0]["step"] - 1) for run_ in bins] + [float(rows[-1]["step"])]
    stack = []
    for part, (name, tone) in _PARTS.items():
        if totals[part]:
            shares = [_share_of(part, some) for some in bins]
            stack.append(Series(name, list(zip(ends, shares, strict=False)), tone))
    chart = stacked_chart(stack, ends, "step", "share of the time, %", "Where the time went")
    lines = []
    for part, (name, _) in sorted(_PARTS.items(), key=lambda item: -totals[item[0]]):
        if totals[part]:
            mean = f"{1000 * totals[part] / len(rows):,.1f}"
            lines.append((name, duration(totals[part]), share(totals[part], whole), mean))
    headers = ("Part", "In all", "Share", "ms a step")
    said = f"{duration(whole)} in {count(len(rows))} steps, on the main process's clock. What was "
    said += "repeated after an interruption is counted once. Tensor-parallel communication is "
    said += "within forward and backward."
    note = element("p", said, class_="note")
    return join([chart, table(headers, lines, "lrrr"), note])


def _figures(run: Run) -> Html:
    """The run's speed in a few large figures, of the second half of its steps."""
    rows = run.training.rows[len(run.training.rows) // 2 :]
    shown = [(count(_median(rows, "tokens_per_s")), "tokens/s, median of the second half")]
    devices = _median(rows, "tokens_per_s_per_device")
    if devices and round(devices) != round(_median(rows, "tokens_per_s")):
        shown.append((count(devices), "tokens/s a device"))
    utilised = [row["mfu"]["causal"] for row in rows if "mfu" in row]
    if utilised:
        shown.append((f"{100 * statistics.median(utilised):.1f} %", "MFU, causal attention"))
    memory = [max(row["memory"].values()) for row in rows if "memory" in row]
    if memory:
        shown.append((f"{max(memory) / 1e9:.1f} GB", "memory of the fullest process"))
    waits = [row["data_wait_s"] for row in rows if "data_wait_s" in row]
    if waits:
        spent = sum(sum(row.get(f"{part}_s", 0.0) for part in _PARTS) for row in rows)
        shown.append((share(sum(waits), spent), "of the time waited for data"))
    return cards(shown)


def _median(rows: Sequence[dict], name: str) -> float:
    return statistics.median([row[name] for row in rows if name in row] or [0.0])


def _share_of(part: str, rows: Sequence[dict]) -> float:
    spent = sum(row.get(f"{name}_s", 0.0) for row in rows for name in _PARTS)
    return 100 * sum(row.get(f"{part}_s", 0.0) for row in rows) / (spent or 1.0)
