"""A training that SLURM tells to stop goes on after the requeue as if nothing had been."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from commands import BIN, run, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

# What is learnt; the rest of a row is a clock's readings, which may differ.
LEARNT = ("step", "loss", "grad_norm", "learning_rate", "tokens", "validation_bits_per_byte")


def rows(output: Path) -> list[dict]:
    text = (output / "train" / "metrics.jsonl").read_text()
    found = [json.loads(line) for line in text.splitlines()]
    return [{k: row.get(k) for k in LEARNT} for row in found if "event" not in row]


@pytest.fixture(scope="module")
def straight(config: Path, built: Path, place: Path) -> Path:
    """The training as it is when nothing disturbs it, on this machine."""
    folder = place / "straight"
    shutil.copytree(built, folder)
    run(BIN / "altiplano", "train", config, "--set", f"output={folder}")
    return folder


@pytest.mark.parametrize("nodes", [1, 2])
def test_the_signal_saves_requeues_and_resumes(
    slurm: dict[str, str], config: Path, built: Path, straight: Path, place: Path, nodes: int
) -> None:
    stopped, log = place / f"stopped-{nodes}", place / f"job-{nodes}.log"
    shutil.copytree(built, stopped)
    told = run(
        "sbatch",
        "--parsable",
        f"--nodes={nodes}",
        f"--output={log}",
        "jobs/train.sbatch",
        config,
        "--set",
        f"output={stopped}",
        "--set",
        f"train.parallel.processes={2 // nodes}",
        # Both nodes are this machine, which has no name as theirs.
        env={**slurm, "ALTIPLANO": str(BIN / "altiplano"), "MASTER_ADDR": "127.0.0.1"},
    )
    job = told.strip()
    metrics = stopped / "train" / "metrics.jsonl"

    def steps_done() -> int:
        return len(metrics.read_text().splitlines()) if metrics.exists() else 0

    def state() -> str:
        shown = run("scontrol", "show", "job", job, env=slurm)
        return re.findall(r"JobState=(\w+)", shown)[0]

    def ended() -> bool:
        return state() in ("COMPLETED", "FAILED", "CANCELLED")

    wait_until(lambda: steps_done() >= 5 or ended(), 300, "the first five steps")
    run("scancel", "--batch", "--signal=USR1", job, env=slurm)
    wait_until(ended, 400, "the job's end")

    text = log.read_text()
    assert state() == "COMPLETED", text
    assert f"saved; requeueing job {job}" in text
    assert f"job {job} starts, restart 1" in text
    assert re.search(r"resuming at step ([1-9]\d*) of", text), text
    steps = yaml.safe_load(config.read_text())["train"]["steps"]
    assert [row["step"] for row in rows(stopped)] == list(range(1, steps + 1))
    assert rows(stopped) == rows(straight)
