"""Starts the processes of a training run on this node and passes signals and exit codes through.

torchrun can start them too (train.entry reads its environment), but it answers SIGTERM by killing
the processes after 30 seconds, which is less than a large checkpoint takes, and it turns every
exit code into 1, which hides "stopped, to be resumed" (75) from a job scheduler.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from corpus.config import load, to_tree
from corpus.errors import AltiplanoError, ConfigError
from train import stop
from train.config import TrainConfig
from train.soundness import name_bus_error, require_sound_shards


def launch(config: TrainConfig) -> int:
    """Trains with `config.parallel.processes` processes; returns their exit code.

    0 trained; 75 stopped by SIGUSR1, SIGTERM, Ctrl-C or the time limit (start it again to resume);
    2 an error that was told in one line. Output streams through. Raises ConfigError where the
    output folder cannot be written.
    """
    path = Path(config.output) / "config.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(to_tree(config), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"output={config.output} cannot be written ({error}); choose another (train.output)"
        ) from None
    with _held_back_signals():
        children = [
            subprocess.Popen([sys.executable, "-m", "train.entry", str(path)], env=environment)
            for environment in _environments(config.parallel.processes)
        ]
        with _signals_passed_to(children):
            return _wait(children)


def _environments(processes: int) -> list[dict[str, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threads = max(1, (os.cpu_count() or 1) // processes)
    shared = {
        **os.environ,
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "LAUNCHER_PID": str(os.getpid()),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", str(threads)),
        # megatron-core relies on the order in which kernels and their messages are queued.
        "CUDA_DEVICE_MAX_CONNECTIONS": "1",
        # Every process would tell of every optional kernel library that is not there.
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }
    root = str(Path(__file__).parents[1])
    shared["PYTHONPATH"] = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
    return [{**shared, "RANK": str(r), "LOCAL_RANK": str(r)} for r in range(processes)]


def _wait(children: list[subprocess.Popen[bytes]]) -> int:
    """Waits for all; when one fails the others wait for it in vain, so they are ended."""
    while True:
        codes = [child.poll() for child in children]
        failed = [code for code in codes if code not in (None, 0, stop.REQUEUE)]
        if failed:
            for child in children:
                child.kill()
                child.wait()
            return failed[0] if failed[0] > 0 else 128 - failed[0]
        if None not in codes:
            return max(code for code in codes if code is not None)
        time.sleep(0.05)


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

    if threading.current_thread() is not threading.main_thread():
        yield  # Python takes signals in its main thread only
        return
    before = {number: signal.signal(number, pass_on) for number in stop.SIGNALS}
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stop.SIGNALS)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m train.launch CONFIG.yaml", file=sys.stderr)
        return 2
    try:
        config = load(TrainConfig, arguments[0])
        require_sound_shards(config)
        code = launch(config)
        name_bus_error(config, code)
        return code
    except AltiplanoError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
