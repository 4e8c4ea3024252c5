"""What train_gpu.py says of transformers' LLaMA under torch.compile, beside ours in equal shapes.

Our step keeps master weights and Adam's state in fp32 and sums gradients in fp32. Of transformers
there are two: `fp32 weights`, as its Trainer trains with bf16=True (weights and all state in fp32,
the passes under autocast), which computes what ours does; and `bf16 weights`, everything in bf16,
which moves less memory and loses what an update changes below a weight's eighth bit.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial

import torch

from jobs.bench import train_peer, train_runs
from jobs.bench.train_gpu_sizes import Row, Sizes, cut
from jobs.bench.train_runs import seconds, where, windows
from train import parallel, setup
from train.config import TrainConfig


def peer(sizes: Sizes, seed: int) -> Iterator[Row]:
    """Full steps of a few layers, several micro-batches summed; then one pass of all layers."""
    for micro_batch, precisions in ((1, ("fp32", "bf16")), (2, ("fp32",))):
        config = cut(sizes, sizes.peer_layers, micro_batch)
        batch = _batch(config, micro_batch * sizes.rounds, seed)
        with train_runs.trained(config) as ours:
            own = seconds(partial(ours.step, batch, micro_batch), sizes.repeats)
        for precision in precisions:
            like = dataclasses.replace(config, precision=precision)  # type: ignore[arg-type]
            spent = _step(like, batch, sizes)
            yield _row("full step", f"{precision} weights", batch, config, own, spent)
    config = cut(sizes, sizes.layers, 1)
    batch = _batch(config, 1, seed)
    own = _own_passes(config, batch, sizes.repeats)
    train_runs.free()  # after its frame is gone, and its model with it
    yield _row("passes", "bf16 weights", batch, config, own, _passes(config, batch, sizes))


def _batch(config: TrainConfig, sequences: int, seed: int) -> torch.Tensor:
    return windows(config, sequences, torch.Generator().manual_seed(seed))


def _row(
    what: str, of: str, batch: torch.Tensor, config: TrainConfig, own: float, spent: float
) -> Row:
    train_runs.free()
    tokens = len(batch) * config.shape.seq_length
    return {
        "what": what,
        "layers": config.shape.num_layers,
        "micro_batch": config.schedule.micro_batch,
        "micro_batches": len(batch) // config.schedule.micro_batch,
        "transformers": of,
        "ours tokens/s": tokens / own,
        "theirs tokens/s": tokens / spent,
        "ratio": spent / own,
    }


def _own_passes(config: TrainConfig, batch: torch.Tensor, repeats: int) -> float:
    with parallel.joined(config):
        parts = setup.with_gradients(config)
        return seconds(lambda: train_runs.passes(parts, batch, 1), repeats)


def _step(config: TrainConfig, batch: torch.Tensor, sizes: Sizes) -> float:
    """Seconds of transformers' full step, gradients summed over the batch's micro-batches."""
    compiled = torch.compile(train_peer.build(config, where()), backend=sizes.compile_backend)
    autocast = config.precision == "fp32"
    step = train_peer.full_step(compiled, config, config.schedule.micro_batch, autocast)
    return seconds(lambda: float(step(batch.to(where(), non_blocking=True))), sizes.repeats)


def _passes(config: TrainConfig, batch: torch.Tensor, sizes: Sizes) -> float:
    """Seconds of transformers' forward and backward pass, gradients written anew."""
    model = train_peer.build(config, where())
    run = train_peer.passes(torch.compile(model, backend=sizes.compile_backend))

    def act() -> float:
        model.zero_grad(set_to_none=True)
        return float(run(batch.to(where(), non_blocking=True)))

    return seconds(act, sizes.repeats)
