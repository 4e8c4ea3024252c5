"""Two runs in one output folder: the second is refused, in a line that names the first."""

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from corpus.errors import ConfigError
from train import alone as module
from train.alone import LOCK, alone
from train.launch import launch

ROOT = str(Path(__file__).parents[2])
HOLDS = (
    "import sys, subprocess, time\n"
    "from train.alone import alone\n"
    "with alone(sys.argv[1]):\n"
    "    child = subprocess.Popen(['sleep', '60'])\n"  # which must not hold it on
    "    print(child.pid, flush=True)\n"
    "    time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLDS, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    child = int(process.stdout.readline())
    yield process
    process.kill()
    os.kill(child, signal.SIGKILL)  # it has the pipe, too
    process.communicate()


def test_the_second_run_is_refused_until_the_first_is_killed(holder, tmp_path, tiny_config):
    told = f"another run, pid {holder.pid} on {socket.gethostname()}, is training into {tmp_path};"
    with pytest.raises(ConfigError, match=told), alone(str(tmp_path), ending_s=0.0):
        pass
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alone.__wrapped__, "__defaults__", (0.0,))
        with pytest.raises(ConfigError, match=told):
            launch(tiny_config(tmp_path))
    assert not (tmp_path / "config.json").exists()
    holder.kill()
    holder.wait()
    with alone(str(tmp_path), ending_s=0.0):
        assert (tmp_path / LOCK).read_text() == f"pid {os.getpid()} on {socket.gethostname()}\n"


def test_a_run_that_is_ending_is_waited_for(holder, tmp_path):
    threading.Timer(0.5, holder.kill).start()
    with alone(str(tmp_path), ending_s=60.0):
        pass


def test_a_process_may_hold_what_it_holds(tmp_path):
    with alone(str(tmp_path)):
        with alone(f"{tmp_path}/."):
            pass
        assert module._here
    assert not module._here


def test_a_place_that_is_no_folder_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    told = "output=.*file/run cannot be written .*train.output"
    with pytest.raises(ConfigError, match=told), alone(str(tmp_path / "file/run")):
        pass


def test_a_run_that_wrote_nothing_leaves_no_folder(tmp_path):
    with alone(str(tmp_path / "run")):
        pass
    assert not (tmp_path / "run").exists()
    with alone(str(tmp_path)):
        pass
    assert (tmp_path / LOCK).exists(), "a folder that was there stays"


@pytest.mark.parametrize("output", ["", "s3://bucket/run"])
def test_what_is_no_folder_on_a_disk_is_refused(output, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="is no folder on a disk"), alone(output):
        pass
    assert list(tmp_path.iterdir()) == []
