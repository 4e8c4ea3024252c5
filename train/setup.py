"""Model and optimizer of one process, wired up for megatron-core's schedules."""

import weakref
from collections.abc import Callable

import torch
from megatron.core import parallel_state
from megatron.core.distributed import (
    DistributedDataParallel,
    DistributedDataParallelConfig,
    finalize_model_grads,
)
from megatron.core.models.gpt.gpt_model import GPTModel
from megatron.core.transformer.module import Float16Module

from train import checkpoint, model, optim, seats
from train.config import TrainConfig
from train.layout import ParallelConfig


def build(config: TrainConfig) -> checkpoint.Training:
    """The training state at step 0; the process groups must be up."""
    wrapped = with_gradients(config)
    optimizer = optim.build(config, wrapped)
    wrapped[0].config.grad_scale_func = optimizer.scale_loss
    return checkpoint.Training(wrapped, optimizer)


def with_gradients(config: TrainConfig) -> list[DistributedDataParallel]:
    """This process's parts of the model, each with its gradient buffers and their reduction."""
    parts = model.build(config)
    megatron = parts[0].config
    wrapped = [_wrap(part, number, config.parallel) for number, part in enumerate(parts)]
    megatron.finalize_model_grads_func = finalize_model_grads
    if wrapped[0].ddp_config.overlap_grad_reduce:
        # Gradients are reduced as the last micro-batch completes them, not after each.
        waits = [part.no_sync for part in wrapped]
        megatron.no_sync_func = waits if len(waits) > 1 else waits[0]
    return wrapped


class _Part(DistributedDataParallel):
    """One whose gradients' hooks do not keep it alive, and whose gradients are begun by `seats`.

    Python's garbage collector does not see through autograd's nodes, so a model that is done with
    would stay in memory, and with it the process groups it uses and two threads of each.
    """

    def zero_grad_buffer(self) -> None:
        for param in self.params_with_grad:
            param.grad_added_to_main_grad = False
        seats.begin_sums(self.params_with_grad)
        for group in self.bucket_groups:
            group.reset()

    def finish_grad_sync(self, force_all_reduce: bool | None = False) -> None:
        assert seats.are_written(self.params_with_grad), "a weight was given no gradient"
        super().finish_grad_sync(force_all_reduce=force_all_reduce)

    def _make_backward_post_hook(self, param: torch.nn.Parameter) -> Callable[..., None]:
        return DistributedDataParallel._make_backward_post_hook(weakref.proxy(self), param)


def _wrap(part: GPTModel, number: int, parallel: ParallelConfig) -> DistributedDataParallel:
    group = parallel_state.get_data_parallel_group(with_context_parallel=True)
    is_alone = group.size() == 1  # nothing to reduce, so nothing to overlap
    return _Part(
        config=part.config,
        ddp_config=DistributedDataParallelConfig(
            grad_reduce_in_fp32=True,
            use_distributed_optimizer=True,
            overlap_grad_reduce=parallel.overlap_grad_reduce and not is_alone,
            overlap_param_gather=parallel.overlap_param_gather and not is_alone,
        ),
        module=Float16Module(part.config, part) if part.config.bf16 else part,
        # The gradients of a later part are complete while an earlier part's are still computed.
        disable_bucketing=number > 0,
    )
