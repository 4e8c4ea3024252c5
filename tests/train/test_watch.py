"""Events between the steps are in the metrics, each where it belongs."""

import pytest

from corpus.errors import DataError
from train import loop, step
from train.config import LogConfig, OptimConfig
from train.metrics import events, read
from train.mixture import WeightsFrom

WEB, BOTH = {"web": 1.0}, {"web": 1.0, "code": 1.0}


def told(folder):
    kinds = ("resume", "weights")
    return [
        (e["event"], e["step"]) for e in events(folder / "metrics.jsonl") if e["event"] in kinds
    ]


def test_resumes_and_changes_of_weights_are_told_once(tiny_config, tmp_path, monkeypatch, capsys):
    changes = {"optim": OptimConfig(warmup_steps=1), "log": LogConfig(tensorboard=False)}
    changes |= {"eval_interval": 0, "steps": 10, "async_save": False}

    def run(*segments, **more):
        weights = tuple(WeightsFrom(first, shares) for first, shares in segments)
        config = tiny_config(tmp_path, weights=weights, save_interval=4, **changes, **more)
        return loop.train(config)

    # It dies in step 7, after the change at 6 was told and before that was saved.
    take = step.take

    def dies(training, windows, number, *rest):
        if number == 7:
            raise DataError("spoilt")
        return take(training, windows, number, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(step, "take", dies)
        with pytest.raises(DataError, match="spoilt"):
            run((0, WEB), (2, BOTH), (6, WEB))
    assert told(tmp_path) == [("weights", 2), ("weights", 6)]
    assert run((0, WEB), (2, BOTH), (4, WEB), (6, BOTH)) == 0
    assert told(tmp_path) == [("weights", 2), ("resume", 4), ("weights", 4), ("weights", 6)]
    assert "resuming at step 4 of 10\n" in capsys.readouterr().out
    assert [row["step"] for row in read(tmp_path / "metrics.jsonl")] == list(range(1, 11))
    [resume] = [e for e in events(tmp_path / "metrics.jsonl") if e["event"] == "resume"]
    assert (resume["processes"], resume["tp"]) == (1, 1)
    [change] = [e for e in events(tmp_path / "metrics.jsonl") if e["step"] == 4 and "weights" in e]
    assert change["weights"] == WEB
