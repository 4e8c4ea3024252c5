"""One pass of a batch through megatron-core's pipeline schedule, for training and for evaluation.

Suffixes of shapes: B sequences of a micro-batch, S sequence, W = S + 1 (inputs and their targets).
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from megatron.core import parallel_state
from megatron.core.pipeline_parallel import get_forward_backward_func
from megatron.core.transformer.module import MegatronModule

from train import context_parallel, documents
from train.parallel import device

# From the losses of a micro-batch [B, S] to what the schedule differentiates and what it reports.
LossFunction = Callable[[torch.Tensor], tuple[torch.Tensor, Any]]


def mean_loss(losses_BS: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The training objective, nats a token; what is reported is that of each sequence, [B]."""
    losses_BS = losses_BS.float()
    loss, losses_B = losses_BS.mean(), losses_BS.detach().mean(dim=1)
    if (processes := parallel_state.get_context_parallel_world_size()) > 1:
        # Each has the mean over its part of the sequence; the schedule takes these for parts of
        # a sum, of which data parallelism then takes the mean.
        return loss / processes, losses_B
    return loss, losses_B


def run(
    model: list[MegatronModule],
    windows: torch.Tensor,
    micro_batch: int,
    loss_function: LossFunction,
    forward_only: bool,
    begin: int | None = None,
) -> list[Any]:
    """Runs windows [N, W] int64 of this replica through the model, gradients too unless told not.

    model: the parts of it that this process holds, in order. begin: the token that begins a
    document, where documents are not to be attended across. Returns what the loss function reports,
    a list over micro-batches in order; on the last pipeline stage only, elsewhere it is empty.
    """
    parts = list(windows.split(micro_batch))
    wanted = len(parts)
    if forward_only and len(model) > 1:
        # An interleaved schedule takes as many micro-batches at a time as there are stages.
        stages = parallel_state.get_pipeline_model_parallel_world_size()
        parts += parts[-1:] * (-wanted % stages)
    reported = get_forward_backward_func()(
        forward_step_func=partial(_forward_step, loss_function, begin),
        data_iterator=[iter(parts) for _ in model],
        model=model,
        num_microbatches=len(parts),
        seq_length=windows.shape[1] - 1,
        micro_batch_size=micro_batch,
        forward_only=forward_only,
    )
    return reported[:wanted]


def sum_over_replicas(values: list[float]) -> list[float]:
    """Adds numbers over data- and context-parallel processes, in float64; a collective of all.

    They are taken from the last pipeline stage, whose tensor-parallel ranks all hold the same.
    """
    total = torch.tensor(values, dtype=torch.float64, device=device())
    if not parallel_state.is_pipeline_last_stage():
        total.zero_()
    torch.distributed.all_reduce(total)
    return (total / parallel_state.get_tensor_model_parallel_world_size()).tolist()


def _forward_step(
    loss_function: LossFunction,
    begin: int | None,
    parts: Iterator[torch.Tensor],
    model: MegatronModule,
) -> tuple[torch.Tensor, LossFunction]:
    window_BW = next(parts).to(device(), non_blocking=True)
    tokens_BS, labels_BS = window_BW[:, :-1].contiguous(), window_BW[:, 1:].contiguous()
    if begin is None:
        positions_BS = torch.arange(tokens_BS.shape[1], device=device()).expand_as(tokens_BS)
        mask_B1SS = None
    else:
        positions_BS = documents.positions(tokens_BS, begin)
        mask_B1SS = documents.attention_mask(tokens_BS, begin)
    places = context_parallel.places(tokens_BS.shape[1], tokens_BS.device)
    if places is not None:
        tokens_BS, labels_BS = tokens_BS[:, places], labels_BS[:, places]
        positions_BS = positions_BS[:, places]
        mask_B1SS = None if mask_B1SS is None else mask_B1SS[:, :, places]  # its rows: queries
    output = model(tokens_BS, positions_BS, mask_B1SS, labels=labels_BS)
    return output, loss_function
