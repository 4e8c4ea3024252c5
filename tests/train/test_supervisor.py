"""A run's end is one line, also where a process said it because it reached no board."""

import dataclasses
import subprocess
import sys
from contextlib import contextmanager

import pytest

from train import nodes
from train.board import hold
from train.config import ParallelConfig
from train.supervisor import Supervisor

SAYS_WHY = "import sys; print('error: no answer from x', file=sys.stderr); sys.exit(2)"


@contextmanager
def supervised(config, ends):
    """Two children that end as given, and their supervisor."""
    config = dataclasses.replace(config, parallel=ParallelConfig(processes=2))
    listening = nodes.listen("127.0.0.1", 0)
    place = dataclasses.replace(nodes.Place(), port=listening.getsockname()[1])
    call = [sys.executable, "-c"]
    children = [subprocess.Popen([*call, code], stdin=subprocess.PIPE) for code in ends]
    try:
        yield children, Supervisor(config, place, children, hold(listening))
    finally:
        for child in children:
            child.stdin.close()
            child.kill()
            child.wait()


@pytest.mark.parametrize(
    ("ends", "line"),
    [
        ([SAYS_WHY, "exit(2)"], "error: no answer"),
        (["exit(1)", "import time; time.sleep(60)"], "error: rank 0 "),
    ],
)
def test_what_ended_a_run_is_said_once(tiny_config, tmp_path, capfd, ends, line):
    with supervised(tiny_config(tmp_path), ends) as (_, supervisor):
        assert supervisor.wait() in (1, 2)
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1, said
    assert said[0].startswith(line)


def test_what_the_first_process_put_on_the_board_meanwhile_is_said(
    tiny_config, tmp_path, capfd, monkeypatch
):
    ends = ["import sys; sys.stdin.read(); sys.exit(2)", "exit(2)"]
    with supervised(tiny_config(tmp_path), ends) as ((first, _), supervisor):
        wait = first.wait

        def report_and_end(limit_s):
            supervisor._board.report("a.arrow is damaged")
            first.stdin.close()
            return wait(limit_s)

        with monkeypatch.context() as patch:
            patch.setattr(first, "wait", report_and_end)
            assert supervisor.wait() == 2
    assert capfd.readouterr().err == "error: a.arrow is damaged\n"
