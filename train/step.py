"""One optimizer step on one global batch, and what it tells of itself."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

import torch
from megatron.core import parallel_state

from train import checkpoint, forward, optim
from train.config import Schedule
from train.timers import Timers


@dataclass(frozen=True)
class Taken:
    """What a step reports; but for `row_losses` the same on every process."""

    loss: float  # nats a token, mean over the global batch
    grad_norm: float  # global, before clipping
    learning_rate: float
    fault: str | None  # why nothing was updated, None where it was
    row_losses: list[float]  # of this replica's sequences; on the last pipeline stage only


def take(
    training: checkpoint.Training,
    windows: torch.Tensor,
    step: int,
    schedule: Schedule,
    begin: int | None,
    timers: Timers,
    fault: Callable[[float, float], str | None] = lambda loss, grad_norm: None,
) -> Taken:
    """Forward, backward and update on this replica's windows [N, W] int64 of step `step` (from 1).

    begin: the token that begins a document, where documents are not to be attended across.
    fault: what is wrong with a global loss and gradient norm, None where they are to be learnt
    from.
    """
    lr = optim.learning_rate(step, schedule)
    optim.set_learning_rate(training.optimizer, lr)
    for part in training.model:
        part.zero_grad_buffer()
    training.optimizer.zero_grad()
    losses = forward.run(  # megatron-core times it, forward and backward apart
        training.model,
        windows,
        schedule.micro_batch,
        forward.mean_loss,
        forward_only=False,
        begin=begin,
    )
    row_losses = torch.cat(losses).double().tolist() if losses else []
    mean = fmean(row_losses) if row_losses else 0.0
    # Context-parallel processes each have the mean over their part of the sequence.
    replicas = parallel_state.get_data_parallel_world_size(with_context_parallel=True)
    loss = forward.sum_over_replicas([mean])[0] / replicas
    with timers("optimizer"):
        grad_norm, found = optim.step(training.optimizer, lambda norm: fault(loss, norm))
    return Taken(loss, grad_norm, lr, found, row_losses)
