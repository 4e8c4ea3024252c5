"""Runs a program that nobody has read, such as a model's answer to a HumanEval problem.

The program gets a process of its own in its own namespaces. It may read the system's and Python's
files, and see by name and size what else there is; may write only into an empty folder that is
deleted after it, all else being mounted read-only; can open no socket; and is bounded in seconds,
memory, file size and number of processes. Whatever it started ends with it. Where the kernel gives
no such namespaces, no Landlock or no filter of system calls, nothing is run: `unavailable` says
why. What it does not keep out: a fault of the kernel, and load on the machine within the bounds.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

_INSIDE = Path(__file__).with_name("sandbox_inside.py")
_NOBODY = 65534


@dataclass(frozen=True)
class SandboxConfig:
    """What one program may use."""

    seconds: float = 10.0
    memory_mb: int = 1024  # address space of each of its processes
    file_mb: int = 16
    processes: int = 16


@dataclass(frozen=True)
class Checks:
    """What a program must hold against. It runs apart from the program, which cannot read it."""

    source: str  # Python: assertions about the program's functions
    functions: tuple[str, ...] = ()  # the program's, whoever else has such a name
    setup: str = ""  # Python that comes before: what is given with the question


def run(program: str, limits: SandboxConfig, checks: Checks | None = None) -> str | None:
    """Runs Python source to its end, and checks it: None where all held, else what did not.

    A program that exits, even with 0, did not get to its end. Without checks its own word is all
    there is to go by.
    """
    folder = tempfile.mkdtemp(prefix="sandbox-")
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    first = {**asdict(limits), "folder": folder, "program": program}
    order = _order(first) + _order(asdict(checks or Checks("")))
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(_INSIDE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": folder, "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(order, timeout=limits.seconds + 1)
    except subprocess.TimeoutExpired:
        _end(process)
        return f"not done after {limits.seconds:g} s"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if not said:
        return f"ended by signal or exit ({process.returncode})"
    answer = json.loads(said)
    return None if answer["passed"] else answer["reason"]


def _order(tree: dict[str, Any]) -> bytes:
    data = json.dumps(tree).encode()
    return len(data).to_bytes(8, "big") + data


@cache
def unavailable() -> str | None:
    """Why programs cannot be run apart on this machine; None where they can."""
    if sys.platform != "linux":
        return "running a model's programs needs Linux, whose namespaces keep them apart"
    reason = run("", SandboxConfig())
    if reason is None:
        return None
    needs = "user and mount namespaces, Landlock and seccomp"
    return f"running a model's programs needs {needs} ({reason})"


def _end(process: subprocess.Popen[bytes]) -> None:
    # All of the namespace ends with its first process, the one child; it may have left the group.
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    inner = children.read_text().split() if children.exists() else []
    os.killpg(process.pid, signal.SIGKILL)
    for child in inner:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    process.communicate()
