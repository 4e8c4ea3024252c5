"""Every layout trains one and the same model, from its first weights to any other layout's
checkpoint."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.bench import parity
from jobs.bench.parity_reference import initial_weights
from train import init, loop, setup, weights
from train import parallel as parallel_groups
from train.config import ModelConfig, OptimConfig
from train.launch import launch
from train.layout import ParallelConfig
from train.metrics import read

FOUR_LAYERS = ModelConfig(dim=64, num_heads=4, num_layers=4, ffn=96, vocab=320, seq_length=32)
INTERLEAVED = ParallelConfig(processes=2, pp=2, vpp=2)


def layouts(*names):
    return {name: parity.LAYOUTS[name] for name in names}


@pytest.mark.parametrize(
    "compared",
    [
        layouts("tp1", "tp1, recompute selective", "tp1, recompute full"),
        layouts("dp2", "tp2 + sp, recompute selective", "pp2", "pp2, interleaved", "cp2"),
        layouts("tp2 x pp2"),
    ],
    ids=["one process", "two processes", "four processes"],
)
def test_a_layout_trains_as_plain_torch_does(compared):
    for name, difference in parity.measure(compared, document_mask=False).items():
        assert difference.is_within, f"{name}: {difference}"


def test_documents_are_kept_apart_in_every_layout():
    compared = layouts("tp2 + sp", "pp2, interleaved", "cp2")
    for name, difference in parity.measure(compared, document_mask=True, steps=10).items():
        assert difference.is_within, f"{name}: {difference}"


def losses(output):
    return [row["loss"] for row in read(Path(output) / "metrics.jsonl") if "loss" in row]


def tensors(output):
    return dict(weights.read(weights.resolve(Path(output))))


@pytest.mark.parametrize(
    "parallel",
    [
        ParallelConfig(),
        INTERLEAVED,
        ParallelConfig(processes=2, tp=2, sequence_parallel=True),
        ParallelConfig(processes=2, cp=2),
    ],
    ids=["tp1", "pp2 interleaved", "tp2", "cp2"],
)
def test_initial_weights_are_equal_in_every_layout(tiny_config, tmp_path, parallel):
    still = OptimConfig(lr=0.0, warmup_steps=0)
    changes = {"model": FOUR_LAYERS, "optim": still, "steps": 1, "unigram_baseline": False}
    config = tiny_config(tmp_path / "run", parallel=parallel, eval_sequences=2, **changes)
    assert (loop.train if parallel.processes == 1 else launch)(config) == 0
    found = tensors(config.output)
    wanted = initial_weights(config.shape, config.seed)
    assert torch.equal(found["model.embed_tokens.weight"], wanted["embedding"])
    assert torch.equal(found["lm_head.weight"], wanted["output"])
    names = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "o_proj"}
    for layer in range(4):
        for short, name in names.items():
            tensor = found[f"model.layers.{layer}.self_attn.{name}.weight"]
            assert torch.equal(tensor, wanted[f"{layer}.{short}"]), (layer, name)
        for name in ("gate", "up", "down"):
            tensor = found[f"model.layers.{layer}.mlp.{name}_proj.weight"]
            assert torch.equal(tensor, wanted[f"{layer}.{name}"]), (layer, name)


def test_bf16_has_masters_gradients_and_moments_in_fp32(tiny_config, tmp_path):
    with parallel_groups.joined(config := tiny_config(tmp_path, precision="bf16")):
        training = setup.build(config)
        params = list(training.model[0].parameters())
        [part] = training.optimizer.chained_optimizers
        masters = [p for group in part.optimizer.param_groups for p in group["params"]]
        moments = [part.optimizer.state[master]["exp_avg"] for master in masters]
    assert {p.dtype for p in params} == {torch.bfloat16}
    assert {p.main_grad.dtype for p in params} == {torch.float32}
    assert {t.dtype for t in [*masters, *moments]} == {torch.float32}


@settings(max_examples=30, deadline=None)
@given(first=st.integers(0, 300), count=st.integers(1, 200))
def test_rows_of_a_matrix_are_the_same_whoever_draws_them(first, count):
    whole = init.rows("1 a", 0, 500, 8)
    np.testing.assert_array_equal(
        init.rows("1 a", first, first + count, 8), whole[first : first + count]
    )


def test_weights_are_normal_and_of_their_name_and_seed():
    drawn = {key: init.rows(key, 0, 1000, 100) for key in ("1 a", "1 b", "2 a")}
    for values in drawn.values():
        assert abs(values.mean()) < 0.01
        assert abs(values.std() - 1) < 0.01
        assert len(np.unique(values[:, 0])) > 990  # no block repeats another
    assert abs(np.corrcoef([values.ravel() for values in drawn.values()]) - np.eye(3)).max() < 0.02


def test_an_interleaved_runs_checkpoint_goes_on_in_other_layouts(tiny_config, tmp_path):
    changes = {"model": FOUR_LAYERS, "steps": 8, "save_interval": 4, "unigram_baseline": False}
    changes |= {"eval_sequences": 6, "optim": OptimConfig(lr=5e-3, warmup_steps=2)}
    config = tiny_config(tmp_path / "run", parallel=INTERLEAVED, micro_batch=2, **changes)
    assert launch(config) == 0
    evaluated = read(Path(config.output) / "metrics.jsonl")[-1]["validation_bits_per_byte"]
    for name, parallel in {
        "one": ParallelConfig(),
        "context": ParallelConfig(processes=2, cp=2),
        "stages": ParallelConfig(processes=2, pp=2, recompute="selective"),
    }.items():
        output = tmp_path / name
        shutil.copytree(config.checkpoints / "step-00000004", output / "checkpoints/step-00000004")
        pointer = {"step": 4, "folder": "step-00000004"}
        (output / "checkpoints/latest.json").write_text(json.dumps(pointer))
        other = dataclasses.replace(config, output=str(output), parallel=parallel)
        assert (loop.train if parallel.processes == 1 else launch)(other) == 0
        assert losses(output) == pytest.approx(losses(config.output)[4:], abs=2e-5)
        bits = read(output / "metrics.jsonl")[-1]["validation_bits_per_byte"]
        assert bits == pytest.approx(evaluated, abs=2e-5)


def test_a_checkpoint_between_a_step_and_the_next_pass_has_the_steps_weights(tiny_config, tmp_path):
    changes = {"steps": 3, "save_interval": 2, "eval_interval": 0, "unigram_baseline": False}
    changes |= {"eval_sequences": 2, "optim": OptimConfig(lr=5e-3, warmup_steps=1)}
    one = tiny_config(tmp_path / "one", **changes)
    two = tiny_config(tmp_path / "two", parallel=ParallelConfig(processes=2), **changes)
    assert loop.train(one) == 0
    assert launch(two) == 0
    wanted, found = (dict(weights.read(c.checkpoints / "step-00000002")) for c in (one, two))
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-4, rtol=0, msg=name)
