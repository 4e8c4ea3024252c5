"""The inside of the sandbox: a script of its own, which gives up its rights and runs the program.

Reads its order as JSON from standard input. The outer process enters new namespaces and waits; the
inner one, the first of its process namespace, bounds itself and runs the program. What it answers
on standard output is `done` or what stopped the program.

Started by root it becomes nobody, as no limit on processes binds root, and keeps of root's rights
only that to read: Python itself may lie where nobody else can. Landlock says what may be read and
written all the same.
"""

import ctypes
import json
import os
import resource
import signal
import sys

_NOBODY = 65534
_NEW_USER, _NEW_PID, _NEW_NET, _NEW_IPC = 0x10000000, 0x20000000, 0x40000000, 0x08000000
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_NO_NEW_PRIVS = 1, 8, 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # Landlock's system calls
# Its first version's rights: to execute, read and list; to write, remove and make files.
_READS, _WRITES = 0xD, 0x1FF2
_READABLE = ("/usr", "/lib", "/lib64", "/etc", "/dev", sys.prefix, sys.base_prefix)
_CAPABILITIES_VERSION, _CAP_DAC_READ_SEARCH = 0x20080522, 1 << 2
_O_PATH = 0o10000000
_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _BeneathPath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def main() -> None:
    order = json.loads(sys.stdin.buffer.read())
    user = 0 if os.geteuid() == 0 else _NEW_USER
    _check(_libc.unshare(user | _NEW_PID | _NEW_NET | _NEW_IPC), "namespaces")
    inner = os.fork()
    if inner:
        _, status = os.waitpid(inner, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    answers = os.dup(1)
    if os.geteuid() == 0:
        _become_nobody()
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
    _confine_to(order["folder"])
    _bound(order)
    sink = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(sink, stream)
    os.write(answers, _run(order["program"]).encode()[:300])
    os._exit(0)


def _run(program: str) -> str:
    try:
        exec(compile(program, "program", "exec"), {"__name__": "__main__"})
    except BaseException as error:  # SystemExit too: it is not the program's end
        return f"{type(error).__name__}: {error}"
    return "done"


def _become_nobody() -> None:
    _check(_libc.prctl(_PR_SET_KEEPCAPS, 1), "prctl")
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
    kept = (ctypes.c_uint32 * 6)(_CAP_DAC_READ_SEARCH, _CAP_DAC_READ_SEARCH)  # in effect, permitted
    _check(_libc.capset(header, kept), "capabilities")


def _bound(order: dict) -> None:
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


def _confine_to(folder: str) -> None:
    rules = _Ruleset(_READS | _WRITES)
    ruleset = _libc.syscall(_CREATE_RULESET, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    _check(min(ruleset, 0), "Landlock")
    allowed = dict.fromkeys(_READABLE, _READS)
    allowed |= {folder: _READS | _WRITES, os.devnull: 0x6}  # a file's rights: to read and to write
    for path, rights in allowed.items():
        if os.path.exists(path):
            rule = _BeneathPath(rights, os.open(path, _O_PATH))
            _check(_libc.syscall(_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0), "Landlock")
    _check(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")
    _check(_libc.syscall(_RESTRICT_SELF, ruleset, 0), "Landlock")


def _check(result: int, what: str) -> None:
    if result:
        print(f"no {what}: {os.strerror(ctypes.get_errno())}", flush=True)
        os._exit(1)


if __name__ == "__main__":
    main()
