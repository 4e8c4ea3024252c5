"""Processes that torchrun, or any launcher of its kind, starts wait for one another's checks."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from train import soundness
from train.readiness import when_all_are_ready
from train.soundness import require_sound_shards

ROOT = str(Path(__file__).parents[2])
# The first process takes longer over its check than the group's time limit is.
LATE = """
import datetime, os, sys, time
import torch
from corpus.errors import ShardError
from train.readiness import when_all_are_ready

def prepare():
    if os.environ["RANK"] == "0":
        time.sleep(12)
        if sys.argv[1] == "damaged":
            raise ShardError("web.arrow is damaged")

try:
    prepare() if sys.argv[1] == "alone" else when_all_are_ready(prepare)
except ShardError as error:
    print("refused:", error, flush=True)
    os._exit(2)
torch.distributed.init_process_group("gloo", timeout=datetime.timedelta(seconds=8))
total = torch.ones(1)
torch.distributed.all_reduce(total)
print("met", int(total), flush=True)
os._exit(0)
"""


@pytest.fixture
def script(tmp_path) -> str:
    (tmp_path / "late.py").write_text(LATE)
    return str(tmp_path / "late.py")


def run(script: str, how: str, ranks: int = 2) -> list[tuple[int, str]]:
    """Exit code and output of each of several processes of one run."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = []
    for rank in range(ranks):
        world = {"RANK": str(rank), "WORLD_SIZE": str(ranks), "PYTHONPATH": ROOT}
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, script, how]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        started.append(subprocess.Popen(command, env={**os.environ, **world, **place}, **pipes))
    try:
        return [(process.wait(150), process.stdout.read()) for process in started]
    finally:
        for process in started:
            process.kill()


def test_a_check_may_outlast_the_groups_time_limit(script):
    assert any(code for code, _ in run(script, "alone"))
    assert run(script, "together") == [(0, "met 2\n")] * 2


def test_what_one_process_finds_ends_all_with_the_same_line(script):
    assert run(script, "damaged") == [(2, "refused: web.arrow is damaged\n")] * 2


def test_a_process_alone_waits_for_none():
    done = []
    when_all_are_ready(lambda: done.append(1))
    assert done == [1]


def test_under_torchrun_too(script):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    environment = {**os.environ, "PYTHONPATH": ROOT, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, script, "together"], env=environment, capture_output=True, text=True, timeout=150
    )
    assert (done.returncode, done.stdout) == (0, "met 2\n" * 2), done.stderr


def test_a_long_check_says_how_far_it_is(tiny_config, tmp_path, monkeypatch, capfd):
    config = tiny_config(tmp_path / "run")
    require_sound_shards(config)
    assert capfd.readouterr().out == ""
    monkeypatch.setattr(soundness, "TELL_EVERY_S", 0.0)
    require_sound_shards(config)
    lines = capfd.readouterr().out.splitlines()
    assert lines[-1].startswith("checking shards: 0.0 of 0.0 GB read")
