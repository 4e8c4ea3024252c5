"""Process groups: torch.distributed from the launcher's environment, then megatron-core's grid.

The environment is torchrun's (RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT); without it
the process is a world of one. NCCL where there is CUDA, gloo elsewhere.
"""

import gc
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
from megatron.core import parallel_state
from megatron.core.models.common.embeddings.rotary_pos_embedding import RotaryEmbedding
from megatron.core.tensor_parallel import model_parallel_cuda_manual_seed

from corpus.errors import AltiplanoError, ConfigError
from train import cpu_shim, member, nodes
from train.config import TrainConfig, data_parallel_size


@contextmanager
def joined(config: TrainConfig) -> Iterator[None]:
    """Within it the process is part of the run's groups.

    Left at the end, and by a process alone on an error. Of several one may have raised what the
    others did not: leaving would wait for their messages, so the groups end with the process.
    """
    start(config)
    try:
        yield
    except AltiplanoError:
        if torch.distributed.get_world_size() == 1:
            stop()
        raise
    stop()


def start(config: TrainConfig) -> None:
    """Joins the process group and builds the tensor, pipeline and data parallel groups.

    Raises ConfigError where the world's size does not fit the config's layout.
    """
    rank = int(os.environ.get("RANK", "0"))
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    data_parallel_size(config, world_size)
    gc.collect()  # the groups of an earlier run, and their threads, end with what refers to them
    # train.heartbeat keeps to the config's limit and names who is late; these would not.
    last_resort = timedelta(seconds=config.disk_timeout_s + config.collective_timeout_s)
    on_cpu = cpu_shim.activate()
    if on_cpu:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // world_size))
    else:
        torch.cuda.set_device(gpu_number())
    if world_size == 1:  # nobody to meet: no address, no port
        alone = torch.distributed.HashStore()
        torch.distributed.init_process_group(
            "gloo" if on_cpu else "nccl", store=alone, rank=rank, world_size=world_size
        )
    else:
        store = member.group_store()
        meeting: dict[str, Any] = {"store": store, "rank": rank, "world_size": world_size}
        torch.distributed.init_process_group(
            "gloo" if on_cpu else "nccl", timeout=last_resort, **(meeting if store else {})
        )
    parallel_state.initialize_model_parallel(
        tensor_model_parallel_size=config.parallel.tp,
        pipeline_model_parallel_size=config.parallel.pp,
        virtual_pipeline_model_parallel_size=config.parallel.vpp
        if config.parallel.vpp > 1
        else None,
        context_parallel_size=config.parallel.cp,
        distributed_timeout_minutes=math.ceil(last_resort.total_seconds() / 60),
        create_gloo_process_groups=False,  # for its own saves; train.shares does without
    )
    model_parallel_cuda_manual_seed(config.seed)


def stop() -> None:
    """Leaves the groups, so that the process can start others or exit without a warning."""
    parallel_state.destroy_model_parallel()
    # It remembers the last angles it gave by the module asked, which holds its group.
    RotaryEmbedding.forward.cache_clear()
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def gpu_number() -> int:
    """Which of the GPUs that this process is shown is its own.

    SLURM's --gpus-per-task shows each process one, another one; then that. Raises ConfigError where
    there are fewer than processes.
    """
    local, shown = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if shown == 1 and not nodes.is_launched():  # train.launch shows each all there are
        return 0
    if local >= shown:
        raise ConfigError(
            f"processes={local + 1} or more on a node that shows them GPUs: {shown}; choose at "
            f"most {shown} (train.parallel.processes)"
        )
    return local


def device() -> torch.device:
    """Where this process computes."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def is_main() -> bool:
    """Whether this is the process that writes logs and pointers."""
    return torch.distributed.get_rank() == 0
