"""Where the time of a step goes: seconds by name, each moment counted once.

With CUDA the marks are events in the stream, so nothing waits for the GPU because it is timed: they
are read when the step's loss has been. Elsewhere they are the clock's. megatron-core has timers of
its own places (a micro-batch's forward and backward, gradients' reduction, sends and receives of a
pipeline); `attach` has it call these. The ranges are named in a profiler's trace as well.

What is timed within a range is taken out of it, so the seconds of all names add up to no more than
the clock's. `communication` is what of it the computation does not hide: the wait for the reduction
of gradients, the gathering of parameters, the receives and sends between pipeline stages. Tensor
parallel collectives are within forward and backward; a profile shows them.
"""

import time
from typing import Any, Self

import torch

from train import heartbeat

# By megatron-core's names of its places; those not named here are part of the range around them.
_PLACES = {
    "forward-compute": "forward",
    "backward-compute": "backward",
    "all-grads-sync": "communication",
    "non-tensor-parallel-grads-all-reduce": "communication",
    "embedding-grads-all-reduce": "communication",
    "params-all-gather": "communication",
    "forward-recv": "communication",
    "forward-send": "communication",
    "backward-recv": "communication",
    "backward-send": "communication",
    "forward-send-backward-recv": "communication",
    "backward-send-forward-recv": "communication",
    "forward-send-forward-recv": "communication",
    "backward-send-backward-recv": "communication",
    "forward-backward-send-forward-backward-recv": "communication",
}
_OURS = ("data_wait", "optimizer", "evaluate", "save")
_WHOLE = ("evaluate", "save")  # what they do is theirs, passes through the model included

_Mark = float | torch.cuda.Event


class Range:
    """One name; a context manager, and megatron-core's `start` and `stop`."""

    def __init__(self, timers: "Timers", name: str):
        self._timers, self._name = timers, name
        self._traced: list[Any] = []

    def start(self, barrier: bool = False) -> None:
        traced = torch.profiler.record_function(self._name)
        traced.__enter__()
        self._traced.append(traced)
        self._timers._push(self._name)

    def stop(self, barrier: bool = False) -> None:
        self._timers._pop()
        self._traced.pop().__exit__(None, None, None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Untimed:
    """A place of megatron-core's that has no name of its own here."""

    def start(self, barrier: bool = False) -> None:
        pass

    def stop(self, barrier: bool = False) -> None:
        pass


class Timers:
    """`with timers("optimizer"): …`; what is timed twice is added up until it is taken."""

    def __init__(self) -> None:
        self._on_gpu = torch.cuda.is_available()
        self._open: list[tuple[str, _Mark]] = []  # names around this moment, each since when
        self._done: list[tuple[str, _Mark, _Mark]] = []
        self._ranges = {name: Range(self, name) for name in (*_OURS, *_PLACES.values())}

    def __call__(self, name: str, log_level: int | None = None) -> Any:
        name = _PLACES.get(name, name)
        return self._ranges.get(name) or _Untimed()

    def take(self) -> dict[str, float]:
        """What was timed since the last call, as `name_s`: seconds. Waits for the last mark."""
        done, self._done = self._done, []
        if self._on_gpu and done:
            done[-1][2].synchronize()  # type: ignore[union-attr]
        seconds: dict[str, float] = {}
        for name, begin, end in done:
            seconds[f"{name}_s"] = seconds.get(f"{name}_s", 0.0) + _between(begin, end)
        return {name: round(value, 6) for name, value in seconds.items()}

    def attach(self, model_config: Any, optimizer: Any) -> None:
        """Has megatron-core time its places with these; its config and optimizer must be built."""
        model_config.timers = self
        for part in (optimizer, *getattr(optimizer, "chained_optimizers", ())):
            part.config.timers = self

    def _push(self, name: str) -> None:
        heartbeat.at(name)
        now = self._mark()
        if self._open:
            around, since = self._open[-1]
            self._done.append((around, since, now))
            name = around if around in _WHOLE else name
        self._open.append((name, now))

    def _pop(self) -> None:
        now = self._mark()
        name, since = self._open.pop()
        self._done.append((name, since, now))
        heartbeat.at(self._open[-1][0] if self._open else "other work")
        if self._open:
            self._open[-1] = (self._open[-1][0], now)

    def _mark(self) -> _Mark:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event


def _between(begin: _Mark, end: _Mark) -> float:
    if isinstance(begin, torch.cuda.Event):
        return begin.elapsed_time(end) / 1000  # type: ignore[arg-type]
    return end - begin  # type: ignore[operator]
