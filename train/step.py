"""One optimizer step on one global batch, and what it tells of itself."""

import math
from dataclasses import dataclass

import torch
from megatron.core import parallel_state

from corpus.errors import DataError
from train import checkpoint, forward, optim
from train.config import Schedule
from train.timers import Timers


@dataclass(frozen=True)
class Taken:
    """What a step that was taken reports; the same on every process."""

    loss: float  # nats a token, mean over the global batch
    grad_norm: float  # global, before clipping
    learning_rate: float


def take(
    training: checkpoint.Training,
    windows: torch.Tensor,
    step: int,
    schedule: Schedule,
    begin: int | None,
    timers: Timers,
) -> Taken:
    """Forward, backward and update on this replica's windows [N, W] int64 of step `step` (from 1).

    begin: the token that begins a document, where documents are not to be attended across.
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
    with timers("optimizer"):
        _, grad_norm, _ = training.optimizer.step()
    mean = float(torch.stack(losses).double().mean()) if losses else 0.0
    # Context-parallel processes each have the mean over their part of the sequence.
    replicas = parallel_state.get_data_parallel_world_size(with_context_parallel=True)
    return Taken(forward.sum_over_replicas([mean])[0] / replicas, float(grad_norm), lr)


def require_finite(taken: Taken, step: int) -> None:
    """Raises DataError on a loss or gradient norm that is no number: the weights are spoilt by
    then, and ending is what keeps them out of a checkpoint."""
    for name, value in (("loss", taken.loss), ("gradient norm", taken.grad_norm)):
        if not math.isfinite(value):
            raise DataError(
                f"the {name} is no finite number at step {step}; lower the rate "
                "(train.optim.lr) or lengthen the warm-up, and resume from the last checkpoint"
            )
