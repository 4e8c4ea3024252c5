"""A signal that comes before a run is there ends `train` to be started again, in a line."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from train import stop

ROOT = Path(__file__).parents[2]
# Sends itself the signal when the first of the slow imports begins.
IN_AN_IMPORT = """
import os, runpy, sys

class Asked:
    def find_spec(self, name, path=None, target=None):
        if name == {slow!r}:
            os.kill(os.getpid(), {number})
            for _ in range(1000): pass

sys.meta_path.insert(0, Asked())
sys.argv = ["altiplano", {argument!r}, "no-such.yaml"][: {arguments}]
runpy.run_module({module!r}, run_name="__main__")
"""


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGTERM"])
@pytest.mark.parametrize(
    ("module", "slow", "argument", "arguments"),
    [("jobs.cli", "yaml", "train", 3), ("train.launch", "yaml", "no-such.yaml", 2)],
)
def test_while_modules_are_loaded(name, module, slow, argument, arguments):
    number = int(signal.Signals[name])
    code = IN_AN_IMPORT.format(**vars() | {"number": number})
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    told = "asked to stop while no step was under way: start the same command again"
    assert (done.returncode, done.stderr.splitlines()) == (stop.REQUEUE, [told])


def test_what_took_the_signals_before_does_so_again():
    before = [signal.getsignal(number) for number in stop.SIGNALS]
    with stop.taken_early():
        assert signal.getsignal(signal.SIGUSR1) is not before[0]
    assert [signal.getsignal(number) for number in stop.SIGNALS] == before


def test_another_verb_ends_as_by_an_interrupt(tmp_path):
    config = tmp_path / "config.yaml"
    os.mkfifo(config)
    build = subprocess.Popen(
        [sys.executable, "-m", "jobs.cli", "build", str(config)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    with config.open("w"):  # waits until the verb reads it, and has it wait
        build.send_signal(signal.SIGTERM)
        said = build.communicate(timeout=60)[1]
    told = "interrupted; run the same command again to go on where it stopped"
    assert (build.returncode, said.splitlines()) == (128 + signal.SIGTERM, [told])
