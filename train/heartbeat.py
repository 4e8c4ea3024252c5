"""Every process tells each second how far it is, and looks whether the run can still go on.

A thread of each process puts its beat on the run's board (train.board): step, phase, and how many
collectives of each of its groups it has begun. It ends the process, in one line for the whole run,
- when another has reported a fault;
- when the process after it, in a ring, has not beaten for as long as a minute: it was killed with
  its machine, or is stopped;
- when it has made no progress for `train.collective_timeout_s`, and others keep it waiting
  (train.blame says which).

What may take longer on one process while others wait for it is marked by `long_phase`: reading and
hashing files, writing a checkpoint. There `train.disk_timeout_s` holds, which train.agreed keeps
where a thread does it and the processes go on meeting, and `end_if_disk_hangs` where there is one
process. So the group's own time limits (gloo's,
NCCL's watchdog), which know nothing of phases, are set to be the last resort.
"""

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from train import blame, stop
from train.blame import Beat
from train.board import Board, Fault

SILENT_S = 60.0  # without a beat: long enough for whatever holds the interpreter's lock
_PIPELINE = "PIPELINE_MODEL_PARALLEL_GROUP"  # megatron-core's
_ROOT = str(Path(__file__).parents[1])


class _Progress:
    """Where this process is; written by the main thread, read by the beating one."""

    step = 0
    phase = "start"
    places = 0  # passed since the start
    long: str | None = None


_here = _Progress()


def at(phase: str, step: int | None = None) -> None:
    """This process has come to a phase, of a step."""
    _here.phase = phase
    _here.step = _here.step if step is None else step
    _here.places += 1


def step() -> int:
    """The step this process is at."""
    return _here.step


@contextmanager
def long_phase(name: str) -> Iterator[None]:
    """What others may have to wait for longer than for a message."""
    before, _here.long = _here.long, name
    _here.places += 1
    try:
        yield
    finally:
        _here.long = before
        _here.places += 1


def end_if_disk_hangs(disk_s: float) -> None:
    """Ends the process of a run that has no other, in one line, once it comes no further in a long
    phase for so long: there is nobody to see it wait."""
    main = threading.main_thread().ident

    def watch() -> None:
        seen, since = None, 0.0
        while True:
            now, work = time.monotonic(), _here.long
            progress = (_here.places, tuple(_collectives().values()))
            if work is None or progress != seen:
                seen, since = progress, now
            elif now - since >= disk_s:
                where = f"{blame.process(os.getpid(), socket.gethostname())}, at {_place(main)}"
                os._exit(stop.told(blame.late_on_disk({0: where}, work, disk_s), 2))
            time.sleep(min(1.0, disk_s / 5))

    threading.Thread(target=watch, name="disk watch", daemon=True).start()


class Heartbeat:
    """The beating thread of one process of several."""

    def __init__(
        self,
        board: Board,
        rank: int,
        world_size: int,
        limit_s: float,
        disk_s: float,
        end: Callable[[Fault], None],
    ):
        """board: a connection of its own. limit_s: without progress; disk_s: the same in a
        long phase. end: takes the run's fault, on this thread."""
        self._board, self._rank, self._world_size = board, rank, world_size
        self._limit_s, self._disk_s, self._end = limit_s, disk_s, end
        self._every_s = min(1.0, limit_s / 5)
        self._main = threading.main_thread().ident
        self._number = 0
        self._seen: tuple[Any, float] = (None, time.monotonic())  # progress, and since when
        self._next = (rank + 1) % world_size
        self._next_seen, self._next_looks = -1, 0
        self._stopped = threading.Event()
        self._put()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The last beat: from now on nobody waits for this process."""
        self._stopped.set()
        self._thread.join()
        at("done")
        self._put()

    def fault(self) -> str | None:
        """Who is to blame where this process finds that it cannot go on; None where nobody is."""
        first = self._beats()
        for _ in range(3):  # it must not fall silent itself meanwhile
            time.sleep(self._every_s)
            self._put()
        return blame.line(first, self._beats(), self._limit_s, self._disk_s)

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self._put()
                fault = self._board.fault()
                if fault is None:
                    line = self._silent_neighbour() or self._out_of_time()
                    fault = self._board.report(line) if line else None
            except Exception as error:  # whatever it is, nobody would watch this process
                fault = self._lost(error)
            if fault is not None and not self._stopped.is_set():
                self._end(fault)

    def _lost(self, error: Exception) -> Fault:
        said = str(error).splitlines()[0][:120]
        return Fault(f"the run's first process or launcher is gone ({said})", socket.gethostname())

    def _put(self) -> None:
        self._number += 1
        collectives = _collectives()
        progress = (_here.places, tuple(collectives.values()))
        now = time.monotonic()
        if progress != self._seen[0]:
            self._seen = (progress, now)
        still_s = now - self._seen[1]
        beat = Beat(
            rank=self._rank,
            host=socket.gethostname(),
            pid=os.getpid(),
            number=self._number,
            step=_here.step,
            phase=_here.phase,
            long=_here.long,
            still_s=round(still_s, 1),
            place=_place(self._main) if still_s > 2 * self._every_s else "",
            collectives=collectives,
        )
        self._board.put(f"beat/{self._rank}", vars(beat))

    def _beats(self) -> list[Beat]:
        return [Beat(**self._board.get(f"beat/{rank}")) for rank in range(self._world_size)]

    def _silent_neighbour(self) -> str | None:
        # Counted in looks, not in seconds: a run that a scheduler suspends stops as a whole.
        found = self._board.get(f"beat/{self._next}")
        if found is None or found["number"] != self._next_seen or found["phase"] == "done":
            self._next_seen, self._next_looks = found["number"] if found else -1, 0
            return None
        self._next_looks += 1
        if self._next_looks * self._every_s < min(SILENT_S, self._limit_s):
            return None
        return blame.silent([Beat(**found)])

    def _out_of_time(self) -> str | None:
        still_s = time.monotonic() - self._seen[1]
        limit_s = self._limit_s if _here.long is None else self._disk_s
        return self.fault() if still_s >= limit_s else None


def _collectives() -> dict[str, int]:
    """How many messages of each group of this process were begun, by the group's name."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.distributed.is_initialized():
        return {}
    groups = torch.distributed.distributed_c10d._world.pg_names
    counts = {}
    try:
        for group, name in list(groups.items()):
            # gloo counts messages of two among the collectives of all
            if group.group_desc != _PIPELINE:
                counts[name] = group._get_sequence_number_for_group()
    except RuntimeError:  # a group is being made or left at this moment
        return {}
    return counts


def _place(thread: int | None) -> str:
    """Where in our own code a thread is: `train/step.py:41`."""
    frame = sys._current_frames().get(thread or 0)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(_ROOT) and "site-packages" not in path:
            return f"{path[len(_ROOT) + 1 :]}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
