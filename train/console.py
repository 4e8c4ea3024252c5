"""What a person sees of a run: a live line in a terminal, a line now and then elsewhere.

The speed told is that of the last `log_interval` steps together; metrics.jsonl has each step's.
"""

import sys
from collections import deque
from statistics import harmonic_mean
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

_STEP = ("data_wait_s", "forward_s", "backward_s", "communication_s", "optimizer_s", "other_s")
_WAITS = 0.01  # from this share of a step on, the wait for data is worth a word


class Console:
    """Shows the rows of the metrics; silent on all processes but the main one."""

    def __init__(self, steps: int, log_interval: int, is_main: bool):
        self._steps, self._log_interval, self._is_main = steps, log_interval, is_main
        self._rates: deque[float] = deque(maxlen=log_interval)
        self._bar: Progress | None = None
        if is_main and sys.stdout.isatty():
            self._bar = Progress(
                TextColumn("step"),
                MofNCompleteColumn(),
                BarColumn(bar_width=16),
                TextColumn("{task.description}"),
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=steps)

    def say(self, line: str) -> None:
        if not self._is_main:
            return
        if self._bar:
            self._bar.console.print(escape(line), highlight=False)
        else:
            print(line, flush=True)

    def show(self, row: dict[str, Any]) -> None:
        """A step's row: to the bar always, as a line where it is due or was evaluated. An event's:
        the line it brings, if any."""
        if "event" in row:
            if "line" in row:
                self.say(row["line"])
            return
        self._rates.append(row["tokens_per_s"])
        parts = summary(row, harmonic_mean(self._rates))
        if self._bar:
            self._bar.update(self._task, completed=row["step"], description="  ".join(parts))
        bits = row.get("validation_bits_per_byte")
        due = row["step"] % self._log_interval == 0 or row["step"] in (1, self._steps)
        if bits or (due and not self._bar):
            parts += [f"{source} {value:.3f} bits/byte" for source, value in (bits or {}).items()]
            self.say("  ".join([f"step {row['step']}/{self._steps}", *parts]))

    def close(self) -> None:
        if self._bar:
            self._bar.stop()


def summary(row: dict[str, Any], rate: float) -> list[str]:
    """What of a step's row is worth a glance: loss, speed, MFU, memory, time to finish.

    rate: the tokens a second to tell, with their MFU, in the place of the one step's.
    """
    parts = [f"loss {row['loss']:.3f}", f"{rate:,.0f} tokens/s"]
    if "mfu" in row:
        parts.append(f"MFU {100 * row['mfu']['causal'] * rate / row['tokens_per_s']:.1f} %")
    if "memory" in row:
        parts.append(f"{max(row['memory'].values()) / 1e9:.1f} GB")
    spent = sum(row.get(name, 0.0) for name in _STEP)
    if row.get("data_wait_s", 0.0) > _WAITS * spent:
        parts.append(f"waits for data {100 * row['data_wait_s'] / spent:.0f} %")
    if row.get("eta_s"):
        parts.append(f"{duration(row['eta_s'])} left")
    return parts


def duration(seconds: float) -> str:
    """A length of time in its two largest units: 3 d 4 h, 2 h 05 min, 1 min 20 s, 12 s."""
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days:,} d {hours} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
