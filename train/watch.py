"""What a run lets others see of it: its rows, completed and handed to those who show them.

metrics.jsonl is the truth, and what cannot be written there ends the run. The others only show it:
one that fails is told of once and left out.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from train import mixture, parallel, trackers
from train.config import TrainConfig
from train.console import Console
from train.heartbeat import long_phase
from train.meter import Meter
from train.metrics import MetricsLog, events
from train.profile import Profile
from train.timers import Timers

# A step's row {"step": …, "loss": …} or an event's {"event": name, "step": …}, fit for JSON.
Row = dict[str, Any]
_WRITING = "writing metrics.jsonl"


class Watch:
    """Every process has one and tells it the same; the main process writes."""

    def __init__(self, config: TrainConfig, step: int, skipped: Collection[int] = ()):
        """step: the one the run goes on from, 0 for a new one. skipped: batches it leaves out.

        Raises ConfigError where the config asks for what is not installed.
        """
        trackers.check_installed(config)
        self.timers = Timers()
        output, steps = Path(config.output), config.schedule.steps
        self._meter = Meter(config)
        self._console = Console(steps, config.log_interval, parallel.is_main())
        self._profile = Profile(output / "profile", step, steps, config.log.profile_steps)
        self._metrics_path = output / "metrics.jsonl"
        self._metrics: MetricsLog | None = None
        self._trackers: list[trackers.Tracker] = []
        if parallel.is_main():
            with long_phase(_WRITING):
                self._metrics = MetricsLog(self._metrics_path, step, skipped)
            self._tell_of_damage(self._metrics.damaged)
            for kind in trackers.wanted(config):
                self._try(kind.__name__, lambda kind=kind: self._open(kind, config, step))
        segments = mixture.segments(config.weights)
        self._changes = {s.from_step: s.weights for s in segments if s.from_step}
        if step:
            self._resumed(config, step, steps)

    def say(self, line: str) -> None:
        """A line for people, of the main process alone."""
        self._console.say(line)

    def tell(self, row: Row) -> None:
        """A row: an event's as it is, a step's completed by what was timed and measured since the
        last. A collective of all processes."""
        if "event" not in row:
            row = self._meter.complete({**row, **self.timers.take()})
        if self._metrics is not None:
            with long_phase(_WRITING):
                self._metrics.write(row)
            self._console.show(row)
        for tracker in list(self._trackers):
            self._try(type(tracker).__name__, lambda t=tracker: t.write(row), tracker)
        if "event" in row:
            return
        self._tell_of_weights(row["step"])
        if self._profile.step_done(row["step"]):
            self.say(f"profile of steps {self._profile.steps}: {self._profile.written}")
            self._meter.restart()

    def sync(self) -> None:
        """Waits until what was told is on the disk: a checkpoint must not know of more steps."""
        if self._metrics is not None:
            self._metrics.sync()

    def rewind(self, step: int, skipped: Collection[int]) -> None:
        """The run goes on from an earlier step: rows of later ones are void, but for the events of
        batches that are left out."""
        if self._metrics is not None:
            with long_phase(_WRITING):
                self._metrics.close()
                self._metrics = MetricsLog(self._metrics_path, step, skipped)
        for tracker in list(self._trackers):
            self._try(type(tracker).__name__, lambda t=tracker: t.rewind(step), tracker)

    def close(self) -> None:
        self._profile.close()
        self._console.close()
        for tracker in list(self._trackers):
            self._try(type(tracker).__name__, tracker.close, tracker)
        if self._metrics is not None:
            self._metrics.close()

    def _resumed(self, config: TrainConfig, step: int, steps: int) -> None:
        line = f"resuming at step {step} of {steps}"
        if step == steps:
            self.say(line)
            return
        self.tell({"event": "resume", "step": step, "line": line, **vars(config.parallel)})
        told = [e["step"] for e in events(self._metrics_path) if e["event"] == "weights"]
        if step not in told:  # the change was put into the config since the run was stopped
            self._tell_of_weights(step)

    def _tell_of_damage(self, lines: list[int]) -> None:
        if lines:
            named = ", ".join(map(str, lines[:3])) + (", …" if lines[3:] else "")
            self.say(f"{self._metrics_path}: damaged lines are left out: {named}")

    def _tell_of_weights(self, step: int) -> None:
        weights = self._changes.get(step)
        if weights is not None:
            self.tell({"event": "weights", "step": step, "weights": weights})

    def _open(self, kind: type[trackers.Tracker], config: TrainConfig, step: int) -> None:
        self._trackers.append(kind(config, step))

    def _try(self, name: str, act: Any, tracker: trackers.Tracker | None = None) -> None:
        try:
            act()
        except Exception as error:  # whatever goes wrong there, the run is worth more
            if tracker is not None:
                self._trackers.remove(tracker)
            told = str(error).strip().split("\n")[0] or type(error).__name__
            self.say(f"{name} is not written to any more ({told}); metrics.jsonl has all of it")
