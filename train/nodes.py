"""Where in a run of several machines a launcher or a process is, by what its starter says.

- SLURM: `srun` starts one launcher a task (`--ntasks-per-node=1`); the step's variables tell.
- NNODES and NODE_RANK, with MASTER_ADDR and MASTER_PORT: any other starter of one launcher a node.
- RANK and WORLD_SIZE: torchrun, or our launcher, for each process; `srun` may do it, too.
"""

import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from corpus.errors import ConfigError

_PORTS = (20_000, 10_000)  # the first, and how many: which of them a job takes is by its number
_LAST_PORT = 65_535


class NoAnswerError(ConfigError):
    """The first node's launcher, or process, cannot be reached."""


class OtherRunError(ConfigError):
    """What answers there is a run that has its processes, and must not hear of this one."""


@dataclass(frozen=True)
class Place:
    """One of `of` launchers, or one of `of` processes."""

    index: int = 0
    of: int = 1
    on_this_node: int = 0  # how many of the same come before it on its machine
    address: str = "127.0.0.1"
    port: int = 0  # 0: any


def of_launcher() -> Place:
    """Which of a run's launchers this is. Raises ConfigError where variables are missing."""
    found = os.environ
    if _in_slurm_step(found):
        return _of_task(found)
    nodes = _number(found, "NNODES", 1)
    if nodes == 1:
        return Place()
    node = _number(found, "NODE_RANK", None)
    if node >= nodes:
        raise ConfigError(f"NODE_RANK={node} is not below NNODES={nodes}; count nodes from 0")
    return Place(node, nodes, 0, *_master(found))


def of_process() -> Place:
    """Which of a run's processes this is. Raises ConfigError where variables are missing."""
    found = os.environ
    if "RANK" not in found and "WORLD_SIZE" not in found:
        return _of_task(found) if _in_slurm_step(found) else Place()
    rank, world_size = _number(found, "RANK", None), _number(found, "WORLD_SIZE", None)
    if rank >= world_size:
        raise ConfigError(f"RANK={rank} is not below WORLD_SIZE={world_size}; count ranks from 0")
    local = _number(found, "LOCAL_RANK", 0)
    if world_size == 1:
        return Place(0, 1, local)
    return Place(rank, world_size, local, *_master(found))


def is_launched() -> bool:
    """Whether train.launch started this process: it watches it and speaks for it."""
    return "LAUNCHER_PID" in os.environ


def first_host(nodes: str) -> str:
    """The first of a list as SLURM writes it: `gpu[003-010,12],login` is gpu003 and others."""
    found = re.match(r"([^\[,]+)(?:\[([^\]\-,]+)[^\]]*\]([^,\[]*))?", nodes)
    if found is None:
        raise ConfigError(f"SLURM_STEP_NODELIST='{nodes}' names no host; set MASTER_ADDR")
    return "".join(part or "" for part in found.groups())


def listen(address: str, port: int) -> socket.socket:
    """A socket for a board to be held on, port 0 for any; ConfigError where it is in use."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    # A run that ended a moment ago must not keep the next one from its port.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
        listening.listen(2048)
    except OSError as error:
        listening.close()
        raise ConfigError(
            f"port {port} of {socket.gethostname()} cannot be used ({error.strerror}); set "
            "MASTER_PORT to a free one, the same on all nodes"
        ) from None
    return listening


def _in_slurm_step(found: Mapping[str, str]) -> bool:
    # A batch script itself is no step, whatever number of tasks its job has.
    return "SLURM_PROCID" in found and _number(found, "SLURM_STEP_NUM_TASKS", 1) > 1


def _of_task(found: Mapping[str, str]) -> Place:
    hosts = found.get("SLURM_STEP_NODELIST") or found.get("SLURM_JOB_NODELIST", "")
    first, many = _PORTS
    job = _number(found, "SLURM_JOB_ID", 0)
    return Place(
        _number(found, "SLURM_PROCID", None),
        _number(found, "SLURM_STEP_NUM_TASKS", None),
        _number(found, "SLURM_LOCALID", 0),
        found.get("MASTER_ADDR") or first_host(hosts),
        _port(found, first + job % many),
    )


def _master(found: Mapping[str, str]) -> tuple[str, int]:
    if not found.get("MASTER_ADDR"):
        raise ConfigError(
            "MASTER_ADDR is not set; set it, and MASTER_PORT, to the host of the first process"
        )
    return found["MASTER_ADDR"], _port(found, None)


def _port(found: Mapping[str, str], default: int | None) -> int:
    port = _number(found, "MASTER_PORT", default)
    if not 1 <= port <= _LAST_PORT:
        raise ConfigError(
            f"MASTER_PORT={port} is no port; choose 1 to {_LAST_PORT}, the same on all nodes"
        )
    return port


def _number(found: Mapping[str, str], name: str, default: int | None) -> int:
    value = found.get(name)
    if value is None and default is not None:
        return default
    try:
        number = int(value or "")
    except ValueError:
        number = -1
    if number < 0:
        told = "is not set" if value is None else f"'{value}' is no number"
        raise ConfigError(f"{name} {told}; set it as torchrun does: a number of 0 or more")
    return number
