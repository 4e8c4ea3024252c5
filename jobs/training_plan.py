"""`altiplano train --plan`: what a training will be, told without a GPU and without its data."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

from train import flops, memory, memory_check
from train.config import TrainConfig, data_parallel_size
from train.memory import GB
from train.peaks import peak_tflops, stated_memory
from train.streams import manifest_files


def tell(config: TrainConfig, gpu: str, mfu: float) -> int:
    """Prints the plan; ConfigError where it does not fit train.memory_limit_gb or, without that,
    the memory that the GPU's name tells."""
    for line in lines(config, gpu, mfu):
        print(line)
    return 0


def lines(config: TrainConfig, gpu: str, mfu: float) -> list[str]:
    """The plan; gpu: its name as in train.peaks, "" where the time is not to be told."""
    shape, schedule, parallel = config.shape, config.schedule, config.parallel
    processes = parallel.world_size
    dp = data_parallel_size(config, processes)
    tokens = schedule.batch_sequences * shape.seq_length
    rounds = schedule.batch_sequences // (dp * schedule.micro_batch)
    capacity = stated_memory(gpu) if config.memory_limit_gb is None else config.memory_limit_gb * GB
    if capacity is None:
        needed = memory.estimate(config, processes, on_gpu=bool(gpu))
    else:
        name = gpu or "CPU memory"
        needed = memory_check.require_fits(config, processes, capacity, name)
    told = [
        f"model       {config.model.preset}: {shape.num_parameters:,} parameters, "
        f"{shape.num_layers} layers of width {shape.dim}, sequences of {shape.seq_length}",
        f"layout      {processes} processes: tp {parallel.tp}, cp {parallel.cp}, "
        f"pp {parallel.pp} (vpp {parallel.vpp}), dp {dp}; recompute {parallel.recompute}",
        f"step        {tokens:,} tokens: {schedule.batch_sequences} sequences, {rounds} "
        f"micro-batches of {schedule.micro_batch} a replica",
        f"run         {schedule.steps:,} steps, {schedule.steps * tokens / 1e9:,.4g} billion tokens"
        f" ({', '.join(f'{name} {share:.1%}' for name, share in _shares(config).items())})",
        f"{'memory':<12}{memory_check.line(needed).removeprefix('memory ')}",
    ]
    copies = memory_check.save_line(config, processes, parallel.processes, bool(gpu))
    told.append(f"{'host':<12}{copies.removeprefix('memory ')}")
    if Path(config.manifest).exists():
        told.insert(4, f"epochs      {_epochs(config, schedule.steps * tokens)}")
    peak = config.peak_tflops or (peak_tflops(gpu, config.precision) if gpu else None)
    if peak:
        rate = mfu * peak * 1e12 / flops.token_flops(shape).causal
        seconds = schedule.steps * tokens / (rate * processes)
        told.append(
            f"time        {timedelta(seconds=round(seconds))} at {mfu:.0%} of {peak:g} TFLOP/s: "
            f"{rate:,.0f} tokens/s a process, {seconds * processes / 3600:,.0f} GPU-hours"
        )
    return told


def _epochs(config: TrainConfig, tokens: int) -> str:
    """How often the run goes through each source's shards, by weight."""
    held: Counter[str] = Counter()
    for file in manifest_files(config.manifest):
        if file.split == "train":
            held[file.source] += file.tokens
    shares = _shares(config).items()
    return ", ".join(
        f"{name} {share * tokens / held[name]:.2f}" for name, share in shares if held[name]
    )


def _shares(config: TrainConfig) -> dict[str, float]:
    weights = config.mean_weights
    return {name: weight / sum(weights.values()) for name, weight in weights.items()}
