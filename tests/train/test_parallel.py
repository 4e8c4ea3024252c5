"""Starting and leaving the process groups."""

import dataclasses
import gc
import os

from train.loop import train


def test_runs_one_after_another_leave_no_threads(tp1_run, tmp_path):
    def threads_after(name: str) -> int:
        config = dataclasses.replace(tp1_run, output=str(tmp_path / name))
        assert train(config) == 0
        gc.collect()
        return len(os.listdir("/proc/self/task"))

    # A run has some 20 groups of two threads and more: one that is kept shows.
    first = threads_after("first")
    assert threads_after("second") < first + 3
