"""Memory that is left, on made control groups: what of them bounds a process, and what does not."""

from types import SimpleNamespace

import psutil
import pytest
import torch

from train import host_memory, memory_check

MACHINE = 1000


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Makes the files of control groups: limit, usage and cached files by folder."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=MACHINE))

    def make(process, groups):
        (tmp_path / "proc/self").mkdir(parents=True)
        (tmp_path / "proc/self/cgroup").write_text(process)
        for name, (limit, used, active, inactive) in groups.items():
            group = tmp_path / "sys/fs/cgroup" / name
            group.mkdir(parents=True, exist_ok=True)
            v1 = name.startswith("memory")
            names = ("limit_in_bytes", "usage_in_bytes") if v1 else ("max", "current")
            (group / f"memory.{names[0]}").write_text(f"{limit}\n")
            (group / f"memory.{names[1]}").write_text(f"{used}\n")
            stat = f"anon 7\nactive_file {active}\ninactive_file {inactive}\n"
            if v1:  # of the group alone, then with those below it
                stat = "active_file 0\ninactive_file 0\n"
                stat += f"total_active_file {active}\ntotal_inactive_file {inactive}\n"
            (group / "memory.stat").write_text(stat)
        return tmp_path

    return make


STEP = "0::/slurm/job_7/step_0\n"


@pytest.mark.parametrize(
    ("process", "groups", "left"),
    [
        ("", {}, MACHINE),
        (STEP, {}, MACHINE),
        (STEP, {"slurm/job_7/step_0": (800, 500, 100, 50)}, 450),
        (STEP, {"slurm/job_7/step_0": ("max", 500, 0, 0), "slurm/job_7": (600, 500, 0, 0)}, 100),
        (STEP, {"slurm/job_7": (600, 700, 0, 0)}, 0),
        (STEP, {"slurm/job_7": (9000, 700, 0, 0)}, MACHINE),
        (STEP, {"slurm/job_8": (10, 5, 0, 0)}, MACHINE),
        ("0::/\n", {"": (300, 100, 0, 0)}, 200),
        (STEP, {"": (300, 100, 0, 0)}, 200),
        (
            "5:cpu:/a\n4:memory,hugetlb:/docker/a\n0::/\n",
            {"memory/docker/a": (900, 500, 40, 2), "memory": (2**63 - 4096, 9, 0, 0)},
            442,
        ),
        ("4:memory:/docker/a\n", {"memory": (300, 100, 0, 0)}, 200),
    ],
)
def test_the_narrowest_group_bounds_what_is_left(machine, process, groups, left):
    assert host_memory.available(machine(process, groups)) == left


def test_without_control_groups_the_machine_is_all(machine, tmp_path):
    assert host_memory.available(tmp_path / "none") == MACHINE


def test_the_processes_of_a_machine_are_counted_whoever_started_them(monkeypatch):
    """srun sets no LOCAL_WORLD_SIZE."""
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    there = ["gpu1", "gpu2", "gpu1", "gpu1"]
    monkeypatch.setattr(memory_check.socket, "gethostname", lambda: "gpu1")
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: len(there))

    def gathered(hosts, own):
        assert own == "gpu1"
        hosts[:] = there

    monkeypatch.setattr(torch.distributed, "all_gather_object", gathered)
    assert memory_check._processes_here() == 3
