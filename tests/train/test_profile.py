"""A profile is a trace that tools can read, with the ranges of a step, and a table."""

import gzip
import json

import pytest

from train import loop
from train.config import LogConfig, OptimConfig
from train.metrics import read

_QUICK = OptimConfig(lr=1e-3, warmup_steps=1)


def trace_of(folder):
    (path,) = folder.glob("*.json.gz")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return path.name, json.load(file)["traceEvents"]


def test_steps_are_traced_with_their_ranges(tiny_config, tmp_path, capsys):
    log = LogConfig(profile_steps=2, tensorboard=False)
    assert loop.train(tiny_config(tmp_path, steps=8, log=log)) == 0
    name, events = trace_of(tmp_path / "profile")
    assert name == "steps-3-4-rank-0.json.gz"
    ranges = [e["name"] for e in events if e.get("cat") == "user_annotation"]
    # Two steps of two micro-batches each.
    assert {n: ranges.count(n) for n in ("data_wait", "forward", "backward", "optimizer")} == {
        "data_wait": 2,
        "forward": 4,
        "backward": 4,
        "optimizer": 2,
    }
    assert any(e["name"] == "aten::mm" for e in events)
    table = (tmp_path / "profile" / "steps-3-4-rank-0.txt").read_text()
    assert "Self CPU time total" in table
    assert "optimizer" in table
    said = capsys.readouterr().out
    assert f"profile of steps 3 to 4: {tmp_path / 'profile' / name}" in said
    assert len(read(tmp_path / "metrics.jsonl")) == 8, "the run goes on"


@pytest.mark.parametrize(("steps", "asked", "traced"), [(2, 5, "1-2"), (3, 2, "2-3")])
def test_of_a_run_that_is_too_short_what_there_is_is_traced(
    tiny_config, tmp_path, steps, asked, traced
):
    log = LogConfig(profile_steps=asked, tensorboard=False)
    assert loop.train(tiny_config(tmp_path, steps=steps, optim=_QUICK, log=log)) == 0
    assert trace_of(tmp_path / "profile")[0] == f"steps-{traced}-rank-0.json.gz"
