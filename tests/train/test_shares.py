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

# In each chain given, a folder of configs, each layout loads what the one before it saved, and
# saves it.
FOUR = """
import dataclasses, sys
from pathlib import Path
import torch
from corpus.config import load
from train import checkpoint, identity, member, parallel, saver, setup
from train.config import TrainConfig
for chain in map(Path, sys.argv[1:]):
    first, *rest = [load(TrainConfig, str(path)) for path in sorted(chain.glob("*.json"))]
    for number, config in enumerate(rest):
        store = torch.distributed.FileStore(str(chain / f"store-{number}"), 4)
        member.group_store = lambda: store
        with parallel.joined(config):
            training = setup.build(config)
            step, folder = checkpoint.latest(first.checkpoints)
            facts = checkpoint.facts(folder)
            who = identity.Identity(config.shape, config.seed, facts["data"], facts["tokenizer"])
            source = dataclasses.replace(config, output=first.output)
            assert checkpoint.load(training, who, source) == 3
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


def chain_of(tiny_config, folder, precision):
    """The configs of a chain in a folder: of a run that is trained here, and of each layout."""
    folder.mkdir()
    changes = {"model": FOUR_LAYERS, "steps": 3, "precision": precision, "unigram_baseline": False}
    changes |= {"micro_batch": 1, "eval_sequences": 4, "save_interval": 0, "eval_interval": 0}
    changes |= {"optim": dataclasses.replace(tiny_config(folder).optim, warmup_steps=1)}
    first = tiny_config(folder / "first", **changes)
    assert loop.train(first) == 0
    runs = [
        dataclasses.replace(first, output=str(folder / str(number)), parallel=layout)
        for number, layout in enumerate(CHAIN)
    ]
    for number, config in enumerate([first, *runs]):
        (folder / f"{number}.json").write_text(json.dumps(to_tree(config)))
    return first, runs


def test_it_goes_through_every_layout_and_stays_what_it_was(tiny_config, tmp_path):
    # In fp32 masters are views of the weights.
    chains = {name: chain_of(tiny_config, tmp_path / name, name) for name in ("bf16", "fp32")}
    environment = {**os.environ, "WORLD_SIZE": "4", "OMP_NUM_THREADS": "1"}
    environment |= {"PYTHONPATH": str(ROOT), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", FOUR, *(tmp_path / name for name in chains)],
            env={**environment, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(4)
    ]
    told = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, told
    for first, runs in chains.values():
        check(first, runs)


def check(first, runs):
    wanted = state(first)
    assert len(wanted) == 3 + 4 * 9 + 3 * 9
    for config in runs:
        assert state(config) == wanted, (config.precision, config.parallel)
        files = sorted(checkpoint.latest(config.checkpoints)[1].glob("optimizer-*.bin"))
        parameters = config.shape.num_parameters
        # Each process wrote its share, and what several have was written once.
        assert sum(path.stat().st_size for path in files) == 12 * parameters
        assert max(path.stat().st_size for path in files) < 1.3 * 12 * parameters / 4
