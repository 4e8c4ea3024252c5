"""One process's part in a run of several: it joins, is watched, and ends in one voice with them.

Whatever ends a run is put on its board once (train.board); the first node's launcher says it, or
the first process where torchrun or srun started them. So the run's errors are one line, whichever
process they came from.
"""

import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import torch

from corpus.errors import AltiplanoError, ConfigError
from train import heartbeat, nodes, rendezvous, stop
from train.board import Fault, connect
from train.config import TrainConfig
from train.heartbeat import Heartbeat

_CAUSE_S = 3.0  # for the process whose end broke a connection to be known
_BROKEN = ("gloo/", "NCCL", "Connection closed by peer", "Connection reset by peer")

_joined: "Member | None" = None


class Member:
    """This process among those of its run."""

    def __init__(self, config: TrainConfig, place: nodes.Place):
        self._config, self._place = config, place
        self._ending = threading.Lock()
        self._heartbeat: Heartbeat | None = None
        self.board = rendezvous.open_board(config, place)

    def join(self) -> None:
        """Returns when all have come; ConfigError where one has not, or differs."""
        place, config = self._place, self._config
        limit_s, disk_s = config.collective_timeout_s, config.disk_timeout_s
        rendezvous.check_in(self.board, self._config, place)
        fault = self.board.fault()
        if fault is not None:
            self.end(fault)
        own = connect(place.address, place.port, self._config.start_timeout_s)
        self._heartbeat = Heartbeat(own, place.index, place.of, limit_s, disk_s, self.end)

    def leave(self) -> None:
        """After the run's end, which all have come to."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if not nodes.is_launched():
            self.board.leave(self._place.of - 1, self._config.collective_timeout_s)

    def fail(self, error: BaseException) -> NoReturn:
        """Ends the process for an error of its own, for the one that this one comes of, or because
        it was asked to."""
        try:
            fault = self._cause() if _is_broken_connection(error) else None
            fault = fault or self.board.report(*self._reason(error))
        except RuntimeError:  # the board is gone, and the process that held it
            line, code = self._reason(error)
            fault = Fault(line, socket.gethostname(), code)
        self.end(fault)

    def _reason(self, error: BaseException) -> tuple[str, int]:
        """The line and exit code of a fault of this process."""
        if isinstance(error, stop.AskedError):
            return stop.BEFORE_A_STEP, stop.REQUEUE
        return line_of(error, self._config), 2

    def end(self, fault: Fault) -> NoReturn:
        """Ends the process for the run's fault, told by whoever has to."""
        with self._ending:  # two threads may come to it
            try:
                if not nodes.is_launched():
                    line = self.board.tell(fault, first=self._place.index == 0)
                    if line:
                        stop.told(line, fault.code)
                    self.board.leave(self._place.of - 1)
            except RuntimeError:  # the board is gone, and the process that held it
                if self._place.index == 1:
                    stop.told(fault.line, fault.code)
            sys.stdout.flush()
            os._exit(fault.code)

    def _cause(self) -> Fault | None:
        deadline = time.monotonic() + _CAUSE_S
        while time.monotonic() < deadline:
            fault = self.board.fault()
            if fault is not None:
                return fault
            time.sleep(0.1)
        line = self._heartbeat.fault() if self._heartbeat else None
        return self.board.report(line) if line else None


def run(config: TrainConfig, work: Callable[[], int]) -> int:
    """Does the work of this process; returns its exit code, an error told in one line."""
    global _joined
    place = nodes.of_process()
    if place.of == 1:
        try:
            _require_world(config, place)
            return work()
        except Exception as error:
            print(f"error: {line_of(error, config)}", file=sys.stderr, flush=True)
            return 2
    # What is not said by its starter: srun speaks of tasks.
    os.environ.update(RANK=str(place.index), WORLD_SIZE=str(place.of))
    os.environ["LOCAL_RANK"] = str(place.on_this_node)
    _joined = Member(config, place)
    try:
        _joined.join()
        _require_world(config, place)
        code = work()
        _joined.leave()
    except nodes.OtherRunError:
        raise
    except Exception as error:
        _joined.fail(error)
    return code


def group_store() -> torch.distributed.Store | None:
    """Where a process group can meet; None for a process that has not joined a run."""
    return _joined.board.group_store if _joined else None


def all_ready() -> None:
    """Returns when every process of the run has called it, however long that takes."""
    if _joined is not None:
        rendezvous.all_ready(_joined.board, _joined._place.of)


def line_of(error: BaseException, config: TrainConfig) -> str:
    """An error as one line; of one that is not ours, the traceback goes into a file."""
    if isinstance(error, AltiplanoError):
        return " ".join(str(error).split())
    rank, step = os.environ.get("RANK", "0"), heartbeat.step()
    said = (str(error).strip().splitlines() or [""])[0][:200]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in said:
        return (
            f"rank {rank} ran out of memory at step {step} ({said}); choose a smaller micro_batch, "
            "recompute more (train.parallel.recompute) or split the model further (tp, pp)"
        )
    path = Path(config.output) / f"failure-rank-{rank}.txt"
    try:
        path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
        where = f"its traceback is in {path}"
    except OSError as unwritten:
        where = f"its traceback could not be written ({unwritten})"
    return f"rank {rank} failed at step {step} with {type(error).__name__}: {said}; {where}"


def _require_world(config: TrainConfig, place: nodes.Place) -> None:
    parallel = config.parallel
    if place.of != parallel.processes * parallel.nodes:
        raise ConfigError(
            f"{place.of} processes were started, and processes*nodes={parallel.processes}*"
            f"{parallel.nodes}={parallel.processes * parallel.nodes}; start as many or set both "
            "(train.parallel.processes, train.parallel.nodes)"
        )


def _is_broken_connection(error: BaseException) -> bool:
    if isinstance(error, torch.distributed.DistError):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in _BROKEN)
