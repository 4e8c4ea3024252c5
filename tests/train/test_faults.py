"""Whatever befalls one process of a run, all end within seconds, with one line and an error code.

The fault is put into rank 1 by a module that Python loads when it starts: the run itself is real.
"""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corpus.config import to_tree
from train.config import ParallelConfig

ROOT = str(Path(__file__).parents[2])
LIMIT_S = 8.0
FAULTY = """
import os
if os.environ.get("RANK") == "1":
    import signal, sys, time
    import train.step as step
    from corpus.errors import DataError
    take = step.take
    def faulty(*arguments):
        if arguments[2] == 3:
            open(os.environ["FAULT_AT"], "w").close()
            {fault}
        return take(*arguments)
    step.take = faulty
"""
RAISES = "raise ValueError('no good\\nat all')"
# What rank 1 does at step 3; the exit code; what the one line says.
FAULTS = {
    "raises": (RAISES, 2, r"rank 1 failed at step 3 with ValueError: no good; its traceback is in"),
    "refuses": ("raise DataError('a.arrow is damaged')", 2, r"a\.arrow is damaged$"),
    "no memory": ("raise MemoryError('of 8 GB')", 2, r"rank 1 ran out of memory at step 3 \(of 8"),
    "killed": ("os.kill(os.getpid(), 9)", 137, r"rank 1 \(pid \d+ on \S+\) was killed by SIGKILL"),
    "stopped": ("os.kill(os.getpid(), 19)", 2, r"no sign of life from rank 1 \(pid \d+ on \S+, la"),
    "leaves": ("os._exit(0)", 2, r"no sign of life from rank 1 \(pid"),
    "hangs": (
        "time.sleep(1000)",
        2,
        r"rank 1 did not come to a collective within 8 s, where (rank 0|ranks .*) waited \(pid \d+ "
        r"on \S+ is in other work of step 3 for \d+ s, at train/loop\.py:\d+\); .*raise the limit",
    ),
}


@pytest.fixture
def start(tiny_config, tmp_path):
    """Starts a run whose rank 1 has a fault, by the launcher or, without one, by its variables."""

    def start(fault: str, processes: int, how: str) -> tuple[int, str, float]:
        config = tiny_config(
            tmp_path / "run",
            parallel=ParallelConfig(processes=processes),
            collective_timeout_s=LIMIT_S,
            micro_batch=1,
            eval_interval=0,
            save_interval=0,
        )
        (tmp_path / "config.json").write_text(json.dumps(to_tree(config)))
        (tmp_path / "sitecustomize.py").write_text(FAULTY.format(fault=fault))
        at = tmp_path / "at"
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
            "OMP_NUM_THREADS": "1",
            "FAULT_AT": str(at),
        }
        module = ["train.launch"] if how == "launch" else ["torch.distributed.run"]
        arguments = [] if how == "launch" else _torchrun(processes)
        command = [sys.executable, "-m", *module, *arguments, str(tmp_path / "config.json")]
        run = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=400
        )
        assert at.exists(), run.stderr
        return run.returncode, run.stderr, time.time() - at.stat().st_mtime

    return start


def _torchrun(processes: int) -> list[str]:
    return ["--standalone", f"--nproc-per-node={processes}", "-m", "train.entry"]


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_told_in_one_line_and_all_end(start, tmp_path, name):
    fault, code, said = FAULTS[name]
    returned, stderr, seconds = start(fault, 2, "launch")
    assert returned == code
    (line,) = stderr.splitlines()
    assert re.match(f"error: {said}", line)
    # Two time limits, and what a busy machine needs.
    assert seconds < 2 * LIMIT_S + 60
    assert not _processes_of(tmp_path)
    if name == "raises":
        assert "no good\nat all" in (tmp_path / "run/failure-rank-1.txt").read_text()


def test_of_four_the_one_that_hangs_is_named(start, tmp_path):
    fault, code, said = FAULTS["hangs"]
    returned, stderr, _ = start(fault, 4, "launch")
    assert (returned, len(stderr.splitlines())) == (code, 1)
    assert re.match(f"error: {said}", stderr)
    assert "where ranks 0, 2 and 3 waited" in stderr
    assert not _processes_of(tmp_path)


def test_under_torchrun_too(start, tmp_path):
    returned, stderr, _ = start(FAULTS["hangs"][0], 2, "torchrun")
    assert returned
    ours = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert len(ours) == 1
    assert re.match(f"error: {FAULTS['hangs'][2]}", ours[0])
    assert not _processes_of(tmp_path)


def _processes_of(folder: Path) -> list[str]:
    shown = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    return [line for line in shown.splitlines() if str(folder) in line]
