"""SIGKILL of any process at any moment. `python -m jobs.bench.kill_loop` does more of it."""

import dataclasses

import pytest

from jobs.bench.kill_loop import differences, torment
from train.launch import launch
from train.layout import ParallelConfig


def test_three_kills_cost_steps_and_nothing_else(tiny_config, tmp_path):
    config = tiny_config(
        tmp_path / "killed",
        parallel=ParallelConfig(processes=2),
        steps=60,
        save_interval=5,
        eval_interval=0,
        eval_sequences=4,
    )
    untouched = dataclasses.replace(config, output=str(tmp_path / "untouched"))
    assert launch(untouched) == 0
    lives = torment(config, kills=3, seed=3, longest_s=8, told=lambda life: None)
    assert [life.rank is not None for life in lives] == [True] * 3 + [False]
    assert max(life.lost for life in lives) <= 2 * config.save_interval
    assert [life.resumed for life in lives[1:]] == [life.kept for life in lives[:-1]]
    assert differences(config, untouched) == []


def test_what_differs_is_found(tp1_run, tiny_config, tmp_path):
    other = tiny_config(tmp_path / "other", seed=2)
    from train import loop

    assert loop.train(other) == 0
    found = differences(tp1_run, other)
    assert "embedding.word_embeddings.weight" in found
    assert "optimizer.state.exp_avg.output_layer.weight" in found
    assert "step 1" in found
    assert differences(tp1_run, tp1_run) == pytest.approx([])
