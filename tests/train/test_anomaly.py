"""A batch that is not to be learnt from: left out, rolled back past, or the end; told with what is
in it. The weights are then those of a run that never had the batch."""

import dataclasses
import json
import math
import os
import sys
from pathlib import Path

import pytest
import torch

from corpus.errors import ConfigError, DataError
from train import checkpoint, forward, loop, weights
from train.anomaly import AnomalyConfig, Guard, batch_of
from train.data import Loader
from train.launch import launch
from train.layout import ParallelConfig
from train.metrics import events, read
from train.spans import spans
from train.streams import TokenStream, manifest_files

NAN_STEP = 6  # whose first micro-batch is spoilt


def final(config):
    return dict(weights.read(weights.resolve(Path(config.output))))


def told(config, *names):
    return [e for e in events(Path(config.output) / "metrics.jsonl") if e["event"] in names]


def batches(config):
    rows = read(Path(config.output) / "metrics.jsonl")
    return [(row["step"], row.get("batch", row["step"])) for row in rows]


@pytest.fixture
def spoil(monkeypatch):
    """Spoils the loss of given batches (from 1), however often they come: by their tokens."""

    def make(config, numbers, factor=math.nan):
        loader = Loader(config.manifest, config.weights, 32, 8, config.seed)
        bad = {loader.batch(number - 1, slice(0, 4)).tobytes() for number in numbers}
        run, mean_loss = forward.run, forward.mean_loss

        def run_spoilt(model, windows, micro_batch, loss_function, forward_only, begin=None):
            if forward_only or windows[:4].numpy().tobytes() not in bad:
                return run(model, windows, micro_batch, loss_function, forward_only, begin)
            calls = []

            def spoilt(losses_BS):
                calls.append(None)
                loss, reported = mean_loss(losses_BS)
                return (loss * factor, reported * factor) if len(calls) == 1 else (loss, reported)

            return run(model, windows, micro_batch, spoilt, forward_only, begin)

        monkeypatch.setattr(forward, "run", run_spoilt)

    return make


@pytest.fixture
def run_without(tiny_config, tmp_path):
    """A run of 10 steps that never met some batches."""

    def make(*left_out, **changes):
        config = tiny_config(tmp_path / "without", steps=10, save_interval=4, **changes)
        with pytest.MonkeyPatch.context() as patch:
            load = loop._Run._load

            def load_and_leave_out(run):
                step = load(run)
                run.guard.skipped = [number - 1 for number in left_out]
                return step

            patch.setattr(loop._Run, "_load", load_and_leave_out)
            assert loop.train(config) == 0
        return config

    return make


@pytest.mark.parametrize("action", ["skip", "rollback"])
def test_a_batch_without_a_number_is_as_if_it_had_never_been(
    tiny_config, tmp_path, spoil, run_without, action
):
    anomaly = AnomalyConfig(on_nan=action)
    config = tiny_config(tmp_path / "run", steps=10, save_interval=4, anomaly=anomaly)
    expected = run_without(NAN_STEP)
    spoil(config, [NAN_STEP])
    assert loop.train(config) == 0
    mine, theirs = final(config), final(expected)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert batches(config) == [(s, s if s < 6 else s + 1) for s in range(1, 11)]
    [event] = told(config, "skip", "rollback")
    assert (event["event"], event["step"], event["batch"]) == (action, 6, 6)
    assert event["fault"] == "the loss is no finite number"
    assert event["left_out"] == [6]
    assert event["to_step"] == (5 if action == "skip" else 4)
    assert checkpoint.facts(config.checkpoints / "step-00000010")["skipped"] == [5]


def test_the_documents_behind_it_are_named(tiny_config, tmp_path, spoil):
    config = tiny_config(
        tmp_path / "run", steps=8, save_interval=0, anomaly=AnomalyConfig(on_nan="skip")
    )
    spoil(config, [NAN_STEP])
    assert loop.train(config) == 0
    [event] = told(config, "skip")
    assert event["rows"] == [0, 1, 2, 3]  # the first micro-batch alone was spoilt
    loader = Loader(config.manifest, config.weights, 32, 8, config.seed)
    stream = TokenStream(config.manifest, manifest_files(config.manifest), loader.sources, "train")
    expected = [
        (row, span.doc_id, span.shard, list(span.tokens))
        for row, position in enumerate(loader.locate(NAN_STEP - 1, slice(0, 4)))
        for span in spans(stream, int(position), 33)
    ]
    named = [(d["row"], d["doc_id"], d["shard"], d["tokens"]) for d in event["documents"]]
    assert named == expected
    assert event["num_documents"] == len(expected)


def test_a_resumed_run_leaves_out_what_was_left_out(tiny_config, tmp_path, spoil):
    anomaly = AnomalyConfig(on_nan="skip")
    config = tiny_config(
        tmp_path / "run", steps=10, save_interval=4, anomaly=anomaly, keep_checkpoints=9
    )
    spoil(config, [NAN_STEP, 8])
    assert loop.train(config) == 0
    before = final(config)
    pointer = {"step": 8, "folder": "step-00000008"}
    (config.checkpoints / "latest.json").write_text(json.dumps(pointer))
    assert loop.train(config) == 0
    assert batches(config)[-2:] == [(9, 11), (10, 12)]
    after = final(config)
    assert all(torch.equal(before[name], after[name]) for name in after)
    assert [event["step"] for event in told(config, "skip")] == [6, 7]


