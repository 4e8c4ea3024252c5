"""What a run lets others see of it: rows to whoever asked for them, and where its time went."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# A step's row {"step": …, "loss": …} or an event's {"event": name, "step": …}, fit for JSON.
Row = dict[str, Any]
Observer = Callable[[Row], None]


class Timers:
    """Seconds by name; what is timed twice is added up until it is taken."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self._seconds[name] = self._seconds.get(name, 0.0) + spent

    def take(self) -> dict[str, float]:
        """What was timed since the last call, as `name_s`: seconds."""
        taken, self._seconds = self._seconds, {}
        return {f"{name}_s": round(seconds, 6) for name, seconds in taken.items()}
