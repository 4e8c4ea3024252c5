"""The notice board of a run: a key-value store over TCP in which its processes meet.

It is torch's TCPStore, held by the first node's launcher, so that it outlives every process of the
run and can be read when one of them is dead or stopped. Under torchrun its agent holds it, and
where there is neither, the first process does. What stands there: who has come (train.rendezvous),
how far each is (train.heartbeat), and the first fault, which is the run's one error line.
"""

import json
import os
import resource
import secrets
import socket
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

# torch's sockets tell of every attempt; set before torch is imported, as it is read then.
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")

from torch.distributed import DistError, PrefixStore, Store, TCPStore

from corpus.errors import ConfigError
from train import stop
from train.blame import process
from train.nodes import NoAnswerError, OtherRunError, Place

_TELL_S = 5.0  # how long the end of a run waits for others to see why
_NAME_S = 20.0  # for the name of a host to be known
_FILES = 65_536  # two connections a process
_GO, _FAULT, _TOLD, _GONE = "go", "fault", "told", "gone"
_ENDING_S = 10.0  # for the board of a run that is ending to be gone
_ME = process(os.getpid(), socket.gethostname()), secrets.token_hex(8)


@dataclass(frozen=True)
class Fault:
    """Why a run ended, in one line; `code` is its exit code."""

    line: str
    host: str
    code: int = 2


class Board:
    """A connection to the board; one for each thread, as a read waits for its answer."""

    def __init__(self, store: Store, is_held_here: bool):
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")  # torchrun keeps its store
        self._store = PrefixStore(f"altiplano/{attempt}", store)
        self.group_store = PrefixStore(f"torch/{attempt}", store)
        self.is_held_here = is_held_here

    def put(self, key: str, value: Any) -> None:
        self._store.set(key, json.dumps(value))

    def get(self, key: str) -> Any:
        """None where it is not there."""
        return json.loads(self._store.get(key)) if self._store.check([key]) else None

    def claim(self, key: str, value: Any) -> Any:
        """Puts a value where none is; returns the one that is there now."""
        return json.loads(self._store.compare_set(key, "", json.dumps(value)))

    def set_under_way(self) -> None:
        """All processes of the run have come."""
        self.put(_GO, True)

    def is_under_way(self) -> bool:
        """Whether they have. Who comes then is of another run."""
        return bool(self.get(_GO))

    def count(self, key: str, more: int = 1) -> int:
        """Adds to a counter; returns what it is then."""
        return self._store.add(key, more)

    def report(self, line: str, code: int = 2) -> Fault:
        """Puts a fault, unless there is one; returns the one that is there."""
        fault = Fault(line, socket.gethostname(), code)
        return Fault(**self.claim(_FAULT, asdict(fault)))

    def fault(self) -> Fault | None:
        found = self.get(_FAULT)
        return Fault(**found) if found else None

    def tell(self, fault: Fault, first: bool) -> str | None:
        """The line to be printed by the caller; None where another has printed it.

        first: whether it is the caller's to print; the others do so only where nobody has.
        """
        deadline = time.monotonic() + _TELL_S
        while not first and time.monotonic() < deadline:
            if self.count(_TOLD, 0):
                return None
            time.sleep(0.1)
        if self.count(_TOLD) > 1:
            return None
        return fault.line if fault.host == socket.gethostname() else f"{fault.host}: {fault.line}"

    def leave(self, others: int, limit_s: float = _TELL_S) -> None:
        """To be called last: whoever holds the board waits for so many others to have left."""
        if not self.is_held_here:
            self.count(_GONE)
            return
        deadline = time.monotonic() + limit_s
        while self.count(_GONE, 0) < others and time.monotonic() < deadline:
            time.sleep(0.05)


def hold(listening: socket.socket) -> Board:
    """The board, held by this process from now on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _FILES <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))
    port = listening.getsockname()[1]
    store = TCPStore(
        "localhost",
        port,
        is_master=True,
        wait_for_workers=False,
        master_listen_fd=listening.detach(),
    )
    return Board(store, is_held_here=True)


def connect_launcher(place: Place, limit_s: float, ending_s: float = _ENDING_S) -> Board:
    """The board of the run that this launcher is of. Its processes are to be started afterwards.

    OtherRunError where the board is of a run that has all its processes: a command was started
    twice, and a word of the second's processes there would end the first. A run that is ending is
    waited for, `ending_s`. ConfigError where that node has a launcher in a run still to come.
    """
    where, deadline = f"{place.address}:{place.port}", None
    while True:
        board = connect(place.address, place.port, limit_s)
        try:
            there = board.claim(f"launcher/{place.index}", _ME)
            is_under_way = board.is_under_way()
        except RuntimeError:  # it has ended
            continue
        other = None if there == list(_ME) else there[0]
        if other is None and not is_under_way:
            return board
        if not is_under_way:
            raise ConfigError(
                f"node {place.index} of the run at {where} is launched twice, by {other} and by "
                f"{_ME[0]}; give every launcher its own NODE_RANK, every run its own MASTER_PORT"
            )
        deadline = deadline or time.monotonic() + ending_s
        if time.monotonic() > deadline:
            raise OtherRunError(
                f"the run at {where} is under way, its node {place.index} launched by "
                f"{other or 'nobody'}; wait for it, or give this one another MASTER_PORT"
            )
        time.sleep(0.2)


def connect(address: str, port: int, limit_s: float) -> Board:
    """The board that is held elsewhere; ConfigError where nothing answers within the limit."""
    began, place = time.monotonic(), f"{address}:{port}"
    deadline = began + limit_s
    while True:
        try:
            socket.create_connection((address, port), timeout=max(1.0, limit_s)).close()
            break
        except OSError as error:
            reason = error.strerror or str(error)
            if isinstance(error, socket.gaierror):
                deadline = min(deadline, began + _NAME_S)
        if time.monotonic() >= deadline:
            raise NoAnswerError(
                f"no answer from {place} in {deadline - began:.0f} s ({reason}); start the run "
                "there, or set MASTER_ADDR and MASTER_PORT to where its first process is"
            )
        stop.raise_if_asked()  # where a board is, the others must hear of it
        time.sleep(min(0.5, limit_s / 10))
    left = timedelta(seconds=max(5.0, deadline - time.monotonic()))
    try:
        store = TCPStore(address, port, is_master=False, timeout=left, wait_for_workers=False)
    except (DistError, RuntimeError):
        raise ConfigError(
            f"what answers at {place} is no run of altiplano's; set MASTER_PORT to a free one, "
            "the same on all nodes"
        ) from None
    return Board(store, is_held_here=False)
