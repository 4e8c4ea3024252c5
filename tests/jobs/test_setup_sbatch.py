"""What the batch script makes of signals and exit codes, with a stand-in trainer and scontrol.

The real SLURM is in tests/cluster; this holds the cases that are rare there.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "jobs" / "train.sbatch"

TRAINER = """#!{python}
import pathlib, signal, sys, time
verb, folder, ending = sys.argv[1:]
asked = []
if ending != "early":
    for number in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(number, lambda number, _: asked.append(number))
(pathlib.Path(folder) / "started").touch()
while ending in ("stop", "early") and not asked:
    time.sleep(0.02)
time.sleep(0.3)  # saves
sys.exit(75 if asked else int(ending))
"""


def run_script(tmp_path: Path, ending: str, number: int | None) -> tuple[int, str, bool]:
    """Exit code, output, and whether it asked to be requeued."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in {
        "altiplano": TRAINER.format(python=sys.executable),
        "scontrol": f'#!/bin/sh\necho "$@" >{tmp_path}/requeued\n',
    }.items():
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "ALTIPLANO": str(tools / "altiplano"),
        "SLURM_JOB_ID": "42",
    }
    batch = subprocess.Popen(
        ["bash", SCRIPT, tmp_path, ending], env=environment, stdout=subprocess.PIPE, text=True
    )
    while not (tmp_path / "started").exists():
        assert batch.poll() is None
        time.sleep(0.02)
    if number is not None:
        batch.send_signal(number)
    out, _ = batch.communicate(timeout=60)
    requeued = tmp_path / "requeued"
    if requeued.exists():
        assert requeued.read_text() == "requeue 42\n"
    return batch.returncode, out, requeued.exists()


def test_the_signal_before_the_limit_saves_and_requeues(tmp_path: Path) -> None:
    code, out, requeued = run_script(tmp_path, "stop", signal.SIGUSR1)
    assert (code, requeued) == (0, True)
    assert "saved; requeueing job 42" in out


def test_a_signal_before_the_trainer_listens_requeues_too(tmp_path: Path) -> None:
    code, _, requeued = run_script(tmp_path, "early", signal.SIGUSR1)
    assert (code, requeued) == (0, True)


def test_a_cancelled_job_saves_and_stays_cancelled(tmp_path: Path) -> None:
    code, _, requeued = run_script(tmp_path, "stop", signal.SIGTERM)
    assert (code, requeued) == (75, False)


@pytest.mark.parametrize("ending", ["0", "2"])
def test_the_trainers_own_exit_code_is_the_jobs(tmp_path: Path, ending: str) -> None:
    code, _, requeued = run_script(tmp_path, ending, None)
    assert (code, requeued) == (int(ending), False)
