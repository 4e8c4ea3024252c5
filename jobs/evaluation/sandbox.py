"""Runs a program that nobody has read, such as a model's answer to a HumanEval problem.

The program gets a process of its own without network, in its own process namespace, may read the
system's and Python's files, may write only into an empty folder that is deleted after it, and is
bounded in seconds, memory, file size and number of processes; whatever it started ends with it.
Where the kernel gives no such namespaces or no Landlock, nothing is run: `unavailable` says why.
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

_INSIDE = Path(__file__).with_name("sandbox_inside.py")
_NOBODY = 65534


@dataclass(frozen=True)
class SandboxConfig:
    """What one program may use."""

    seconds: float = 10.0
    memory_mb: int = 1024  # address space of each of its processes
    file_mb: int = 16
    processes: int = 16


def run(program: str, limits: SandboxConfig) -> str | None:
    """Runs Python source to its end; None when it got there, else what stopped it, in a few words.

    A program that exits, even with 0, did not get to its end.
    """
    folder = tempfile.mkdtemp(prefix="sandbox-")
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    order = json.dumps({**asdict(limits), "folder": folder, "program": program}).encode()
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
    answer = said.decode(errors="replace").strip()
    if answer == "done":
        return None
    return answer or f"ended by signal or exit ({process.returncode})"


@cache
def unavailable() -> str | None:
    """Why programs cannot be run apart on this machine; None where they can."""
    if sys.platform != "linux":
        return "running a model's programs needs Linux, whose namespaces keep them apart"
    reason = run("", SandboxConfig())
    if reason is None:
        return None
    return f"running a model's programs needs user namespaces and Landlock ({reason})"


def _end(process: subprocess.Popen[bytes]) -> None:
    # All of the namespace ends with its first process, the one child; it may have left the group.
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    inner = children.read_text().split() if children.exists() else []
    os.killpg(process.pid, signal.SIGKILL)
    for child in inner:
        with suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
    process.communicate()
