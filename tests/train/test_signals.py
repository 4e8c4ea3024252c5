"""SIGTERM and SIGUSR1 whenever they come: the run saves, exits to be resumed, and ends to the bit
as if it had not been asked. (During an evaluation, and to real processes: test_run.py.)"""

import dataclasses
import os
import signal
from pathlib import Path

import pytest
import torch

from train import checkpoint, loop, stop, weights, writing
from train.metrics import read


@pytest.fixture(autouse=True)
def handlers(monkeypatch):
    before = {number: signal.getsignal(number) for number in stop.SIGNALS}
    monkeypatch.setattr(stop, "_asked", False)
    stop.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def config(tiny_config, tmp_path):
    return tiny_config(tmp_path / "run", save_interval=0)


def require_resumes_to(config, whole, monkeypatch):
    monkeypatch.setattr(stop, "_asked", False)
    assert loop.train(config) == 0
    ends = [dict(weights.read(weights.resolve(Path(run.output)))) for run in (config, whole)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    rows = [
        [(row["step"], row["loss"]) for row in read(Path(run.output) / "metrics.jsonl")]
        for run in (config, whole)
    ]
    assert rows[0] == rows[1]


def test_in_the_first_step(config, tp1_run, monkeypatch):
    take = loop.step.take

    def asked_meanwhile(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return take(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop.step, "take", asked_meanwhile)
        assert loop.train(config) == stop.REQUEUE
    assert checkpoint.latest(config.checkpoints)[0] == 1
    require_resumes_to(config, tp1_run, monkeypatch)


def test_while_a_checkpoint_is_written_and_while_it_is_loaded(config, tp1_run, monkeypatch):
    write, load = writing.Part._write, checkpoint.load

    def asked_meanwhile(part, *rest):
        os.kill(os.getpid(), signal.SIGUSR1)  # the main thread takes it, in a step or at its end
        write(part, *rest)

    def asked_while_loading(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return load(*arguments)

    config = dataclasses.replace(config, save_interval=6)
    with monkeypatch.context() as patch:
        patch.setattr(writing.Part, "_write", asked_meanwhile)
        assert loop.train(config) == stop.REQUEUE
    step, folder = checkpoint.latest(config.checkpoints)
    assert 6 <= step <= 8
    before = folder.stat().st_mtime_ns
    monkeypatch.setattr(stop, "_asked", False)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "load", asked_while_loading)
        assert loop.train(config) == stop.REQUEUE
    assert checkpoint.latest(config.checkpoints) == (step, folder)
    assert folder.stat().st_mtime_ns == before
    require_resumes_to(config, tp1_run, monkeypatch)
