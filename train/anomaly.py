"""A loss that is no number, or a spike: what is done about it, and which batches were left out.

The verdict falls before the update, from numbers that all processes have alike, so a refused batch
has changed nothing. To skip it is to take the same step on the next batch. To roll back is to load
the last checkpoint and go on from there without the batch, and if so configured without those just
before it, which may have led to the spike (PaLM, arXiv:2204.02311 section 5.1, left out some
hundred). Both are kept, at once and in checkpoints: a resumed run leaves out the same batches.
"""

import math
import statistics
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from corpus.errors import ConfigError

Action = Literal["stop", "skip", "rollback"]


@dataclass(frozen=True)
class AnomalyConfig:
    """What is done about a batch whose loss or gradient is not to be learnt from."""

    on_nan: Action = "stop"  # the loss or the gradient norm is not finite
    on_spike: Literal["ignore", "stop", "skip", "rollback"] = "ignore"
    spike_factor: float = 1.5  # a loss above so many times the median of the last `window`
    window: int = 64  # steps; a spike is told from half of them on
    max_skips: int = 20  # batches left out in the whole run; with more of them it stops
    rollback_batches: int = 1  # left out by a rollback: the bad one and those before it


def check(config: AnomalyConfig) -> None:
    """Raises ConfigError for values that cannot be used."""
    least = {"spike_factor": 1, "window": 2, "max_skips": 0, "rollback_batches": 1}
    for key, low in least.items():
        if not low <= getattr(config, key) < math.inf:
            raise ConfigError(
                f"{key}={getattr(config, key)} is out of range; choose {low} or more "
                f"(train.anomaly.{key})"
            )


def batch_of(step: int, skipped: Collection[int]) -> int:
    """The batch that step `step` takes, both counted from 0: that of its number but for skips."""
    for left_out in sorted(skipped):
        step += left_out <= step
    return step


class Guard:
    """Judges losses by those before them; what it knows goes into checkpoints."""

    def __init__(self, config: AnomalyConfig):
        self._config = config
        self.skipped: list[int] = []  # batches that were left out, from 0
        self._losses: deque[float] = deque(maxlen=config.window)

    def state(self) -> dict[str, Any]:
        """What a resumed run must know, fit for JSON; floats come back to the bit."""
        return {"skipped": self.skipped, "losses": list(self._losses)}

    def load(self, state: dict[str, Any]) -> None:
        """Takes the state of a checkpoint; one from before there was any has none."""
        self.skipped = list(state.get("skipped", []))
        self._losses = deque(state.get("losses", []), maxlen=self._config.window)

    def fault(self, loss: float, grad_norm: float) -> str | None:
        """What is wrong with a step that would be taken; where nothing is, it counts as taken."""
        if not math.isfinite(loss):
            return "the loss is no finite number"
        if not math.isfinite(grad_norm):
            return "the gradient norm is no finite number"
        if self._config.on_spike != "ignore" and 2 * len(self._losses) >= self._config.window:
            median = statistics.median(self._losses)
            if loss > self._config.spike_factor * median:
                return f"the loss {loss:.4f} is {loss / median:.2f} times the median {median:.4f}"
        self._losses.append(loss)
        return None

    def action(self, loss: float, grad_norm: float) -> Action:
        """What the config has done about a fault."""
        if math.isfinite(loss) and math.isfinite(grad_norm):
            assert self._config.on_spike != "ignore"
            return self._config.on_spike
        return self._config.on_nan

    def leave_out(self, batches: Collection[int]) -> bool:
        """Leaves batches out from here on; False, and nothing done, where they are too many."""
        together = sorted({*self.skipped, *batches})
        if len(together) > self._config.max_skips:
            return False
        self.skipped = together
        return True

    def add_left_out(self, batches: Collection[int]) -> None:
        """Leaves out what was left out after the checkpoint was written."""
        self.skipped = sorted({*self.skipped, *batches})

    def before(self, batch: int, first: int) -> list[int]:
        """The batches a rollback leaves out for a bad one: it and those before it, from `first`."""
        reach = range(max(first, batch - self._config.rollback_batches + 1), batch + 1)
        return [number for number in reach if number not in self.skipped]