def test_what_was_rolled_back_before_is_still_told_and_outlives_a_kill(
    tiny_config, tmp_path, spoil, monkeypatch
):
    anomaly = AnomalyConfig(on_nan="rollback")
    config = tiny_config(tmp_path / "run", steps=10, save_interval=4, anomaly=anomaly)
    spoil(config, [6, 8])
    take = loop.step.take

    def dies_at_7(training, windows, step, *rest):
        if step == 7 and len(told(config, "rollback")) == 2:
            raise ZeroDivisionError
        return take(training, windows, step, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(loop.step, "take", dies_at_7)
        with pytest.raises(ZeroDivisionError):
            loop.train(config)
    loop.parallel.stop()
    assert checkpoint.latest(config.checkpoints)[0] == 4  # which knows of none of the two
    assert loop.train(config) == 0
    # Told once each: had they been forgotten, both batches would have been met and told anew.
    assert [(e["step"], e["batch"]) for e in told(config, "rollback")] == [(6, 6), (7, 8)]
    assert checkpoint.facts(config.checkpoints / "step-00000010")["skipped"] == [5, 7]
    assert [step for step, _ in batches(config)] == list(range(1, 11))


def test_a_spike_is_rolled_back_with_the_batches_before_it(
    tiny_config, tmp_path, spoil, run_without
):
    anomaly = AnomalyConfig(
        on_spike="rollback", spike_factor=1.3, window=6, rollback_batches=3, on_nan="stop"
    )
    config = tiny_config(tmp_path / "run", steps=10, save_interval=4, anomaly=anomaly)
    expected = run_without(5, 6)  # the third one before it is in the checkpoint already
    spoil(config, [NAN_STEP], factor=3.0)
    assert loop.train(config) == 0
    [event] = told(config, "rollback")
    assert (event["step"], event["to_step"], event["left_out"]) == (6, 4, [5, 6])
    assert "times the median" in event["fault"]
    mine, theirs = final(config), final(expected)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_too_many_are_the_end_and_so_is_one_by_default(tiny_config, tmp_path, spoil):
    config = tiny_config(tmp_path / "run", steps=10, save_interval=4)
    spoil(config, [6, 7, 8])
    with pytest.raises(DataError, match="no finite number at step 6, batch 6; its documents are"):
        loop.train(config)
    assert checkpoint.latest(config.checkpoints)[0] == 4  # begun in the background, not lost
    [event] = told(config, "stop")
    assert event["documents"]
    anomaly = AnomalyConfig(on_nan="skip", max_skips=2)
    with pytest.raises(DataError, match="number, after max_skips=2 at step 6, batch 8"):
        loop.train(dataclasses.replace(config, anomaly=anomaly))
    assert len(told(config, "skip")) == 2


# Python loads it when a process starts: the run itself is real.
ONE_RANK_IS_SPOILT = """
import os
if os.environ.get("RANK") == "1":
    from train import forward

    run = forward.run
    def run_spoilt(model, windows, micro_batch, loss_function, forward_only, begin=None):
        run_spoilt.calls += not forward_only
        bad = run_spoilt.calls == 6 and not forward_only
        def spoilt(losses_BS):
            loss, reported = loss_function(losses_BS)
            return (loss * float("nan"), reported * float("nan")) if bad else (loss, reported)
        return run(model, windows, micro_batch, spoilt, forward_only, begin)
    run_spoilt.calls = 0
    forward.run = run_spoilt
"""


@pytest.mark.parametrize("layout", [{}, {"pp": 2}], ids=["dp2", "pp2"])
def test_all_processes_do_the_same_where_one_is_at_fault(
    tiny_config, tmp_path, monkeypatch, layout
):
    config = tiny_config(
        tmp_path / "run",
        parallel=ParallelConfig(processes=2, **layout),
        steps=10,
        save_interval=4,
        anomaly=AnomalyConfig(on_nan="rollback"),
    )
    (tmp_path / "sitecustomize.py").write_text(ONE_RANK_IS_SPOILT)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    assert launch(config) == 0
    [event] = told(config, "rollback")
    assert (event["step"], event["to_step"], event["left_out"]) == (6, 4, [6])
    # Replica 1 has the second half of the batch; of a pipeline, the last stage has all losses.
    assert event["rows"] == (list(range(8)) if layout else [4, 5, 6, 7])
    assert batches(config) == [(s, s if s < 6 else s + 1) for s in range(1, 11)]


def test_the_batch_of_a_step():
    assert [batch_of(step, [2, 3, 6]) for step in range(6)] == [0, 1, 4, 5, 7, 8]
    assert [batch_of(step, []) for step in range(3)] == [0, 1, 2]


def test_a_spike_is_told_from_the_losses_before_it():
    guard = Guard(AnomalyConfig(on_spike="skip", spike_factor=2.0, window=4))
    assert [guard.fault(loss, 1.0) for loss in (9.0, 1.0, 1.0)] == [None] * 3
    assert guard.fault(2.1, 1.0) == "the loss 2.1000 is 2.10 times the median 1.0000"
    assert guard.fault(1.9, 1.0) is None
    again = Guard(AnomalyConfig(on_spike="skip", spike_factor=2.0, window=4))
    again.load(json.loads(json.dumps(guard.state())))
    assert again.state() == guard.state()
    assert again.fault(5.0, 1.0) is not None
    assert guard.fault(1.0, math.inf) == "the gradient norm is no finite number"


@pytest.mark.parametrize(
    ("key", "value"), [("spike_factor", 0.5), ("window", 1), ("max_skips", -1)]
)
def test_values_that_cannot_be_used(tiny_config, tmp_path, key, value):
    with pytest.raises(ConfigError, match=rf"{key}={value} is out of .*train\.anomaly\.{key}"):
        tiny_config(tmp_path, anomaly=AnomalyConfig(**{key: value}))
