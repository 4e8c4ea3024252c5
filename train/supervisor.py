"""What a launcher does while its processes run: it sees one of them end and says why, once.

The first node's launcher holds the run's board (train.board) and prints its one error line. The
launchers of other nodes put there what happens to their processes and take from there that the run
is over, wherever that came from.
"""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from train import nodes, stop
from train.blame import process
from train.config import TrainConfig
from train.soundness import bus_error

if TYPE_CHECKING:
    from train.board import Board, Fault

_LOOK_S = 0.05
_SAY_S = 5.0  # for the first process to end as another one did
_LOOKS = 4  # at the processes, for one at the board
_HELD_S = 30.0  # for a process that has ended to be gone: to free its memory takes seconds


class Supervisor:
    """Of the processes of one node."""

    def __init__(
        self,
        config: TrainConfig,
        place: nodes.Place,
        children: list[subprocess.Popen[bytes]],
        board: "Board | None",
    ):
        """board: the run's; None where it is of one process."""
        self._config, self._place, self._children = config, place, children
        self._board = board
        self._held_since: dict[int, float] = {}

    def wait(self) -> int:
        """Returns the run's exit code when all processes are gone, or are to be killed."""
        try:
            return self._wait()
        except RuntimeError as error:  # of torch's store
            code = _ended(self._codes())
            if code is not None:
                return code
            said = str(error).splitlines()[0][:120]
            place = f"{self._place.address}:{self._place.port}"
            return stop.told(f"the launcher of node 0, {place}, is gone ({said})", 2)

    def _wait(self) -> int:
        looks = 0
        while True:
            codes = self._codes()
            failed = [n for n, code in enumerate(codes) if code not in (None, 0, stop.REQUEUE)]
            looks += 1
            # One that has ended may have put there why, whatever its exit code is.
            is_due = looks % _LOOKS == 0 or None not in codes
            fault = self._board.fault() if self._board and is_due else None
            if fault is not None or failed:
                return self._end(fault, failed[0] if failed else None, codes)
            code = _ended(codes)
            if code is not None:
                break
            time.sleep(_LOOK_S)
        if self._board:
            self._board.leave(self._place.of - 1, self._config.collective_timeout_s)
        return code

    def _codes(self) -> list[int | None]:
        """What each process has ended with; None for one that runs."""
        return [self._code(child) for child in self._children]

    def _code(self, child: subprocess.Popen[bytes]) -> int | None:
        code = child.poll()
        held = _held(child.pid) if code is None else None
        if held is None:
            self._held_since.pop(child.pid, None)
            return code
        now = time.monotonic()
        return held if now - self._held_since.setdefault(child.pid, now) >= _HELD_S else None

    def _end(self, fault: "Fault | None", failed: int | None, codes: list[int | None]) -> int:
        if self._board is None:
            if codes[0] == 2:
                return 2  # it has said why
            return stop.told(*self._cause(0, codes[0], 0))
        if fault is None:
            fault = self._board.fault()
        is_said = False
        if fault is None:
            assert failed is not None
            # A first process that reached the board has put its reason there, and said nothing.
            is_said = codes[failed] == 2 and self._has_first_said_why()
            fault = self._board.report(*self._cause(failed, codes[failed], self._step(failed)))
        for child in self._children:
            child.kill()
        told = self._board.tell(fault, first=self._place.index == 0)
        if told and not is_said:
            stop.told(told, fault.code)
        self._board.leave(self._place.of - 1)
        return fault.code

    def _has_first_said_why(self) -> bool:
        """Whether the first process here did not reach the board and so said it itself: where that
        is to be cannot be found, or is another machine's."""
        assert self._board is not None
        try:
            return self._children[0].wait(_SAY_S) == 2 and self._board.fault() is None
        except subprocess.TimeoutExpired:
            return False

    def _cause(self, failed: int, code: int | None, step: int) -> tuple[str, int]:
        """Why a process ended that could not say so itself, and the run's exit code."""
        assert code is not None
        child = self._children[failed]
        rank = self._place.index * len(self._children) + failed
        who = f"rank {rank} ({process(child.pid, socket.gethostname())})"
        if code > 0:
            return f"{who} ended with {code} at step {step}, and could not say why", code
        name = signal.Signals(-code).name
        if name == "SIGBUS":
            return bus_error(self._config), 2
        hint = {
            "SIGKILL": "by someone, or by the kernel where memory ran out (see dmesg)",
            "SIGSEGV": "a library is broken, or does not fit the others (altiplano doctor)",
            "SIGABRT": "a library gave up (NCCL: if a machine is lost); what it said is above",
        }.get(name, "look who sent it")
        return (
            f"{who} was killed by {name} at step {step}: {hint}; start the same command again to "
            "resume",
            128 - code,
        )

    def _step(self, failed: int) -> int:
        assert self._board is not None
        rank = self._place.index * len(self._children) + failed
        beat = self._board.get(f"beat/{rank}")
        return beat["step"] if beat else 0


def _ended(codes: list[int | None]) -> int | None:
    """What all processes ended with; None where one has not ended, or failed."""
    if not set(codes) <= {0, stop.REQUEUE}:
        return None
    return stop.REQUEUE if stop.REQUEUE in codes else 0


def _held(pid: int) -> int | None:
    """What a child has ended with, or was killed with, that the kernel keeps as a thread of it
    waits for a disk or device, where no signal reaches it; None for one that runs. It cannot be
    waited for until that answers. One that is about to be gone looks the same."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has gone meanwhile
        return None
    state, pending = fields[0], int(fields[28])  # of its first thread
    code = os.waitstatus_to_exitcode(int(fields[49]))
    if state == "Z":  # that one has ended, another has not
        return code
    is_killed = pending >> (signal.SIGKILL - 1) & 1  # also by another thread, which ended it all
    return (code or 2) if is_killed else None  # older kernels give 0 until the thread has ended
