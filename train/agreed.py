"""What the processes of a run do by one of them, or each for itself, with one outcome for all.

An error that one process alone raises leaves the others in their next collective until its limit.
And what several read of a shared disk may differ: a network file system shows a rename to other
machines seconds later. So the main process reads and tells, and errors are told before going on.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import torch

from corpus.errors import AltiplanoError, CheckpointError
from train import blame
from train.heartbeat import long_phase
from train.parallel import device, is_main

T = TypeVar("T")


def by_main(action: Callable[[], T]) -> T:
    """What the main process's action gives, on all processes. A collective.

    Raises the action's error on all of them, as CheckpointError where it is not one of ours. The
    action itself has no collectives, and its result can be pickled.
    """
    told: list[Any] = [None, None]
    if is_main():
        told = _tried(action)
    torch.distributed.broadcast_object_list(told, src=0)
    result, error = told
    if error is not None:
        raise error
    return result


def by_each(action: Callable[[], T]) -> T:
    """What this process's action gives; where one process's fails, all raise the first error.

    A collective. The action itself has none.
    """
    result, error = _tried(action)
    errors: list[AltiplanoError | None] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(errors, error)
    first = next(filter(None, errors), None)
    if first is not None:
        raise first
    return result


def by_each_meanwhile(action: Callable[[], T], work: str, limit_s: float) -> T:
    """As `by_each`, for an action that may take longer than a collective's time limit: it runs in
    a thread. A collective.

    work, limit_s: as for `wait_for_all`.
    """
    doing: Future[T] = Future()

    def do() -> None:
        try:
            doing.set_result(action())
        except BaseException as error:  # whatever it is, `result` raises it
            doing.set_exception(error)

    # Nothing joins it, not even the interpreter's end: what hangs on a disk may hang for ever.
    threading.Thread(target=do, name="disk", daemon=True).start()
    wait_for_all(doing.done, work, limit_s)
    return by_each(doing.result)


def wait_for_all(
    is_done: Callable[[], bool], work: str, limit_s: float, longest_pause_s: float = 0.5
) -> None:
    """Returns when it is done on all processes. A collective.

    They meet again and again meanwhile, so none waits in a collective for as long as the slowest
    disk takes, which its time limit would end. As meeting is progress to train.heartbeat, the
    disk's own limit is kept here: CheckpointError on all processes alike, naming those that are
    late. work: what is waited for, as "reading step-00000010". limit_s: train.disk_timeout_s.
    """
    deadline, pause_s = time.monotonic() + limit_s, 0.001
    while True:
        is_done_here = is_done()
        waiting, late = _on_any(not is_done_here, time.monotonic() >= deadline)
        if not waiting:
            return
        if late:
            raise _late(is_done_here, work, limit_s)
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, longest_pause_s)


def all_done(is_done: bool) -> bool:
    """Whether it is done on all processes. A collective."""
    return not _on_any(not is_done)[0]


def _on_any(*here: bool) -> list[bool]:
    flags = torch.tensor(here, dtype=torch.int64, device=device())
    torch.distributed.all_reduce(flags, op=torch.distributed.ReduceOp.MAX)
    return [bool(flag) for flag in flags.tolist()]


def _late(is_done_here: bool, work: str, limit_s: float) -> CheckpointError:
    who: list[str | None] = [None] * torch.distributed.get_world_size()
    mine = None if is_done_here else blame.process(os.getpid(), socket.gethostname())
    torch.distributed.all_gather_object(who, mine)
    late = {rank: one for rank, one in enumerate(who) if one}
    return CheckpointError(blame.late_on_disk(late, work, limit_s))


def _tried(action: Callable[[], Any]) -> list[Any]:
    """The action's result and its error, of which one is None."""
    try:
        with long_phase("work on the disk"):
            return [action(), None]
    except AltiplanoError as error:
        return [None, error]
    except OSError as error:
        return [None, CheckpointError(f"{error.filename or 'the disk'}: {error}")]
    except Exception as error:  # whatever it is, the others must not wait for this process
        return [None, CheckpointError(f"{type(error).__name__}: {error}")]
