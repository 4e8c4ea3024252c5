"""One at a time in a folder: a lock on a file of it, held as long as its holder lives.

The kernel lets go of it when the holder ends, however it does; programs that the holder starts do
not inherit it.
"""

import errno
import fcntl
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from corpus.errors import AltiplanoError

_LOOK_S = 0.1
_TRIES = 100  # to make the folder, which whoever made it before may delete at any moment
_TAKEN = (errno.EAGAIN, errno.EACCES)  # NFS says the second; any other error: it has no locks


@dataclass(frozen=True)
class Use:
    """What one at a time does in a folder, in the words in which another is refused."""

    lock: str  # the name of the lock's file
    by: str  # as in "another build"
    doing: str  # as in "is writing to"
    key: str  # what chooses the folder, as in "choose another 'output'"
    error: type[AltiplanoError]


@contextmanager
def alone(folder: str, use: Use, ending_s: float = 0.0) -> Iterator[None]:
    """Holds a local folder, which is made where it is not there, and is gone again where nothing
    came into it.

    `use.error` where another has it for longer than `ending_s`, or it cannot be written.
    """
    path = Path(os.path.abspath(folder)) / use.lock
    try:
        holder, is_new = _held(path, use, time.monotonic() + ending_s)
    except OSError as error:
        raise use.error(
            f"output={folder} cannot be written ({error}); choose another {use.key}"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):
            if is_new and os.listdir(path.parent) == [use.lock]:
                path.unlink()
                path.parent.rmdir()
        os.close(holder)


def locked(holder: int, path: Path, by: str) -> bool:
    """Locks an open file or folder; False where another has it.

    True where its disk has no locks, which is told: it can be worked on nevertheless.
    """
    try:
        fcntl.flock(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        said = f"{path} cannot be locked ({error.strerror}): see to it that no other {by}"
        print(f"{said} writes into this folder", file=sys.stderr, flush=True)
    return True


def is_still(path: Path, holder: int) -> bool:
    """Whether the open file or folder is still the one of that name."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(holder))
    except FileNotFoundError:
        return False


def _held(path: Path, use: Use, deadline: float) -> tuple[int, bool]:
    """The locked file, and whether its folder was made for it."""
    while True:
        holder, is_new = _opened(path)
        if not locked(holder, path, use.by):
            who = os.pread(holder, 200, 0).decode("utf-8", "replace").strip()
            os.close(holder)
            if time.monotonic() > deadline:
                raise use.error(
                    f"another {use.by}{who and f', {who},'} is {use.doing} {path.parent}; "
                    f"wait for it or choose another {use.key}"
                )
            time.sleep(_LOOK_S)
        elif is_still(path, holder):
            _sign(holder)
            return holder, is_new
        else:  # deleted meanwhile
            os.close(holder)


def _opened(path: Path) -> tuple[int, bool]:
    for _ in range(_TRIES):
        # A folder deleted meanwhile is missing to the open, or there and then not to the mkdir.
        with suppress(FileNotFoundError, FileExistsError):
            return _open(path)
    return _open(path)  # no folder can be there, and this says why


def _open(path: Path) -> tuple[int, bool]:
    is_new = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o644), is_new


def _sign(holder: int) -> None:
    who = f"pid {os.getpid()} on {socket.gethostname()}\n".encode()
    try:
        os.ftruncate(holder, 0)
        os.pwrite(holder, who, 0)
    except OSError:  # on a full disk the lock holds without a name
        pass
