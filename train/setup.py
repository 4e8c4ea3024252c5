"""Model and optimizer of one process, wired up for megatron-core's schedules."""

import torch
from megatron.core.distributed import (
    DistributedDataParallel,
    DistributedDataParallelConfig,
    finalize_model_grads,
)
from megatron.core.models.gpt.gpt_model import GPTModel
from megatron.core.transformer.module import Float16Module

from train import checkpoint, model, optim
from train.config import TrainConfig


def build(config: TrainConfig) -> checkpoint.Training:
    """The training state at step 0; the process groups must be up."""
    parts = model.build(config)
    megatron = parts[0].config
    on_gpu = torch.cuda.is_available()
    wrapped = [_wrap(part, number, on_gpu) for number, part in enumerate(parts)]
    optimizer = optim.build(config, wrapped)
    megatron.finalize_model_grads_func = finalize_model_grads
    megatron.grad_scale_func = optimizer.scale_loss
    if on_gpu:
        megatron.no_sync_func = [part.no_sync for part in wrapped]
        if len(wrapped) == 1:
            megatron.no_sync_func = wrapped[0].no_sync
    return checkpoint.Training(wrapped, optimizer)


def _wrap(part: GPTModel, number: int, on_gpu: bool) -> DistributedDataParallel:
    return DistributedDataParallel(
        config=part.config,
        ddp_config=DistributedDataParallelConfig(
            grad_reduce_in_fp32=True,
            use_distributed_optimizer=True,
            overlap_grad_reduce=on_gpu,
        ),
        module=Float16Module(part.config, part) if part.config.bf16 else part,
        # The gradients of a later part are complete while an earlier part's are still computed.
        disable_bucketing=number > 0,
    )
