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


def test_the_signal_saves_requeues_and_resumes(
    slurm: dict[str, str], config: Path, built: Path, place: Path
) -> None:
    straight, stopped = place / "straight", place / "stopped"
    for folder in (straight, stopped):
        shutil.copytree(built, folder)
    run(BIN / "altiplano", "train", config, "--set", f"output={straight}")

    log = place / "job.log"
    told = run(
        "sbatch",
        "--parsable",
        f"--output={log}",
        "jobs/train.sbatch",
        config,
        "--set",
        f"output={stopped}",
        env={**slurm, "ALTIPLANO": str(BIN / "altiplano")},
    )
    job = told.strip()
    metrics = stopped / "train" / "metrics.jsonl"

    def steps_done() -> int:
        return len(metrics.read_text().splitlines()) if metrics.exists() else 0

    def state() -> str:
        shown = run("scontrol", "show", "job", job, env=slurm)
        return re.findall(r"JobState=(\w+)", shown)[0]

    wait_until(lambda: steps_done() >= 5 or state() == "FAILED", 300, "the first five steps")
    run("scancel", "--batch", "--signal=USR1", job, env=slurm)
    wait_until(lambda: state() in ("COMPLETED", "FAILED", "CANCELLED"), 400, "the job's end")

    text = log.read_text()
    assert state() == "COMPLETED", text
    assert f"saved; requeueing job {job}" in text
    assert f"job {job} starts, restart 1" in text
    assert re.search(r"resuming at step ([1-9]\d*) of", text), text
    steps = yaml.safe_load(config.read_text())["train"]["steps"]
    assert [row["step"] for row in rows(stopped)] == list(range(1, steps + 1))
    assert rows(stopped) == rows(straight)
