"""A disk that hangs the only process of a run, which nobody waits for, ends it all the same."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from corpus.config import to_tree

ROOT = str(Path(__file__).parents[2])
LIMIT_S = 10
# Put in by a module that Python loads when it starts: the run itself is real.
HANGS = """
import os
if "RANK" in os.environ:
    import time
    import train.{module} as module
    module.{name} = lambda *_: time.sleep(1000)
"""
ALIVE = """
import time
from train import heartbeat
heartbeat.end_if_disk_hangs(1)
time.sleep(3)
for _ in range(6):
    with heartbeat.long_phase("reading"):
        time.sleep(0.5)
print("alive")
with heartbeat.long_phase("reading"):
    time.sleep(1000)
"""


@pytest.mark.parametrize(
    ("module", "name", "work"),
    [
        ("saver", "_emptied", "work on the disk"),
        ("metrics", "MetricsLog.write", r"writing metrics\.jsonl"),
    ],
)
def test_a_run_of_one_process_ends_in_one_line(tiny_config, tmp_path, module, name, work):
    config = tiny_config(tmp_path / "run", disk_timeout_s=LIMIT_S)
    (tmp_path / "config.json").write_text(json.dumps(to_tree(config)))
    (tmp_path / "sitecustomize.py").write_text(HANGS.format(module=module, name=name))
    run = subprocess.run(
        [sys.executable, "-m", "train.launch", str(tmp_path / "config.json")],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    assert re.fullmatch(
        rf"error: rank 0 did not finish {work} within {LIMIT_S} s \(pid \d+ on \S+, at \S+\.py:\d+"
        r"\); mend the disk and start the same command again to resume, or raise the limit "
        r"\(train\.disk_timeout_s\)",
        line,
    )


def test_only_what_comes_no_further_on_the_disk_is_ended():
    run = subprocess.run(
        [sys.executable, "-c", ALIVE],
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (run.returncode, run.stdout) == (2, "alive\n"), run.stderr
    assert run.stderr.startswith("error: rank 0 did not finish reading within 1 s (pid ")
