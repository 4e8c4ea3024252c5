"""What people do wrong is one line on stderr and exit code 2 for the whole job, started as they do.

Most of it is told before there are processes; the last few need two.
"""

import json
import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from corpus.config import to_tree
from jobs import training
from train import identity, launch, loop
from train.config import ParallelConfig, TrainConfig

ROOT = str(Path(__file__).parents[2])


@pytest.fixture
def config(tiny_config, tmp_path) -> TrainConfig:
    """Of two processes of one sequence each."""
    return tiny_config(
        tmp_path / "run",
        parallel=ParallelConfig(processes=2),
        micro_batch=1,
        eval_interval=0,
        save_interval=0,
        start_timeout_s=200.0,
    )


@pytest.fixture
def start(tmp_path):
    """Starts launchers side by side, each with its config's tree and further variables; returns
    their exit codes and all lines on stderr."""

    def start(*trees: dict, **variables: str) -> tuple[list[int], list[str]]:
        runs = []
        for node, tree in enumerate(trees):
            path = tmp_path / f"config-{node}.json"
            path.write_text(json.dumps(tree))
            more = {"SLURM_PROCID": str(node), "SLURM_LOCALID": str(node), **variables}
            runs.append(
                subprocess.Popen(
                    [sys.executable, "-m", "train.launch", str(path)],
                    env={**os.environ, "OMP_NUM_THREADS": "1", **more},
                    cwd=ROOT,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        said = [run.communicate(timeout=300)[1] for run in runs]
        return [run.returncode for run in runs], "".join(said).splitlines()

    return start


def srun(port: int) -> dict[str, str]:
    """As srun starts a launcher on each of two nodes."""
    return {"SLURM_STEP_NUM_TASKS": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"parallel.tp": 4}, "processes=2 is not a multiple of tp*pp=4*1=4; "),
        ({"parallel.processes": 8, "parallel.tp": 8}, "num_heads=4; "),
        (
            {"parallel.processes": 3, "parallel.tp": 3, "model.dim": 96, "model.num_heads": 6},
            "vocab=320; ",
        ),
        ({"tokenizer": "other.model"}, ".arrow was written with tokenizer "),
    ],
    ids=["world size", "heads", "vocabulary", "shards of another tokenizer"],
)
def test_before_there_are_processes(start, config, tmp_path, changes, said):
    tree = to_tree(config)
    other = tmp_path / "other.model"
    other.write_bytes(Path(config.tokenizer).read_bytes() + b"\0")
    for key, value in changes.items():
        section, _, name = key.rpartition(".")
        (tree[section] if section else tree)[name] = str(other) if name == "tokenizer" else value
    codes, lines = start(tree)
    assert (codes, len(lines)) == ([2], 1), lines
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert not (tmp_path / "run/checkpoints").exists()


def test_one_process_of_a_config_of_two(config, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(to_tree(config)))
    done = subprocess.run(
        [sys.executable, "-m", "train.entry", str(path)],  # as torchrun starts one
        env={**os.environ, "RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert "1 processes were started, and processes*nodes=2*1=2; " in done.stderr


def test_a_port_in_use(start, config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        tree = to_tree(replace(config, parallel=ParallelConfig(processes=1, nodes=2)))
        codes, lines = start(tree, **srun(port))
    assert (codes, len(lines)) == ([2], 1), lines
    assert lines[0].startswith(f"error: port {port} of ")


def test_other_nodes_than_the_configs(start, config):
    codes, lines = start(to_tree(config), to_tree(config), **srun(free_port()))
    assert (codes, len(lines)) == ([2, 2], 1), lines
    assert lines[0].startswith("error: nodes=1 and 2 launchers were started")


def test_too_little_memory(start, config):
    codes, lines = start(to_tree(replace(config, memory_limit_gb=1e-3)))
    assert (codes, len(lines)) == ([2], 1), lines
    assert lines[0].startswith("error: a process needs about ")


def test_a_checkpoint_of_another_model(start, config):
    folder = config.checkpoints / "step-00000001"
    folder.mkdir(parents=True)
    (folder / ".metadata").touch()
    shape = replace(config.shape, ffn=128)
    fingerprint = loop.data_fingerprint(config.manifest)
    of = identity.Identity(shape, config.seed, fingerprint, "tokenizer")
    (folder / identity.RUN).write_text(json.dumps({"step": 1, **asdict(of)}))
    (config.checkpoints / "latest.json").write_text(json.dumps({"step": 1, "folder": folder.name}))
    codes, lines = start(to_tree(config))
    assert (codes, len(lines)) == ([2], 1), lines
    assert "ffn" in lines[0]


def test_a_node_with_another_config(start, config):
    config = replace(config, parallel=ParallelConfig(processes=1, nodes=2))
    trees = to_tree(config), to_tree(replace(config, seed=5))
    codes, lines = start(*trees, **srun(free_port()))
    assert (codes, len(lines)) == ([2, 2], 1), lines
    assert lines[0].startswith("error: rank 1 (pid ")
    assert "has train.seed=5, rank 0 1; start all with the same config" in lines[0]


def test_a_node_without_shards(start, config, tmp_path):
    config = replace(config, parallel=ParallelConfig(processes=1, nodes=2))
    without = replace(config, shards=str(tmp_path / "none"))
    codes, lines = start(to_tree(config), to_tree(without), **srun(free_port()))
    assert (codes, len(lines)) == ([2, 2], 1), lines
    assert lines[0].startswith("error: no shard manifest: ")


def test_only_the_first_node_clears_the_folder_and_keeps_its_state(config, monkeypatch):
    config = replace(config, parallel=ParallelConfig(processes=1, nodes=2))
    folder = Path(config.output)
    folder.mkdir()
    (folder / training.KEY).write_text('{"key": "of another training"}')
    monkeypatch.setattr(launch, "launch", lambda _: 0)
    monkeypatch.setattr(training, "code_version", lambda _: "of the code")
    monkeypatch.setattr(training.manifest, "read", lambda _: SimpleNamespace(digest="of shards"))
    for name, value in {"NNODES": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NODE_RANK", "1")
    assert training.train_shards(config, fresh=True) == 0
    assert "another" in (folder / training.KEY).read_text()
    monkeypatch.setenv("NODE_RANK", "0")
    (folder / "metrics.jsonl").touch()
    assert training.train_shards(config, fresh=True) == 0
    assert json.loads((folder / training.KEY).read_text())["finished"]
    assert not (folder / "metrics.jsonl").exists()
