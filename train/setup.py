"""Model and optimizer of one process, wired up for megatron-core's schedules."""

import torch
from megatron.core.distributed import (
    DistributedDataParallel,
    DistributedDataParallelConfig,
    finalize_model_grads,
)
from megatron.core.transformer.module import Float16Module

from train import checkpoint, model, optim
from train.config import TrainConfig


def build(config: TrainConfig) -> checkpoint.Training:
    """The training state at step 0; the process groups must be up."""
    inner = model.build(config)
    megatron = inner.config
    on_gpu = torch.cuda.is_available()
    wrapped = DistributedDataParallel(
        config=megatron,
        ddp_config=DistributedDataParallelConfig(
            grad_reduce_in_fp32=True,
            use_distributed_optimizer=True,
            overlap_grad_reduce=on_gpu,
        ),
        module=Float16Module(megatron, inner) if megatron.bf16 else inner,
    )
    optimizer = optim.build(config, wrapped)
    megatron.finalize_model_grads_func = finalize_model_grads
    megatron.grad_scale_func = optimizer.scale_loss
    if on_gpu:
        megatron.no_sync_func = wrapped.no_sync
    return checkpoint.Training(wrapped, optimizer)
