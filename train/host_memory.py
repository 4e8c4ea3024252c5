"""Memory a process can still take on its machine: of the machine, and of its control groups.

A container, or SLURM with --mem, bounds a process by its groups, which the machine's own figures
say nothing of: whoever goes by those alone is killed where a group is full.
"""

from collections.abc import Iterator
from pathlib import Path

import psutil


def available(root: Path = Path("/")) -> float:
    """Bytes that are left of the machine's memory and of every control group's with a limit, of
    version 2 or 1, that this process is in. root: where /proc and /sys are."""
    left = [float(psutil.virtual_memory().available)]
    left += [bytes_left for group in _groups(root) if (bytes_left := _left(group)) is not None]
    return max(0.0, min(left))


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's memory groups and of those that hold them."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no such thing on this system
        return
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        number, controllers, path = line.split(":", 2)
        if number == "0":
            tops = [mounts, mounts / "unified"]
        elif "memory" in controllers.split(","):
            tops = [mounts / "memory"]
        else:
            continue
        for top in tops:
            group = top / path.lstrip("/")  # seen from the machine: a container has only its top
            yield from (group, *(one for one in group.parents if one.is_relative_to(top)))


def _left(group: Path) -> float | None:
    """Bytes left of a group's limit, the files it has cached counted as free; None without one."""
    for limit, used, total in (
        ("memory.max", "memory.current", ""),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    ):
        try:
            most = (group / limit).read_text().strip()
            if most == "max":
                return None
            stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            cached = sum(int(stat[f"{total}{kind}_file"]) for kind in ("active", "inactive"))
            return int(most) - int((group / used).read_text()) + cached
        except (OSError, ValueError, KeyError):  # not of this version, or not to be read
            continue
    return None
