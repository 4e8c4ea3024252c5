"""Whether a run fits the memory it is given: told before it starts, refused where it cannot."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psutil
import torch

from corpus.errors import ConfigError
from train import host_memory, memory
from train.config import TrainConfig
from train.memory import GB, Estimate


def require_fits_here(config: TrainConfig) -> None:
    """Says in two lines what this run takes of the memory of its processes' devices, and its saves
    of the nodes', before it does.

    Raises ConfigError where it is more than the least of them has, on every process alike; to be
    called by all of them.
    """
    from train.parallel import device, is_main  # megatron-core, which a plan does without

    here = _processes_here()
    name, capacity = _capacity(config, here)
    free = host_memory.available()
    least = torch.tensor([capacity, free], dtype=torch.float64, device=device())
    torch.distributed.all_reduce(least, torch.distributed.ReduceOp.MIN)
    capacity, free = least.tolist()
    world_size = torch.distributed.get_world_size()
    needed = require_fits(config, world_size, capacity, name)
    on_gpu = torch.cuda.is_available()
    if not on_gpu:  # what it computes with is of the same memory
        free -= here * needed.tensors
    require_save_fits(config, world_size, here, free, on_gpu)
    if is_main():
        print(line(needed, f"{capacity / GB:.1f} GB of {name}"), flush=True)
        told = save_line(config, world_size, here, on_gpu)
        print(f"{told}, which has {free / GB:.3g} left", flush=True)


def require_fits(config: TrainConfig, world_size: int, capacity: float, name: str) -> Estimate:
    """The estimate; ConfigError where it is above `capacity` bytes, with a change that helps."""
    on_gpu = name != "CPU memory"
    needed = memory.estimate(config, world_size, on_gpu)
    if needed.total <= capacity:
        return needed
    raise ConfigError(
        f"a process needs about {needed.total / GB:.1f} GB and has {capacity / GB:.1f} GB of {name}"
        f"; {_remedy(config, world_size, capacity, on_gpu)} (train.memory_limit_gb, if that is "
        "not its size)"
    )


def require_save_fits(
    config: TrainConfig, world_size: int, here: int, free: float, on_gpu: bool
) -> None:
    """ConfigError where a save of the `here` processes of a node takes more than `free` bytes."""
    copies = here * memory.copies_of_save(config, world_size, on_gpu)
    if copies > free:
        raise ConfigError(
            f"a save copies {copies / GB:.3g} GB to the memory of a node of {here} processes, "
            f"which has {free / GB:.3g} GB left; take nodes with more, or more nodes, that share "
            "the optimizer's state (train.parallel.nodes)"
        )


def save_line(config: TrainConfig, world_size: int, here: int, on_gpu: bool) -> str:
    """`memory a save copies to, GB: 11.8 a process, 94.3 a node of 8`."""
    copies = memory.copies_of_save(config, world_size, on_gpu) / GB
    return (
        f"memory a save copies to, GB: {copies:.3g} a process, {here * copies:.3g} a node of {here}"
    )


def line(needed: Estimate, capacity: str = "") -> str:
    """`memory a process: weights 13.5 GB, …, in all 62.1 GB of …`; parts of nothing left out."""
    parts = {name: size / GB for name, size in vars(needed).items() if size}
    told = ", ".join(f"{name} {size:.3g}" for name, size in parts.items())
    return f"memory a process, GB: {told}; in all {needed.total / GB:.3g}" + (
        f" of {capacity}" if capacity else ""
    )


def _processes_here() -> int:
    """The run's processes on this machine, whatever started them. A collective."""
    hosts = [""] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(hosts, socket.gethostname())
    return hosts.count(socket.gethostname())


def _capacity(config: TrainConfig, here: int) -> tuple[str, float]:
    """What this process, one of `here` on its machine, may take, in bytes, and of what."""
    on_gpu = torch.cuda.is_available()
    name = torch.cuda.get_device_name() if on_gpu else "CPU memory"
    if config.memory_limit_gb is not None:
        return name, config.memory_limit_gb * GB
    if on_gpu:  # what is free now, and what this process has taken of it by being there
        return name, torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved() + memory.CUDA
    own = psutil.Process().memory_info().rss
    return name, host_memory.available() / here + own


def _remedy(config: TrainConfig, world_size: int, capacity: float, on_gpu: bool) -> str:
    """The change that makes it fit, tried in the order of what they cost in speed."""
    for change, changed in _changes(config):
        try:
            size = memory.estimate(changed, world_size, on_gpu).total
        except ConfigError:  # no layout of so many processes
            continue
        if size <= capacity:
            return f"{change} would take {size / GB:.1f} GB"
    return (
        "neither recompute=full with micro_batch=1 nor tp up to 8 on as many processes makes it "
        "fit; take more or larger ones"
    )


def _changes(config: TrainConfig) -> Iterator[tuple[str, TrainConfig]]:
    now, micro = config.parallel, config.schedule.micro_batch
    for tp in (now.tp, *(tp for tp in (2, 4, 8) if tp > now.tp)):
        for micro_batch in dict.fromkeys((micro, max(1, micro // 2), 1)):
            for recompute in ("none", "selective", "full"):
                layout: dict[str, Any] = {"tp": tp, "recompute": recompute}
                if tp != now.tp:
                    layout["sequence_parallel"] = True
                if recompute != now.recompute:
                    layout["recompute_layers"] = None
                try:
                    changed = replace(
                        config, micro_batch=micro_batch, parallel=replace(now, **layout)
                    )
                except ConfigError:
                    continue
                asked = {**layout, "micro_batch": micro_batch}
                was = {**vars(now), "micro_batch": micro}
                told = [f"{k}={v}" for k, v in asked.items() if v != was[k] and v is not None]
                yield ", ".join(told) or "nothing", changed
