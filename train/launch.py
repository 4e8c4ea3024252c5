"""Starts the processes of a training run on this node and passes signals and exit codes through.

Of several nodes each has a launcher, started by srun or whatever sets NNODES and NODE_RANK; their
processes are one run (train.nodes, train.supervisor).

torchrun can start them too (train.entry reads its environment), but it answers SIGTERM by killing
the processes after 30 seconds, which is less than a large checkpoint takes, and it turns every
exit code into 1, which hides "stopped, to be resumed" (75) from a job scheduler.
"""

from train import stop

if __name__ == "__main__":  # before all that takes a second to load
    early = stop.taken_early()
    early.__enter__()

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.config import load, to_tree
from corpus.errors import AltiplanoError, ConfigError
from train import nodes
from train.alone import alone
from train.blame import process
from train.config import TrainConfig
from train.refusal import told_once
from train.soundness import require_sound_shards
from train.supervisor import Supervisor

_GOING_S = 10.0  # for a killed process to be gone


def launch(config: TrainConfig) -> int:
    """Trains with `config.parallel.processes` processes here; returns their exit code.

    0 trained; 75 stopped by SIGUSR1, SIGTERM, Ctrl-C or the time limit (start it again to resume);
    2 an error that was told in one line. Output streams through. Raises ConfigError where the
    output folder cannot be written or another run has it, or the launchers are not as many as the
    config's nodes.
    """
    place = nodes.of_launcher()
    if place.of != config.parallel.nodes:
        raise ConfigError(
            f"nodes={config.parallel.nodes} and {place.of} launchers were started, one a node; set "
            f"nodes={place.of} or start {config.parallel.nodes} (train.parallel.nodes)"
        )
    with alone(config.output) if place.index == 0 else nullcontext():
        return _launch(config, place)


def _launch(config: TrainConfig, place: nodes.Place) -> int:
    board = listening = None
    if place.index:
        from train.board import connect_launcher

        board = connect_launcher(place, config.start_timeout_s)
    elif config.parallel.world_size > 1:
        listening = nodes.listen("" if place.of > 1 else place.address, place.port)
        place = replace(place, port=listening.getsockname()[1])
    with _written(config, place) as path, _held_back_signals():
        children = [
            subprocess.Popen([sys.executable, "-m", "train.entry", str(path)], env=environment)
            for environment in _environments(config.parallel.processes, place)
        ]
        with _signals_passed_to(children):
            try:
                if listening is not None:
                    from train.board import hold  # takes torch's time, in which they start

                    board = hold(listening)
                return Supervisor(config, place, children, board).wait()
            finally:
                _kill(children)


@contextmanager
def _written(config: TrainConfig, place: nodes.Place) -> Iterator[Path]:
    """The config as a file for the processes of this node."""
    path = Path(config.output) / "config.json"
    try:
        if place.index:  # a config of another node that differs must be seen to, not overwrite it
            path = Path(tempfile.mkdtemp(prefix="altiplano-")) / "config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(to_tree(config), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"output={config.output} cannot be written ({error}); choose another (train.output)"
        ) from None
    try:
        yield path
    finally:
        if place.index:
            shutil.rmtree(path.parent, ignore_errors=True)


def _kill(children: list[subprocess.Popen[bytes]]) -> None:
    """Returns when they are gone, or cannot go: one that waits for a disk outlives SIGKILL until
    the disk answers, and then ends without another instruction."""
    for child in children:
        child.kill()
    deadline = time.monotonic() + _GOING_S
    for child in children:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            where = process(child.pid, socket.gethostname())
            said = f"{where} was killed, and waits in the kernel for a disk or device: it will go"
            print(f"{said} when that answers", file=sys.stderr, flush=True)


def _environments(processes: int, place: nodes.Place) -> list[dict[str, str]]:
    first, before = place.index * processes, place.on_this_node * processes
    threads = max(1, (os.cpu_count() or 1) // processes)
    shared = {
        **os.environ,
        "WORLD_SIZE": str(processes * place.of),
        "LOCAL_WORLD_SIZE": str(processes),
        "LAUNCHER_PID": str(os.getpid()),
        "MASTER_ADDR": place.address,
        "MASTER_PORT": str(place.port),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        # Every process would tell of every optional kernel library that is not there.
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }
    root = str(Path(__file__).parents[1])
    shared["PYTHONPATH"] = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    return [
        {**shared, "RANK": str(first + local), "LOCAL_RANK": str(before + local)}
        for local in range(processes)
    ]


@contextmanager
def _held_back_signals() -> Iterator[None]:
    """Children inherit the mask and lift it when their handlers are in place, so that a signal
    in their first second waits for them and does not kill them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _signals_passed_to(children: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    def pass_on(number: int, _: Any) -> None:
        for child in children:
            child.send_signal(number)

    with stop.taken_by(pass_on):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop.SIGNALS)
        yield


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m train.launch CONFIG.yaml", file=sys.stderr)
        return 2
    try:
        with told_once():
            config = load(TrainConfig, arguments[0])
        with told_once(config.start_timeout_s):
            require_sound_shards(config)
            return launch(config)
    except AltiplanoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
