"""TensorBoard and W&B show what metrics.jsonl has, each step once, and never end a run."""

import sys
import types
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from corpus.errors import ConfigError
from train import loop, trackers
from train.config import LogConfig, OptimConfig
from train.metrics import read
from train.trackers import TensorBoard, WeightsAndBiases, scalars


def shown(output, tag="train/loss"):
    events = EventAccumulator(str(Path(output) / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def row(step, loss):
    return {"step": step, "loss": loss, "memory": {"resident": 5}, "forward_s": 0.5}


def test_every_number_of_a_row_has_a_tag():
    assert scalars(
        {**row(1, 2.0), "validation_bits_per_byte": {"web": 1.5}, "mfu": {"full": 0.4}}
    ) == {
        "train/loss": 2.0,
        "memory/resident": 5,
        "time/forward_s": 0.5,
        "validation_bits_per_byte/web": 1.5,
        "mfu/full": 0.4,
    }


def test_a_killed_run_s_replayed_steps_are_shown_once(tiny_config, tmp_path):
    config = tiny_config(tmp_path)
    first = TensorBoard(config, 0)
    for step in range(1, 6):
        first.write(row(step, 1.0))
    first.close()
    second = TensorBoard(config, 2)
    for step in (3, 4):
        second.write(row(step, 2.0))
    second.rewind(3)
    second.write(row(4, 3.0))
    second.write({"event": "rollback", "step": 4})
    second.close()
    assert shown(tmp_path) == [(1, 1.0), (2, 1.0), (3, 2.0), (4, 3.0)]


def test_a_run_s_board_has_the_steps_and_evaluations_of_its_metrics(tp1_run):
    rows = read(Path(tp1_run.output) / "metrics.jsonl")
    losses = [(row["step"], pytest.approx(row["loss"], rel=1e-6)) for row in rows]
    assert shown(tp1_run.output) == losses
    web = shown(tp1_run.output, "validation_bits_per_byte/web")
    assert [step for step, _ in web] == [20, 40]


def test_a_board_that_fails_is_told_of_once_and_the_run_goes_on(
    tiny_config, tmp_path, monkeypatch, capsys
):
    def full(self, row):
        raise OSError("no space left")

    monkeypatch.setattr(TensorBoard, "write", full)
    assert loop.train(tiny_config(tmp_path, steps=4, optim=OptimConfig(warmup_steps=1))) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "TensorBoard" in line]
    assert said == [
        "TensorBoard is not written to any more (no space left); metrics.jsonl has all of it"
    ]
    assert len(read(tmp_path / "metrics.jsonl")) == 4


def test_without_tensorboard_there_is_no_folder(tiny_config, tmp_path):
    config = tiny_config(tmp_path, log=LogConfig(tensorboard=False))
    assert trackers.wanted(config) == []


def test_wandb_is_asked_for_and_not_there(tiny_config, tmp_path):
    config = tiny_config(tmp_path, log=LogConfig(wandb="llama"))
    with pytest.raises(ConfigError, match=r"wandb=llama needs the package .*train\.log\.wandb"):
        trackers.check_installed(config)


def test_a_resumed_run_is_the_same_to_wandb(tiny_config, tmp_path, monkeypatch):
    """Against a stand-in; the real package takes the same calls (wandb 0.31, offline)."""
    started, logged = [], []
    run = types.SimpleNamespace(
        log=lambda numbers, step: logged.append((step, numbers)), finish=lambda: None
    )
    stand_in = types.ModuleType("wandb")
    stand_in.init = lambda **given: started.append(given) or run
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    config = tiny_config(tmp_path, log=LogConfig(wandb="llama"))
    for step in (0, 1):
        tracker = WeightsAndBiases(config, step)
        tracker.write(row(step + 1, 2.0))
        tracker.write({"event": "save", "step": step + 1})
        tracker.close()
    first, second = started
    assert first == second
    assert (first["project"], first["resume"]) == ("llama", "allow")
    assert len(first["id"]) == 8
    assert first["config"]["steps"] == 40
    assert [(step, numbers["train/loss"]) for step, numbers in logged] == [(1, 2.0), (2, 2.0)]
