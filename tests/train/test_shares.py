"""Each process's share of the optimizer's state: from layout to layout, bit for bit."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from corpus.config import to_tree
from train import checkpoint, loop, weights
from train.boxes import Box
from train.config import ModelConfig
from train.layout import ParallelConfig
from train.stored_state import STATES, Stored

ROOT = Path(__file__).parents[2]
FOUR_LAYERS = ModelConfig(dim=64, num_heads=4, num_layers=4, ffn=96, vocab=320, seq_length=32)
CHAIN = [
    ParallelConfig(processes=4),
    ParallelConfig(processes=4, tp=4, sequence_parallel=True),
    ParallelConfig(processes=4, pp=2, vpp=2),
    ParallelConfig(processes=4, tp=2, pp=2),
    ParallelConfig(processes=4, cp=2, pp=2),
    ParallelConfig(processes=4, tp=2, cp=2),
]

# Each layout loads what the one before it saved, and saves it.
FOUR = """
import dataclasses, sys
from pathlib import Path
import torch
from corpus.config import load
from train import checkpoint, identity, member, parallel, saver, setup
from train.config import TrainConfig
first, *rest = [load(TrainConfig, path) for path in sys.argv[2:]]
for number, config in enumerate(rest):
    store = torch.distributed.FileStore(f"{sys.argv[1]}-{number}", 4)
    member.group_store = lambda: store
    with parallel.joined(config):
        training = setup.build(config)
        step, folder = checkpoint.latest(first.checkpoints)
        facts = checkpoint.facts(folder)
        who = identity.Identity(config.shape, config.seed, facts["data"], facts["tokenizer"])
        assert checkpoint.load(training, who, dataclasses.replace(config, output=first.output)) == 3
        one = saver.Saver(config, lambda row: None)
        one.begin(training, step, facts)
        one.finish()
    first = config
"""


def state(config):
    """All tensors of a run's last checkpoint, as bits."""
    folder = checkpoint.latest(config.checkpoints)[1]
    found = {name: tensor.float().numpy() for name, tensor in weights.read(folder)}
    with Stored(folder) as stored:
        for key, shape in stored.shapes.items():
            for name in STATES:
                found[f"{name} {key}"] = np.empty(shape, np.float32)
                stored.read(name, key, Box((0,) * len(shape), shape), found[f"{name} {key}"])
    return {name: array.tobytes() for name, array in found.items()}


def test_it_goes_through_every_layout_and_stays_what_it_was(tiny_config, tmp_path):
    changes = {"model": FOUR_LAYERS, "steps": 3, "precision": "bf16", "unigram_baseline": False}
    changes |= {"micro_batch": 1, "eval_sequences": 4, "save_interval": 0, "eval_interval": 0}
    changes |= {"optim": dataclasses.replace(tiny_config(tmp_path).optim, warmup_steps=1)}
    first = tiny_config(tmp_path / "first", **changes)
    assert loop.train(first) == 0
    runs = [
        dataclasses.replace(first, output=str(tmp_path / str(number)), parallel=layout)
        for number, layout in enumerate(CHAIN)
    ]
    paths = [tmp_path / f"{number}.json" for number in range(len(CHAIN) + 1)]
    for path, config in zip(paths, [first, *runs], strict=True):
        path.write_text(json.dumps(to_tree(config)))
    environment = {**os.environ, "WORLD_SIZE": "4", "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", FOUR, str(tmp_path / "store"), *paths],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(4)
    ]
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, told
    wanted = state(first)
    assert len(wanted) == 3 + 4 * 9 + 3 * 9
    for config in runs:
        assert state(config) == wanted, config.parallel
        files = sorted(checkpoint.latest(config.checkpoints)[1].glob("optimizer-*.bin"))
        parameters = config.shape.num_parameters
        # Each process wrote its share, and what several have was written once.
        assert sum(path.stat().st_size for path in files) == 12 * parameters
        assert max(path.stat().st_size for path in files) < 1.3 * 12 * parameters / 4
