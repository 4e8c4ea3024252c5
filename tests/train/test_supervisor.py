"""A run's end is one line, also where a process said it because it reached no board."""

import dataclasses
import platform
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from train import nodes, supervisor
from train.board import hold
from train.config import ParallelConfig
from train.supervisor import Supervisor

# Its first thread ends by itself, as when all end and the kernel keeps one that waits for a disk.
HELD = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(100,)).start()
ctypes.CDLL(None).syscall({number}, {code})
"""
SYS_EXIT = {"x86_64": 60, "aarch64": 93}
SAYS_WHY = "import sys; print('error: no answer from x', file=sys.stderr); sys.exit(2)"


@contextmanager
def supervised(config, ends):
    """Children that end as given, and their supervisor, with a board where they are several."""
    config = dataclasses.replace(config, parallel=ParallelConfig(processes=len(ends)))
    listening = nodes.listen("127.0.0.1", 0)
    place = dataclasses.replace(nodes.Place(), port=listening.getsockname()[1])
    call = [sys.executable, "-c"]
    children = [subprocess.Popen([*call, code], stdin=subprocess.PIPE) for code in ends]
    board = hold(listening) if len(ends) > 1 else None
    try:
        yield children, Supervisor(config, place, children, board)
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


@pytest.mark.parametrize(
    ("codes", "result"), [([75], 75), ([0], 0), ([2], 2), ([0, 0], 0), ([75, 0], 75)]
)
def test_what_has_ended_and_is_kept_by_the_kernel_is_not_waited_for(
    tiny_config, tmp_path, capfd, monkeypatch, codes, result
):
    monkeypatch.setattr(supervisor, "_HELD_S", 0.5)
    number = SYS_EXIT[platform.machine()]
    ends = [HELD.format(number=number, code=code) for code in codes]
    with supervised(tiny_config(tmp_path), ends) as (children, watching):
        assert watching.wait() == result
        assert [child.poll() for child in children] == [None] * len(ends), "it is still there"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("end", "result"), [("time.sleep(3)", 0), ("os.kill(os.getpid(), signal.SIGSTOP)", 137)]
)
def test_what_runs_or_is_stopped_is_waited_for(tiny_config, tmp_path, monkeypatch, end, result):
    monkeypatch.setattr(supervisor, "_HELD_S", 0.5)
    with supervised(tiny_config(tmp_path), [f"import os, signal, time; {end}"]) as (
        [child],
        watching,
    ):
        threading.Timer(4, child.kill).start()
        began = time.monotonic()
        assert watching.wait() == result
        assert time.monotonic() - began > 2
