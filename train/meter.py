"""What a step's row says beyond the step itself: speed a device, MFU, memory, time to finish."""

import resource
import statistics
import time
from collections import deque
from typing import Any

import psutil
import torch

from train import flops
from train.config import TrainConfig
from train.parallel import device

BETWEEN_STEPS = ("evaluate_s", "save_s")
_RECENT = 50  # steps whose median says how long the next ones take


class Meter:
    """Completes the rows of a run. Every process has one and calls it at the same steps."""

    def __init__(self, config: TrainConfig):
        self._shape = config.shape
        self._peak = flops.device_peak(config)
        self._tokens = config.schedule.batch_sequences * config.shape.seq_length
        self._world = torch.distributed.get_world_size()
        self._to_finish = TimeToFinish(config)
        self._told = time.perf_counter()

    def complete(self, row: dict[str, Any]) -> dict[str, Any]:
        """The row with what is measured here; its `…_s` are seconds since the row before.

        Speed is that of all of this time but evaluations and saves. `other_s` is what the times
        leave of the clock's. Memory is that of the process that has most. A collective of all
        processes.
        """
        now = time.perf_counter()
        spent, self._told = now - self._told, now
        times = {name: value for name, value in row.items() if name.endswith("_s")}
        learning = spent - sum(times.get(name, 0.0) for name in BETWEEN_STEPS)
        whole = {**row, "other_s": round(max(0.0, spent - sum(times.values())), 6)}
        whole["tokens_per_s"] = self._tokens / max(learning, 1e-9)
        rate = whole["tokens_per_s_per_device"] = whole["tokens_per_s"] / self._world
        if self._peak:
            whole["mfu"] = flops.mfu(self._shape, rate, self._peak)
        whole["memory"] = memory()
        whole["eta_s"] = round(self._to_finish.after(row["step"], spent, times), 1)
        return whole

    def restart(self) -> None:
        """What came since the last row is no step's time."""
        self._told = time.perf_counter()


class TimeToFinish:
    """How long the rest of a run will take, evaluations and saves to come included."""

    def __init__(self, config: TrainConfig):
        self._steps = config.schedule.steps
        intervals = (config.eval_interval, config.save_interval)
        self._intervals = dict(zip(BETWEEN_STEPS, intervals, strict=True))
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._last: dict[str, float] = {}
        self._first = True

    def after(self, step: int, spent: float, times: dict[str, float]) -> float:
        """Seconds left after a step that took `spent`, of which `times` says for what."""
        for name in self._intervals:
            # A save is looked after in the steps that follow it as well: those times are no save's.
            if times.get(name, 0.0) > self._last.get(name, 0.0) / 10:
                self._last[name] = times[name]
        if self._first:  # its time is no other's: kernels are chosen, buffers made
            self._first = False
        else:
            self._recent.append(spent - sum(times.get(name, 0.0) for name in self._intervals))
        typical = statistics.median(self._recent or [spent])
        left = typical * (self._steps - step)
        for name, interval in self._intervals.items():
            left += self._last.get(name, 0.0) * _times_left(step, self._steps, interval)
        return left


def memory() -> dict[str, int]:
    """Bytes, of the process that has most: with CUDA the peak that tensors took and what PyTorch
    holds of the device, elsewhere what the process has and had. A collective of all processes."""
    if torch.cuda.is_available():
        names = ("allocated_peak", "reserved")
        own = [torch.cuda.max_memory_allocated(), torch.cuda.memory_reserved()]
    else:
        names = ("resident", "resident_peak")
        resident = psutil.Process().memory_info().rss
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        own = [resident, max(resident, peak)]  # the kernel's two counters do not keep step
    most = torch.tensor(own, dtype=torch.int64, device=device())
    torch.distributed.all_reduce(most, op=torch.distributed.ReduceOp.MAX)
    return dict(zip(names, most.tolist(), strict=True))


def _times_left(step: int, steps: int, interval: int) -> int:
    # What is due at an interval is due at the end too, once where the two fall together.
    if step >= steps:
        return 0
    return 1 + ((steps - 1) // interval - step // interval if interval else 0)
