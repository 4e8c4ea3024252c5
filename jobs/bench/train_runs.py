"""Steps of the trainer without data or a run around them, for its benchmarks."""

import dataclasses
import gc
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

from train import forward, init, parallel, setup, step
from train.config import ModelConfig, OptimConfig, ParallelConfig, TrainConfig
from train.timers import Timers


def config_of(
    model: ModelConfig,
    sequences: int,
    micro_batch: int,
    precision: Literal["fp32", "bf16"],
    layout: ParallelConfig | None = None,
) -> TrainConfig:
    """A run of the model on no data, `sequences` a step on each replica; layout: of one process."""
    layout = layout or ParallelConfig()
    return TrainConfig(
        shards="none",
        tokenizer="none",
        output="none",
        weights={"web": 1.0},
        model=model,
        parallel=layout,
        optim=OptimConfig(lr=1e-4, warmup_steps=1),
        steps=10_000,
        batch_sequences=sequences * layout.world_size // layout.model_size,
        micro_batch=micro_batch,
        precision=precision,
    )


def windows(config: TrainConfig, sequences: int, random: torch.Generator) -> torch.Tensor:
    """Random windows [N, W] int64 where the trainer's come from: pinned memory with CUDA."""
    made = torch.randint(
        config.shape.vocab, (sequences, config.shape.seq_length + 1), generator=random
    )
    return made.pin_memory() if torch.cuda.is_available() else made


@contextmanager
def trained(config: TrainConfig) -> Iterator["Ours"]:
    """The trainer's model and optimizer in this process; the memory is given back after it."""
    with parallel.joined(config):
        ours = Ours(config)
        try:
            yield ours
        finally:
            del ours.training
            free()


@contextmanager
def quick_weights() -> Iterator[None]:
    """Within it models get other random weights than `train.init` gives, which every machine draws
    alike and therefore on the host: a minute and more of a benchmark's time on a GPU."""

    @torch.no_grad()
    def draw(parts: list[Any], seed: int) -> None:
        torch.manual_seed(seed)
        for param in (param for part in parts for param in part.parameters()):
            if param.dim() == 1:
                param.fill_(1.0)
            else:
                param.normal_(0, init.STD)

    kept, init.draw = init.draw, draw
    try:
        yield
    finally:
        init.draw = kept


class Ours:
    """One process of a training: its full step, and its passes alone."""

    def __init__(self, config: TrainConfig):
        self.config = config
        self.training: Any = setup.build(config)
        self._timers, self._number = Timers(), 0

    def step(self, batch: torch.Tensor, micro_batch: int | None = None) -> step.Taken:
        """The step of a run: forward, backward, clipping, AdamW, as `train.loop` takes it."""
        self._number += 1
        schedule = self.config.schedule
        if micro_batch:
            schedule = dataclasses.replace(schedule, micro_batch=micro_batch)
        taken = step.take(self.training, batch, self._number, schedule, None, self._timers)
        self._timers.take()
        return taken

    def passes(self, batch: torch.Tensor) -> float:
        """Forward and backward; gradients are summed where the optimizer would take them."""
        return passes(self.training.model, batch, self.config.schedule.micro_batch)


def passes(model: Any, batch: torch.Tensor, micro_batch: int) -> float:
    """Mean loss of the batch, its gradient in the model's buffers."""
    for part in model:
        part.zero_grad_buffer()
    losses = forward.run(model, batch, micro_batch, forward.mean_loss, forward_only=False)
    return float(torch.stack(losses).mean())


def seconds(act: Callable[[], object], repeats: int, warmup: int = 3) -> float:
    """Median time of a call, the device's work included."""
    taken = []
    for number in range(warmup + repeats):
        wait()
        began = time.perf_counter()
        act()
        wait()
        if number >= warmup:
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def free() -> None:
    """Gives back what nobody holds any more, and starts the count of the peak anew.

    Kernels compiled for other shapes go too: a run has one, and its kernels are made for that.
    """
    torch.compiler.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def where() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


class Share:
    """AdamW with fp32 state and master weights for one part in `of` of a model's parameters, the
    gradient clipped by that part's norm, the new weights put back: what a ZeRO-1 process does
    between its collectives."""

    def __init__(self, model: Any, config: TrainConfig, of: int):
        self._clip = config.optim.clip
        self._pieces = []
        for buffer in model.buffers:
            held = buffer.param_data.numel() // of
            master = torch.nn.Parameter(buffer.param_data[:held].float())
            master.grad = buffer.grad_data[:held]
            self._pieces.append((master, buffer.param_data[:held]))
        masters = [master for master, _ in self._pieces]
        self._adam = torch.optim.AdamW(masters, lr=1e-4, weight_decay=0.1, fused=True)

    @torch.no_grad()
    def step(self) -> None:
        norms = [torch.linalg.vector_norm(master.grad) for master, _ in self._pieces]  # type: ignore[arg-type]
        scale = (self._clip / torch.stack(norms).norm()).clamp(max=1.0)
        for master, _ in self._pieces:
            master.grad.mul_(scale)  # type: ignore[union-attr]
        self._adam.step()
        for master, weights in self._pieces:
            weights.copy_(master)
