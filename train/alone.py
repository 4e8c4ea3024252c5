"""One run at a time in an output folder: two would delete each other's checkpoints.

Whoever starts a run's processes holds a lock on a file of the folder as long as it lives. The
kernel lets go of it when the holder ends, however it does; children do not inherit it.
"""

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from corpus.errors import ConfigError

LOCK = ".train.lock"  # a build may have the same output, and a lock of its own
_ENDING_S = 10.0  # for the run before, which a scheduler has asked to end, to be gone
_LOOK_S = 0.1
_here: set[Path] = set()  # folders that this process holds
_TAKEN = (errno.EAGAIN, errno.EACCES)  # NFS says the second; any other error: it has no locks


@contextmanager
def alone(output: str, ending_s: float = _ENDING_S) -> Iterator[None]:
    """Holds the folder, which is made where it is not there; ConfigError where another run has it
    for longer than `ending_s`, or it cannot be written. What this process holds it may hold again.
    """
    path = Path(os.path.abspath(output)) / LOCK
    if path in _here:
        yield
        return
    is_new = not path.parent.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = _held(path, time.monotonic() + ending_s)
    except OSError as error:
        raise ConfigError(
            f"output={output} cannot be written ({error}); choose another (train.output)"
        ) from None
    _here.add(path)
    try:
        yield
    finally:
        _here.remove(path)
        with suppress(OSError):
            if is_new and os.listdir(path.parent) == [LOCK]:  # a run that is refused leaves nothing
                path.unlink()
                path.parent.rmdir()
        os.close(holder)


def _held(path: Path, deadline: float) -> int:
    while True:
        holder = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _TAKEN:
                said = f"{path} cannot be locked ({error.strerror}): see to it that no other run"
                print(f"{said} trains into this folder", file=sys.stderr, flush=True)
                return holder
            who = os.pread(holder, 200, 0).decode("utf-8", "replace").strip()
            os.close(holder)
            if time.monotonic() > deadline:
                raise ConfigError(
                    f"another run{who and ', '}{who}, is training into {path.parent}; wait for it "
                    "or choose another (train.output)"
                ) from None
            time.sleep(_LOOK_S)
            continue
        if _is_still(path, holder):
            _sign(holder)
            return holder
        os.close(holder)  # the folder was deleted meanwhile


def _is_still(path: Path, holder: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(holder))
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return False


def _sign(holder: int) -> None:
    who = f"pid {os.getpid()} on {socket.gethostname()}\n".encode()
    try:
        os.ftruncate(holder, 0)
        os.pwrite(holder, who, 0)
    except OSError:  # on a full disk the lock holds without a name
        pass
