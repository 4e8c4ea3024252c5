"""The estimate of a GPU's memory, against what whole steps of real sizes would allocate there."""

import pytest
import torch
from fake_gpu import fake_gpu

from jobs.bench import train_runs
from train import memory
from train.config import ModelConfig, ParallelConfig


@pytest.mark.parametrize(
    ("preset", "sequences", "micro_batch", "layout"),
    [
        ("7b", 2, 2, {}),
        ("7b", 2, 2, {"recompute": "selective"}),
        ("7b", 2, 2, {"recompute": "full"}),
        ("65b", 2, 1, {"processes": 8, "nodes": 256, "tp": 8, "sequence_parallel": True}),
        ("13b", 4, 2, {"processes": 8, "tp": 2, "pp": 2}),
        ("13b", 8, 1, {"processes": 8, "pp": 4, "vpp": 2, "recompute": "selective"}),
    ],
)
def test_a_step_allocates_what_is_said(preset, sequences, micro_batch, layout):
    parallel = ParallelConfig(**layout)
    config = train_runs.config_of(ModelConfig(preset), sequences, micro_batch, "bf16", parallel)
    world_size = config.parallel.world_size
    with fake_gpu(0, world_size) as allocated, train_runs.trained(config) as ours:
        windows = torch.zeros(sequences, config.shape.seq_length + 1, dtype=torch.int64)
        ours.step(windows)  # makes what stays
        allocated.peak = 0
        ours.step(windows)
        peak = allocated.peak
    assert memory.estimate(config, world_size).tensors == pytest.approx(peak, rel=0.02)
