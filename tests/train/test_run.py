"""Whole runs: layouts agree, an interrupted run ends as an undisturbed one, bit for bit.

The runs are of a tiny model, but on real processes; the undisturbed ones are shared fixtures.
"""

import contextlib
import dataclasses
import json
import math
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from corpus.config import to_tree
from corpus.errors import DataError, ShardError
from tokenizer.encode import Encoder
from train import checkpoint, evaluate, forward, loop, optim, stop, weights
from train.config import OptimConfig, ParallelConfig
from train.launch import launch
from train.metrics import events, read
from train.token_counts import token_counts

# What must not depend on how fast the machine was.
CURVE = ("step", "loss", "grad_norm", "learning_rate", "tokens", "validation_bits_per_byte")
GOLDEN = Path(__file__).with_name("golden_losses.json")


def curve(config):
    rows = read(Path(config.output) / "metrics.jsonl")
    return [{key: row.get(key) for key in CURVE} for row in rows]


def unigram(config, source):
    """The unigram model's bits per byte, with all tokens counted in this one process."""
    [held] = [held for held in evaluate.held_out(config) if held.source == source]
    counts = token_counts(config.manifest, source, "train", config.shape.vocab)
    return evaluate.unigram_bits(counts, held.windows[:, 1:]) / held.num_bytes


def losses(config, first=1):
    return [row["loss"] for row in curve(config) if row["step"] >= first]


def tensors(config):
    return dict(weights.read(weights.resolve(Path(config.output))))


def continued(config, output, parallel):
    """`config` in another layout, with nothing but its checkpoint of step 20."""
    shutil.copytree(config.checkpoints / "step-00000020", output / "checkpoints/step-00000020")
    pointer = {"step": 20, "folder": "step-00000020"}
    (output / "checkpoints/latest.json").write_text(json.dumps(pointer))
    return dataclasses.replace(config, output=str(output), parallel=parallel)


def test_losses_are_the_golden_ones(tp1_run):
    assert losses(tp1_run) == pytest.approx(json.loads(GOLDEN.read_text()), abs=2e-3)


def test_tensor_and_sequence_parallel_change_nothing(tp1_run, tp2_run):
    assert losses(tp2_run) == pytest.approx(losses(tp1_run), abs=2e-5)
    norms = [[row["grad_norm"] for row in curve(run)] for run in (tp2_run, tp1_run)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)


def test_the_evaluation_beats_unigram_on_each_source(tp2_run):
    evaluation = json.loads((Path(tp2_run.output) / "evaluation.json").read_text())
    assert evaluation["step"] == 40
    assert set(evaluation["sources"]) == {"code", "web"}
    for source, figures in evaluation["sources"].items():
        assert figures["unigram_bits_per_byte"] == pytest.approx(
            unigram(tp2_run, source), rel=1e-12
        )
        assert figures["bits_per_byte"] < 0.95 * figures["unigram_bits_per_byte"]
        last = curve(tp2_run)[-1]["validation_bits_per_byte"]
        assert last[source] == figures["bits_per_byte"]


def test_every_step_is_logged_and_the_steps_asked_for_evaluated(tp2_run):
    rows = curve(tp2_run)
    assert [row["step"] for row in rows] == list(range(1, 41))
    assert [row["step"] for row in rows if row["validation_bits_per_byte"]] == [20, 40]


@pytest.mark.parametrize(
    "parallel", [ParallelConfig(processes=2), ParallelConfig(processes=2, pp=2)], ids=["dp2", "pp2"]
)
def test_a_checkpoint_continues_in_another_layout(tp2_run, tmp_path, parallel):
    config = continued(tp2_run, tmp_path / "run", parallel)
    assert launch(config) == 0
    assert losses(config, first=21) == pytest.approx(losses(tp2_run, first=21), abs=5e-5)


def test_a_checkpoint_continues_on_one_process(tp2_run, tmp_path):
    config = continued(tp2_run, tmp_path / "run", ParallelConfig())
    assert loop.train(config) == 0
    assert losses(config, first=21) == pytest.approx(losses(tp2_run, first=21), abs=5e-5)


