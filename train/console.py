"""What a person sees of a run: a progress bar in a terminal, a line now and then elsewhere."""

import sys
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Console:
    """Shows the rows of the metrics; silent on all processes but the main one."""

    def __init__(self, steps: int, log_interval: int, is_main: bool):
        self._steps, self._log_interval, self._is_main = steps, log_interval, is_main
        self._bar: Progress | None = None
        if is_main and sys.stdout.isatty():
            self._bar = Progress(
                TextColumn("train"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.description}"),
                TimeRemainingColumn(),
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=steps)

    def say(self, line: str) -> None:
        if not self._is_main:
            return
        if self._bar:
            self._bar.console.print(line, highlight=False)
        else:
            print(line, flush=True)

    def show(self, row: dict[str, Any]) -> None:
        """A step's row: to the bar always, as a line where it is due or was evaluated. An event's:
        the line it brings, if any."""
        if "event" in row:
            if "line" in row:
                self.say(row["line"])
            return
        loss = f"loss {row['loss']:.3f}  {row['tokens_per_s']:,.0f} tokens/s"
        if self._bar:
            self._bar.update(self._task, completed=row["step"], description=loss)
        bits = row.get("validation_bits_per_byte")
        due = row["step"] % self._log_interval == 0 or row["step"] in (1, self._steps)
        if bits or (due and not self._bar):
            held_out = "".join(f"  {k} {v:.3f} bits/byte" for k, v in (bits or {}).items())
            self.say(f"step {row['step']}/{self._steps}  {loss}{held_out}")

    def close(self) -> None:
        if self._bar:
            self._bar.stop()
