"""The wish to stop: SIGUSR1, SIGTERM, Ctrl-C and the time limit, agreed on by all processes.

A job scheduler sends SIGUSR1 before its time limit and SIGTERM when it preempts. The run then
finishes the step, saves, and exits with REQUEUE, which tells the launcher "start me again".
Imports nothing heavy: the entry installs the handlers before torch is loaded, because a signal
that arrives during those seconds would otherwise kill the process.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

REQUEUE = 75  # EX_TEMPFAIL of sysexits.h: not an error, try again
SIGNALS = (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)

BEFORE_A_STEP = "asked to stop while no step was under way: start the same command again"

_started = time.monotonic()
_asked = False


class AskedError(Exception):
    """It was asked to stop while it waited for others to come."""


@contextmanager
def taken_early() -> Iterator[None]:
    """Has a signal end this process with REQUEUE and a line, as long as nothing else takes it:
    while modules are loaded and shards are checked, before a run is there to be told."""
    with taken_by(_end):
        yield


@contextmanager
def taken_by(
    handler: Callable[[int, Any], object], numbers: Sequence[signal.Signals] = SIGNALS
) -> Iterator[None]:
    """Has these signals call a handler meanwhile, where Python takes any: in its main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def install() -> None:
    """Takes the signals as wishes; one the launcher held back meanwhile is delivered now."""
    for number in SIGNALS:
        signal.signal(number, _ask)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def raise_if_asked() -> None:
    """Raises AskedError where this process was asked to stop: for where it waits for others that
    may have stopped already and will never come."""
    if _asked:
        raise AskedError(BEFORE_A_STEP)


def told(line: str, code: int) -> int:
    """Prints why a run ended; returns the code. To be resumed is no error."""
    print(line if code == REQUEUE else f"error: {line}", file=sys.stderr, flush=True)
    return code


def wanted(time_limit_s: float | None) -> bool:
    """Whether any process was asked to stop, or has run longer than the limit.

    A collective: every process calls it at the same point and all get the same answer.
    """
    import torch

    from train.parallel import device

    late = time_limit_s is not None and time.monotonic() - _started > time_limit_s
    flag = torch.tensor([int(_asked or late)], device=device())
    torch.distributed.all_reduce(flag, op=torch.distributed.ReduceOp.MAX)
    return bool(flag.item())


def _end(*_: Any) -> None:
    # At once, and past all buffers and locks: whatever it interrupts may hold them.
    if os.environ.get("SLURM_STEP_NUM_TASKS", os.environ.get("NNODES", "1")) != "1":
        _tell_other_nodes()
    os.write(2, f"{BEFORE_A_STEP}\n".encode())
    os._exit(REQUEUE)


def _tell_other_nodes() -> None:
    """Becomes train.early_stop, which takes no second signal."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    root = str(Path(__file__).parents[1])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    more = {"PYTHONPATH": path, "PYTHONWARNINGS": "ignore"}
    with suppress(OSError):
        os.execve(
            sys.executable, [sys.executable, "-m", "train.early_stop"], {**os.environ, **more}
        )


def _ask(*_: Any) -> None:
    global _asked
    _asked = True