def test_interrupted_in_three_ways_it_ends_as_if_it_never_was(tp2_run, tmp_path):
    config = dataclasses.replace(tp2_run, output=str(tmp_path / "run"))
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_tree(config)))

    # A signal while the processes still import torch is kept for them.
    early = subprocess.Popen([sys.executable, "-m", "train.launch", str(path)], cwd=_root())
    wait_for(lambda: (tmp_path / "run/config.json").exists())
    time.sleep(0.5)
    early.send_signal(signal.SIGUSR1)
    assert early.wait(timeout=120) == stop.REQUEUE

    late = subprocess.Popen([sys.executable, "-m", "train.launch", str(path)], cwd=_root())
    wait_for(lambda: len(read(tmp_path / "run/metrics.jsonl")) >= 3)
    late.send_signal(signal.SIGTERM)
    assert late.wait(timeout=120) == stop.REQUEUE
    stopped = checkpoint.latest(config.checkpoints)
    assert stopped is not None
    assert 3 <= stopped[0] < 40
    assert curve(config)[-1]["step"] == stopped[0]

    # Its processes must end with a launcher that cannot tell them to.
    killed = subprocess.Popen([sys.executable, "-m", "train.launch", str(path)], cwd=_root())
    wait_for(lambda: len(read(tmp_path / "run/metrics.jsonl")) > stopped[0])
    killed.kill()
    killed.wait()
    wait_for(lambda: not _processes_of(tmp_path))

    assert launch(config) == 0
    assert curve(config) == curve(tp2_run)
    mine, undisturbed = tensors(config), tensors(tp2_run)
    assert mine.keys() == undisturbed.keys()
    assert all(torch.equal(mine[name], undisturbed[name]) for name in mine)


def test_a_time_limit_stops_and_is_resumed_bit_for_bit(tp1_run, tmp_path, capsys):
    config = dataclasses.replace(tp1_run, output=str(tmp_path / "run"), time_limit_s=0.0)
    assert loop.train(config) == stop.REQUEUE
    assert checkpoint.latest(config.checkpoints) is None  # not a step was done: nothing to save
    assert "asked to stop: no step was done, nothing is saved" in capsys.readouterr().out
    # Enough for a part of the run, however long this process has been up.
    passed = time.monotonic() - stop._started
    for extra in (0.4, 0.8, 600):
        code = loop.train(dataclasses.replace(config, time_limit_s=passed + extra))
        assert code in (0, stop.REQUEUE)
    assert code == 0
    assert curve(config) == curve(tp1_run)


def test_a_signal_during_an_evaluation_is_not_lost(tp1_run, tmp_path, monkeypatch):
    config = dataclasses.replace(tp1_run, output=str(tmp_path / "run"))
    before = {number: signal.getsignal(number) for number in stop.SIGNALS}
    monkeypatch.setattr(stop, "_asked", False)
    wanted, calls = stop.wanted, []

    def wanted_with_a_signal_at_the_22nd(time_limit_s):
        # It is asked before each of 20 steps, then before each batch of the evaluation.
        calls.append(None)
        if len(calls) == 22:
            signal.raise_signal(signal.SIGUSR1)
        return wanted(time_limit_s)

    monkeypatch.setattr(stop, "wanted", wanted_with_a_signal_at_the_22nd)
    try:
        stop.install()
        assert loop.train(config) == stop.REQUEUE
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert len(calls) == 22
    assert checkpoint.latest(config.checkpoints)[0] == 20
    monkeypatch.setattr(stop, "_asked", False)
    assert loop.train(config) == 0
    assert losses(config) == losses(tp1_run)


def test_a_finished_run_started_again_does_nothing(tp1_run):
    before = {p: p.stat().st_mtime_ns for p in tp1_run.checkpoints.rglob("*")}
    curve_before = curve(tp1_run)
    assert loop.train(tp1_run) == 0
    assert {p: p.stat().st_mtime_ns for p in tp1_run.checkpoints.rglob("*")} == before
    assert curve(tp1_run) == curve_before


