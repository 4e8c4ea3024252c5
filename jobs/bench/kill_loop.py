"""SIGKILL of a random process of a training run at a random moment, again and again.

After each kill the newest checkpoint must be whole, and the run started again must go on from it.
At the end the whole state (weights, moments, masters) must be that of a run nobody touched, bit for
bit, and metrics.jsonl must have each step once. Prints a table; kill_loop.md keeps a dated one.

    python -m jobs.bench.kill_loop --kills 20
"""

import argparse
import dataclasses
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
import torch.distributed.checkpoint as dcp

from corpus.config import to_tree
from jobs.bench.kill_data import config_of
from train import checkpoint
from train.boxes import Box
from train.config import TrainConfig
from train.metrics import read
from train.stored_state import STATES, Stored
from train.writing import sum_of


@dataclasses.dataclass(frozen=True)
class Death:
    """Which process is killed, and after how many seconds or steps, whatever comes first."""

    rank: int
    seconds: float
    steps: int


@dataclasses.dataclass(frozen=True)
class Life:
    """One start of the run, and its end."""

    rank: int | None  # that was killed; None where the run came to its end
    after_s: float  # since its processes were there
    resumed: int  # the step it went on from, 0: from the start
    reached: int  # the last step in the metrics
    kept: int  # the step of the checkpoint it left
    code: int  # the launcher's exit code
    start_s: float  # until its first step, 0 where there was none

    @property
    def lost(self) -> int:
        return max(self.reached - self.kept, 0)


def torment(
    config: TrainConfig, kills: int, seed: int, longest_s: float, told: Callable[[Life], None]
) -> list[Life]:
    """Kills a run so often and then lets it end: each time within `longest_s` of its start, every
    other time rather when it has done some steps, so few that it cannot end before.

    Raises AssertionError where a checkpoint is not whole, more is lost than two intervals of saves,
    or the run does not end.
    """
    draw, lives = random.Random(seed), list[Life]()
    most = config.schedule.steps // (kills + 1)
    for number in range(kills):
        rank, longest = draw.randrange(config.parallel.processes), draw.uniform(0, longest_s)
        death = Death(rank, longest if number % 2 else math.inf, draw.randint(1, most))
        lives.append(_live(config, death))
        told(lives[-1])
        _require_whole(config)
        # A save waits for the one before it, so two intervals are the most that one can be behind.
        assert lives[-1].lost <= 2 * config.save_interval, f"{lives[-1].lost} steps are lost"
    lives.append(_live(config, None))
    told(lives[-1])
    assert lives[-1].code == 0, f"the launcher's exit code was {lives[-1].code}"
    return lives


def differences(one: TrainConfig, other: TrainConfig) -> list[str]:
    """What of two runs is not equal: names of tensors in the last checkpoints, steps of rows."""
    mine, theirs = _state(one), _state(other)
    found = [n for n in mine.keys() | theirs.keys() if not _equal(mine.get(n), theirs.get(n))]
    rows = [
        [(row["step"], row["loss"], row["grad_norm"]) for row in read(_metrics(run))]
        for run in (one, other)
    ]
    return sorted(found) + [f"step {a[0]}" for a, b in zip(*rows, strict=True) if a != b]


def _live(config: TrainConfig, death: Death | None) -> Life:
    output = Path(config.output)
    output.mkdir(parents=True, exist_ok=True)
    path = output.with_name(output.name + ".json")
    path.write_text(json.dumps(to_tree(config)))
    found = checkpoint.latest(config.checkpoints)
    resumed = found[0] if found else 0
    started = time.time()
    with (output / "output.txt").open("a") as log:
        launcher = subprocess.Popen(
            [sys.executable, "-m", "train.launch", str(path)], stdout=log, stderr=log
        )
        ranks = _ranks(launcher, config.parallel.processes)
        began = time.monotonic()
        start_s = 0.0
        while launcher.poll() is None:
            passed, steps = time.monotonic() - began, _steps_since(config, started, resumed)
            if steps and not start_s:
                start_s = passed
            if death is not None and (passed > death.seconds or steps >= death.steps):
                ranks[death.rank].kill()
                break
            time.sleep(0.02)
        code = launcher.wait(timeout=600)
    rows, kept = read(_metrics(config)), checkpoint.latest(config.checkpoints)
    return Life(
        rank=death.rank if death else None,
        after_s=time.monotonic() - began,
        resumed=resumed,
        reached=rows[-1]["step"] if rows else 0,
        kept=kept[0] if kept else 0,
        code=code,
        start_s=start_s,
    )


def _steps_since(config: TrainConfig, started: float, resumed: int) -> int:
    # Until it has resumed, the rows are those of the life before.
    path = _metrics(config)
    if not path.exists() or path.stat().st_mtime < started:
        return 0
    rows = read(path)
    return rows[-1]["step"] - resumed if rows else 0


def _ranks(launcher: subprocess.Popen[bytes], count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        children = psutil.Process(launcher.pid).children()
        if len(children) == count:
            return sorted(children, key=lambda child: child.pid)
        time.sleep(0.01)
    raise AssertionError("the launcher started no processes")


def _require_whole(config: TrainConfig) -> None:
    found = checkpoint.latest(config.checkpoints)
    if found is None:
        return
    for name, stored in checkpoint.facts(found[1])["files"].items():
        assert sum_of(found[1] / name) == stored, f"{found[1] / name} is not what was written"


def _state(config: TrainConfig) -> dict[str, torch.Tensor]:
    found = checkpoint.latest(config.checkpoints)
    assert found is not None
    reader = dcp.FileSystemReader(found[1])
    stored = reader.read_metadata().state_dict_metadata
    tensors = {
        name: torch.empty(one.size, dtype=one.properties.dtype)
        for name, one in stored.items()
        if isinstance(one, dcp.metadata.TensorStorageMetadata)
    }
    dcp.load(tensors, storage_reader=reader, no_dist=True)
    with Stored(found[1]) as optimizer:
        for key, shape in optimizer.shapes.items():
            for state in STATES:
                tensor = torch.empty(shape)
                optimizer.read(state, key, Box((0,) * len(shape), shape), tensor.numpy())
                tensors[f"optimizer.state.{state}.{key}"] = tensor
    return tensors


def _equal(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    return one is not None and other is not None and torch.equal(one, other)


def _metrics(config: TrainConfig) -> Path:
    return Path(config.output) / "metrics.jsonl"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--save-interval", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(Path(folder), options.steps, options.save_interval)
        untouched = dataclasses.replace(config, output=str(Path(folder) / "untouched"))
        whole = _live(untouched, None)
        assert whole.code == 0
        times = f"{whole.after_s:.0f} s, of them {whole.start_s:.0f} s to start"
        print(f"untouched: {options.steps} steps in {times}\n")
        print("| kill | rank | after s | resumed at | reached | checkpoint | steps lost |")
        print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
        number = iter(range(1, options.kills + 2))

        def told(life: Life) -> None:
            name = next(number) if life.rank is not None else "end"
            rank = "" if life.rank is None else life.rank
            cells = (name, rank, f"{life.after_s:.1f}", life.resumed, life.reached, life.kept)
            print("|", " | ".join(map(str, (*cells, life.lost))), "|", flush=True)

        # Of every other life more than half end while libraries load and the checkpoint is read.
        torment(config, options.kills, options.seed, 1.5 * whole.start_s, told)
        unequal = differences(config, untouched)
    print(f"\nstate and metrics beside the untouched run: {', '.join(unequal) or 'equal'}")
    return 1 if unequal else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
