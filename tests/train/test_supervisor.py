"""A run's end is one line, also where a process said it because it reached no board."""

import dataclasses
import subprocess
import sys

import pytest

from train import nodes
from train.config import ParallelConfig
from train.supervisor import Supervisor

SAYS_WHY = "import sys; print('error: no answer from x', file=sys.stderr); sys.exit(2)"


@pytest.mark.parametrize(
    ("ends", "lines"), [([SAYS_WHY, "exit(2)"], 1), (["exit(1)", "import time; time.sleep(60)"], 1)]
)
def test_what_ended_a_run_is_said_once(tiny_config, tmp_path, capfd, ends, lines):
    config = tiny_config(tmp_path, parallel=ParallelConfig(processes=2))
    listening = nodes.listen("127.0.0.1", 0)
    place = dataclasses.replace(nodes.Place(), port=listening.getsockname()[1])
    children = [subprocess.Popen([sys.executable, "-c", code]) for code in ends]
    try:
        assert Supervisor(config, place, children, listening).wait() in (1, 2)
    finally:
        for child in children:
            child.kill()
            child.wait()
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == lines, said
    assert said[0].startswith(
        "error: no answer" if lines and ends[0] == SAYS_WHY else "error: rank"
    )
