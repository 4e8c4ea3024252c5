"""The timings of train_gpu.py, a function a part; each yields rows as it has them.

A part takes the sizes and a seed, and leaves the device's memory as it found it.
"""

import dataclasses
from collections.abc import Iterator
from functools import partial

import psutil
import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from jobs.bench import train_gpu_loader, train_gpu_peer, train_runs
from jobs.bench.train_gpu_sizes import TINY, Row, Sizes, cut
from jobs.bench.train_runs import config_of, seconds, where, windows
from train import flops, memory, parallel, setup
from train.config import ModelConfig, ParallelConfig, TrainConfig


def told(row: Row) -> str:
    """A row as it is printed: its numbers short."""
    short = {k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()}
    return "  ".join(f"{name} {value}" for name, value in short.items())


def device(sizes: Sizes, seed: int) -> Iterator[Row]:
    """What the card can do at most, as it is found."""
    place, width = where(), sizes.product
    a, b = (torch.randn(width, width, device=place, dtype=torch.bfloat16) for _ in range(2))
    spent = seconds(lambda: a @ b, 10)
    yield {"matrix product TFLOP/s": 2 * width**3 / spent / 1e12, "width": width}
    spent = seconds(lambda: a.copy_(b), 10)
    yield {"copy TB/s": 2 * a.nbytes / spent / 1e12}
    shape = sizes.model if sizes is TINY else ModelConfig("7b")
    config = config_of(shape, 1, 1, "bf16").shape
    size = (1, config.num_heads, config.seq_length, config.head_dim)
    q, k, v = (
        torch.randn(size, device=place, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)
    )
    work = 7 * size[1] * size[2] ** 2 * size[3]  # forward 2 products, backward 5, half of a square
    towards = torch.randn_like(q)

    def attend() -> None:
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        torch.autograd.grad(out, (q, k, v), towards)

    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        try:
            with sdpa_kernel(backend):
                spent = seconds(attend, 10)
            yield {"attention": backend.name, "TFLOP/s both passes": work / spent / 1e12}
        except RuntimeError:
            yield {"attention": backend.name, "not to be had": True}


def step(sizes: Sizes, seed: int) -> Iterator[Row]:
    """The full step of as many layers as fit, and the 32-layer step that follows from two."""
    most = _layers_that_fit(sizes)
    times: dict[tuple[int, int, int], float] = {}
    for layers in (most, most // 2):
        config = cut(sizes, layers, 1)
        random = torch.Generator().manual_seed(seed)
        with train_runs.trained(config) as ours:
            for micro_batch, rounds in _plans(sizes, config):
                batch = windows(config, micro_batch * rounds, random)
                train_runs.free()
                try:
                    spent = seconds(partial(ours.step, batch, micro_batch), sizes.repeats)
                except torch.OutOfMemoryError:  # of what is free little was left to spare
                    yield {"layers": layers, "micro_batch": micro_batch, "out of memory": True}
                    continue
                times[layers, micro_batch, rounds] = spent
                yield {"layers": layers, **_speed(config, batch, spent, micro_batch, rounds)}
    whole = cut(sizes, sizes.layers, 1)
    for micro_batch, rounds in [key[1:] for key in times if key[0] == most]:
        if (most // 2, micro_batch, rounds) not in times:
            continue
        large, small = (times[n, micro_batch, rounds] for n in (most, most // 2))
        spent = small + (large - small) / (most - most // 2) * (sizes.layers - most // 2)
        batch = torch.empty(micro_batch * rounds, whole.shape.seq_length + 1)
        speed = _speed(whole, batch, spent, micro_batch, rounds)
        yield {"layers": sizes.layers, "extrapolated": True, **speed}


def whole(sizes: Sizes, seed: int) -> Iterator[Row]:
    """All layers, with an eighth of the optimizer."""
    config = cut(sizes, sizes.layers, 1)
    random = torch.Generator().manual_seed(seed)
    with parallel.joined(config):
        parts = setup.with_gradients(config)
        share = train_runs.Share(parts[0], config, of=8)
        for micro_batch, rounds in _plans(sizes, config, processes=8):
            batch = windows(config, micro_batch * rounds, random)

            def act(batch: torch.Tensor = batch, micro_batch: int = micro_batch) -> None:
                train_runs.passes(parts, batch, micro_batch)
                share.step()

            train_runs.free()
            spent = seconds(act, sizes.repeats)
            row = _speed(config, batch, spent, micro_batch, rounds)
            yield {"layers": sizes.layers, "adam": "1/8", **row, **_peak()}


def recompute_peaks(sizes: Sizes, seed: int) -> Iterator[Row]:
    """Peak of tensors by recompute mode."""
    if not torch.cuda.is_available():
        yield {"not measured": "no CUDA device"}
        return
    for mode in ("none", "selective", "full"):
        cut = dataclasses.replace(sizes.model, num_layers=sizes.memory_layers)
        config = config_of(cut, 4, 4, "bf16", ParallelConfig(recompute=mode))  # type: ignore[arg-type]
        batch = windows(config, 4, torch.Generator().manual_seed(seed))
        with train_runs.trained(config) as ours:
            ours.step(batch)
            torch.cuda.reset_peak_memory_stats()
            ours.step(batch)
            peak = torch.cuda.max_memory_allocated()
        estimated = memory.estimate(config, 1).tensors
        yield {
            "recompute": mode,
            "peak GB": peak / 1e9,
            "estimate GB": estimated / 1e9,
            "estimate/peak": estimated / peak,
        }


def _layers_that_fit(sizes: Sizes) -> int:
    room = _room() * 0.95
    for layers in range(sizes.layers, 1, -1):
        if layers % 2 == 0 and memory.estimate(cut(sizes, layers, 1), 1).total <= room:
            return layers
    return 2


def _plans(sizes: Sizes, config: TrainConfig, processes: int = 1) -> Iterator[tuple[int, int]]:
    """(micro-batch, rounds) that fit: one micro-batch alone, then steps that sum several."""
    yield 1, 1
    for micro_batch in sizes.micro_batches:
        changed = dataclasses.replace(
            config,
            parallel=dataclasses.replace(config.parallel, processes=processes),
            batch_sequences=micro_batch * processes,
            micro_batch=micro_batch,
        )
        if memory.estimate(changed, processes).total <= _room() * 0.95:
            yield micro_batch, sizes.rounds


def _speed(
    config: TrainConfig, batch: torch.Tensor, spent: float, micro_batch: int, rounds: int
) -> Row:
    rate = len(batch) * config.shape.seq_length / spent
    peak = flops.device_peak(config)
    share = flops.mfu(config.shape, rate, peak)["causal"] if peak else None
    of = {"micro_batch": micro_batch, "micro_batches": rounds}
    return {**of, "step s": spent, "tokens/s": rate, **({"MFU": share} if share else {})}


def _peak() -> Row:
    if not torch.cuda.is_available():
        return {}
    return {"peak GB": torch.cuda.max_memory_allocated() / 1e9}


def _room() -> float:
    """Bytes a run may take of the device: what is free, and what this process has of it."""
    if not torch.cuda.is_available():
        return psutil.virtual_memory().available
    return torch.cuda.mem_get_info()[0] + torch.cuda.memory_reserved()


PARTS = {
    "device": device,
    "step": step,
    "whole": whole,
    "peer": train_gpu_peer.peer,
    "memory": recompute_peaks,
    "loader": train_gpu_loader.loader,
}
