"""`altiplano train --plan`, held against LLaMA's published run."""

import json
from dataclasses import replace

import pytest

from corpus.errors import ConfigError
from jobs import training_plan
from train.config import ModelConfig, OptimConfig, ParallelConfig, TrainConfig


def _config(**fields):
    return TrainConfig(
        shards="none",
        tokenizer="none",
        output="none",
        weights={"web": 3.0, "code": 1.0},
        model=ModelConfig("65b"),
        parallel=ParallelConfig(processes=8, nodes=256, tp=8, sequence_parallel=True),
        **fields,
    )


def test_65b_takes_the_papers_time():
    told = "\n".join(training_plan.lines(_config(), "A100", 0.487))
    assert "65,285,660,672 parameters" in told
    assert "tp 8, cp 1, pp 1 (vpp 1), dp 256" in told
    assert "4,194,304 tokens: 2048 sequences, 8 micro-batches of 1 a replica" in told
    assert "1,400 billion tokens (web 75.0%, code 25.0%)" in told
    assert "weights 16.3, gradients 32.6, optimizer 0.383" in told
    assert "GB: 0.51 a process, 4.08 a node of 8" in told
    assert "380 tokens/s a process" in told
    assert "333,786 steps" in told
    # As train/README.md shows; "approximately 21 days", section 2.4.
    assert "time        20 days, 19:35:46 at 49% of 312 TFLOP/s" in told
    assert "1,023,173 GPU-hours" in told  # table 15: 1,022,362


@pytest.mark.parametrize("limit", [None, 60.0])
def test_nodes_are_planned_as_the_same_world_of_one_node(limit):
    cut = _config(memory_limit_gb=limit)
    whole = replace(cut, parallel=replace(cut.parallel, processes=2048, nodes=1))
    told = [training_plan.lines(config, "A100", 0.5) for config in (cut, whole)]
    apart = [line for line in zip(*told, strict=True) if line[0] != line[1]]
    assert [line[0].split()[0] for line in apart] == ["host"], "which is told of a node"


def test_what_does_not_fit_the_limit_is_refused():
    with pytest.raises(ConfigError, match=r"needs about 5\d\.\d GB and has 57\.0 GB of A100; "):
        training_plan.lines(_config(memory_limit_gb=57.0), "A100", 0.5)


def test_what_does_not_fit_a_gpu_of_the_named_size_is_refused():
    with pytest.raises(
        ConfigError, match=r"needs about 5\d\.\d GB and has 42\.1 GB of A100-40GB; "
    ):
        training_plan.lines(_config(), "A100-40GB", 0.5)
    assert any("in all 58.6" in line for line in training_plan.lines(_config(), "A100-80GB", 0.5))


def test_epochs_are_told_where_there_are_shards(tmp_path):
    files = [
        {"name": f"{name}.arrow", "bytes": 1, "sha256": "0" * 64, "rows": 1, "facts": facts}
        for name, facts in {
            "web": {"source": "web", "split": "train", "tokens": 3 * 2048},
            "held": {"source": "web", "split": "valid", "tokens": 999},
            "code": {"source": "code", "split": "train", "tokens": 4096},
        }.items()
    ]
    tree = {"version": 1, "stage": "shards", "files": files}
    (tmp_path / "manifest.json").write_text(json.dumps(tree))
    config = replace(_config(steps=1, optim=OptimConfig(warmup_steps=0)), shards=str(tmp_path))
    told = training_plan.lines(config, "", 0.5)
    assert told[4] == "epochs      web 512.00, code 256.00"