def test_a_run_that_does_not_beat_unigram_fails_in_one_line(tiny_config, tmp_path):
    config = tiny_config(tmp_path, steps=8, require_beats_unigram=True)
    with pytest.raises(DataError, match="is not below the unigram model's"):
        loop.train(config)


@pytest.mark.parametrize("is_stated", [True, False], ids=["manifest", "shards"])
def test_shards_of_another_tokenizer_are_refused_at_the_start(
    tiny_config, tiny_data, other_tokenizer, tmp_path, is_stated
):
    config = tiny_config(tmp_path / "run", tokenizer=other_tokenizer)
    if not is_stated:
        shards = shutil.copytree(config.shards, tmp_path / "shards")
        manifest = json.loads((shards / "manifest.json").read_text())
        for file in manifest["files"]:
            del file["facts"]["tokenizer"]
        (shards / "manifest.json").write_text(json.dumps(manifest))
        config = dataclasses.replace(config, shards=str(shards))
    paths = (tiny_data.tokenizer, other_tokenizer)
    found, wanted = (Encoder(path).hash[:16] for path in paths)
    with pytest.raises(ShardError, match=f"was written with tokenizer {found}, not {wanted}"):
        loop.train(config)
    assert not config.checkpoints.exists()


@pytest.mark.parametrize("spoilt", ["loss", "gradient norm"])
def test_what_is_not_finite_ends_the_run_before_it_is_saved(
    tiny_config, tmp_path, monkeypatch, spoilt
):
    config = tiny_config(tmp_path, steps=8, save_interval=1)
    mean_loss, calls = forward.mean_loss, []

    def spoilt_third_step(losses_BS):
        calls.append(None)
        loss, reported = mean_loss(losses_BS)
        if len(calls) <= 4:  # two micro-batches a step
            return loss, reported
        if spoilt == "loss":
            return loss, reported * math.inf
        return loss * math.nan, reported

    monkeypatch.setattr(forward, "mean_loss", spoilt_third_step)
    with pytest.raises(DataError, match=f"the {spoilt} is no finite number at step 3"):
        loop.train(config)
    assert checkpoint.latest(config.checkpoints)[0] == 2
    assert not (config.checkpoints / "step-00000003").exists()


@pytest.mark.parametrize("save_interval", [0, 3])
def test_weights_that_the_last_update_spoilt_end_the_run_and_are_not_saved(
    tiny_config, tmp_path, monkeypatch, save_interval
):
    """Found by the evaluation at the end, and where there is none by the save."""
    few = {"steps": 4 if save_interval else 3, "optim": OptimConfig(warmup_steps=2)}
    config = tiny_config(tmp_path, **few, eval_interval=0, save_interval=save_interval)
    rate = optim.learning_rate
    monkeypatch.setattr(optim, "learning_rate", lambda *a: math.nan if a[0] == 3 else rate(*a))
    with pytest.raises(DataError, match="no finite numbers after step 3, and not saved; lower the"):
        loop.train(config)
    assert checkpoint.latest(config.checkpoints) is None
    assert not (tmp_path / "evaluation.json").exists()
    assert events(tmp_path / "metrics.jsonl")[-1]["event"] == "stop"


def test_bf16_learns_as_fp32_does(tiny_config, tp1_run, tmp_path):
    config = tiny_config(tmp_path, precision="bf16")
    assert loop.train(config) == 0
    assert losses(config) == pytest.approx(losses(tp1_run), abs=0.1)


def test_an_error_is_one_line_and_exit_code_2(tiny_config, tmp_path, capfd):
    config = tiny_config(
        tmp_path / "run",
        shards=str(tmp_path / "none"),
        parallel=ParallelConfig(processes=2, tp=2),
    )
    assert launch(config) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: no shard manifest")


def wait_for(condition, timeout_s=120):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.01)


def _processes_of(folder):
    """The processes whose command line names the folder."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            commands.append(path.read_text())
    return [command for command in commands if f"{folder}/" in command]


def _root():
    return Path(__file__).parents[2]
