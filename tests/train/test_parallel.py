"""Starting and leaving the process groups."""

import dataclasses
import gc
import os

import pytest
import torch

from corpus.errors import ConfigError
from train import parallel
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


@pytest.mark.parametrize(
    ("local", "shown", "launched", "number"),
    [(0, 1, True, 0), (3, 8, True, 3), (3, 8, False, 3), (3, 1, False, 0)],
)
def test_a_process_takes_its_own_gpu(monkeypatch, local, shown, launched, number):
    _given(monkeypatch, local, shown, launched)
    assert parallel.gpu_number() == number


@pytest.mark.parametrize(
    ("local", "shown", "launched"), [(1, 1, True), (4, 4, True), (4, 4, False)]
)
def test_more_processes_than_gpus_are_told(monkeypatch, local, shown, launched):
    _given(monkeypatch, local, shown, launched)
    with pytest.raises(ConfigError, match=rf"choose at most {shown} \(train.parallel.processes\)"):
        parallel.gpu_number()


def _given(monkeypatch, local, shown, launched):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: shown)
    monkeypatch.setenv("LOCAL_RANK", str(local))
    monkeypatch.delenv("LAUNCHER_PID", raising=False)
    if launched:
        monkeypatch.setenv("LAUNCHER_PID", "1")
