"""A step's loss by source: the means of its sequences, in any layout."""

from pathlib import Path

import pytest

from train import loop
from train.config import LogConfig, OptimConfig, ParallelConfig
from train.data import Loader
from train.launch import launch
from train.metrics import read


def test_the_sources_of_a_step_are_those_its_samples_are_read_from(tp1_run):
    loader = Loader(tp1_run.manifest, tp1_run.weights, 32, 8, tp1_run.seed)
    firsts = loader._stream.firsts
    for step in (0, 7):
        sources = loader.sources_of(step)
        of_places = [max(i for i in range(2) if firsts[i] <= p) for p in loader.locate(step)]
        assert sources.tolist() == of_places
    before, after = loader.realised(7), loader.realised(8)
    counts = {name: (after[name] - before[name]) // 32 for name in loader.sources}
    assert [sources.tolist().count(i) for i in range(2)] == [counts["code"], counts["web"]]


def test_the_losses_of_the_sources_make_up_the_step_s(tp1_run):
    loader = Loader(tp1_run.manifest, tp1_run.weights, 32, 8, tp1_run.seed)
    for row in read(Path(tp1_run.output) / "metrics.jsonl"):
        counts = loader.sources_of(row["step"] - 1).tolist()
        parts = [
            row["loss_by_source"].get(name, 0.0) * counts.count(i) / 8
            for i, name in enumerate(loader.sources)
        ]
        assert sum(parts) == pytest.approx(row["loss"], rel=1e-9)
    assert row["loss_by_source"]["code"] != row["loss_by_source"]["web"]


@pytest.mark.parametrize("layout", [{"pp": 2}, {}], ids=["pipeline", "replicas"])
def test_replicas_and_pipeline_stages_give_the_same(tiny_config, tmp_path, layout):
    quick = {"optim": OptimConfig(warmup_steps=0), "log": LogConfig(tensorboard=False), "steps": 2}
    alone = tiny_config(tmp_path / "alone", **quick)
    assert loop.train(alone) == 0
    together = ParallelConfig(processes=2, **layout)
    assert launch(tiny_config(tmp_path / "together", parallel=together, **quick)) == 0
    one, two = (read(tmp_path / name / "metrics.jsonl") for name in ("alone", "together"))
    for mine, theirs in zip(two, one, strict=True):
        assert mine["loss_by_source"] == pytest.approx(theirs["loss_by_source"], rel=1e-5)


def test_of_one_source_there_is_but_the_step_s(tiny_config, tmp_path):
    quick = {"optim": OptimConfig(warmup_steps=0), "log": LogConfig(tensorboard=False)}
    assert loop.train(tiny_config(tmp_path, weights={"web": 1.0}, steps=1, **quick)) == 0
    assert read(tmp_path / "metrics.jsonl")[0]["loss_by_source"] == {}
