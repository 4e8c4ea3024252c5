"""`altiplano train --profile`: a few steps under torch.profiler, as a trace and as a table.

The trace opens in Perfetto or chrome://tracing; besides the kernels it has the ranges of
train.timers. Of the replicas only the first is traced, all its tensor and pipeline ranks, each
into a file of its own. The profiler's first step is its warm-up and is not in the trace.
"""

import os
from pathlib import Path

import torch
from megatron.core import parallel_state
from torch.profiler import ProfilerActivity, profile, schedule

_SETTLED = 2  # steps of this process before the trace: they choose kernels and make buffers


class Profile:
    """Tell it of every step that is done; it traces `steps` of them and then does nothing more."""

    def __init__(self, folder: Path, done: int, last: int, steps: int):
        """done: the step this process starts after; last: that of the run's end."""
        self.written = folder  # the trace, as soon as there is one
        self._folder = folder
        if steps:  # it tells of its own begin and end
            os.environ.setdefault("KINETO_LOG_LEVEL", "99")
        self._rank = torch.distributed.get_rank()
        steps = min(steps, last - done)
        self.first = done + 1 + min(_SETTLED, last - done - steps)
        self.last = self.first + steps - 1
        self._profiler: profile | None = None
        if steps < 1 or parallel_state.get_data_parallel_rank() != 0:
            return
        activities = [ProfilerActivity.CPU]
        if torch.cuda.is_available():
            activities.append(ProfilerActivity.CUDA)
        wait = self.first - done - 1
        self._profiler = profile(
            activities=activities,
            schedule=schedule(wait=max(wait - 1, 0), warmup=min(wait, 1), active=steps, repeat=1),
            on_trace_ready=self._write,
            record_shapes=True,
        )
        self._profiler.start()

    @property
    def steps(self) -> str:
        return f"{self.first} to {self.last}"

    def step_done(self, step: int) -> bool:
        """Whether the trace was written just now."""
        if self._profiler is None:
            return False
        self._profiler.step()
        if step < self.last:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Ends the trace; what there is of it is written."""
        if self._profiler is not None:
            profiler, self._profiler = self._profiler, None
            profiler.stop()

    def _write(self, done: profile) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"steps-{self.first}-{self.last}-rank-{self._rank}"
        self.written = self._folder / f"{name}.json.gz"
        done.export_chrome_trace(str(self.written))
        by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
        table = done.key_averages().table(sort_by=by, row_limit=40, max_name_column_width=60)
        (self._folder / f"{name}.txt").write_text(table + "\n", encoding="utf-8")
