"""The inside of the sandbox: a script of its own, which gives up its rights and judges a program.

Reads two orders from standard input, each 8 bytes of length and JSON: limits and program, then the
checks. The outer process enters new namespaces and waits. The first process of the new process
namespace is the judge. It forks the program's process before it has read the checks: so nothing of
them, nor any way to answer for the judge, is in the memory or the open files of that process. What
the judge says on standard output is JSON, {"passed": …, "reason": …}.

Started by root it becomes nobody, as no limit on processes binds root, and keeps of root's rights
only that to read: Python itself may lie where nobody else can.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any, NoReturn

sys.path.insert(0, os.path.abspath(f"{__file__}/../../.."))
from jobs.evaluation import sandbox_calls as calls
from jobs.evaluation import sandbox_rights as rights

del sys.path[0]

_NOBODY = 65534
_NEW_MOUNTS, _NEW_USER, _NEW_PID = 0x00020000, 0x10000000, 0x20000000
_NEW_NET, _NEW_IPC = 0x40000000, 0x08000000
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS = 1, 8
_CAP_DAC_READ_SEARCH = 1 << 2
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    is_root = os.geteuid() == 0
    user = 0 if is_root else _NEW_USER
    if _libc.unshare(user | _NEW_MOUNTS | _NEW_PID | _NEW_NET | _NEW_IPC):
        _answer(1, f"no namespaces: {os.strerror(ctypes.get_errno())}")
    inner = os.fork()
    if inner:
        _, status = os.waitpid(inner, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    order, answers = _read_order(), os.dup(1)
    try:
        _give_up_rights(order, is_root)
    except OSError as error:
        _answer(answers, str(error))
    sink = os.open(os.devnull, os.O_RDWR)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    (asked, ask), (told, tell) = os.pipe(), os.pipe()
    program = os.fork()
    if not program:
        os.dup2(sink, 0)
        for other in (answers, ask, told):
            os.close(other)
        calls.serve(order["program"], asked, tell)
        os._exit(0)
    os.close(asked)
    os.close(tell)
    _answer(answers, calls.judge(calls.Remote(told, ask), _read_order()))


def _read_order() -> dict[str, Any]:
    # Of the pipe itself, unbuffered: what follows is not for the process that is forked meanwhile.
    return json.loads(calls.read_exactly(0, int.from_bytes(calls.read_exactly(0, 8), "big")))


def _answer(answers: int, reason: str | None) -> NoReturn:
    said = {"passed": reason is None, "reason": reason and reason[:300]}
    os.write(answers, json.dumps(said).encode())
    os._exit(0)


def _give_up_rights(order: dict[str, Any], is_root: bool) -> None:
    rights.write_only_in(order["folder"])
    if is_root:
        _libc.prctl(_PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    rights.keep_capabilities(_CAP_DAC_READ_SEARCH if is_root else 0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    rights.confine_to(order["folder"])
    rights.filter_calls()
    seconds = int(order["seconds"]) + 1
    for kind, limit in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, order["memory_mb"] << 20),
        (resource.RLIMIT_FSIZE, order["file_mb"] << 20),
        (resource.RLIMIT_NPROC, order["processes"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


if __name__ == "__main__":
    main()
