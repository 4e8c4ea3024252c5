"""Training step on a CPU in fp32: ours next to transformers' LLaMA of the same shape.

    python -m jobs.bench.train_cpu [--rounds 9] [--compile]

Both take a step (forward, backward, clipping, AdamW) on the same windows, turn by turn in one
process, so that what else the machine does falls on both. A ratio is the median over rounds of the
two times' ratio; above 1 ours is faster. It is told of the clock's time and of the processor's: on
a machine with other work the second says more. --compile adds transformers' under torch.compile.
"""

import argparse
import os
import statistics
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

import torch

from jobs.bench import train_peer, train_runs
from jobs.bench.train_runs import config_of
from train.config import ModelConfig

# Name -> model, sequences a step.
SHAPES = {
    "demo, 1.8M": (ModelConfig("demo"), 12),
    "25M": (
        ModelConfig(
            "demo", dim=384, num_heads=6, num_layers=6, ffn=1024, vocab=20000, seq_length=512
        ),
        2,
    ),
}


class Spent(NamedTuple):
    """Seconds of a step."""

    clock: float
    processor: float  # of all threads


def measure(model: ModelConfig, sequences: int, rounds: int, compiled: bool) -> list[list[Spent]]:
    """What a round's step took of ours, transformers', and transformers' compiled if asked for."""
    config = config_of(model, sequences, sequences, "fp32")
    with train_runs.trained(config) as ours:
        peer = train_peer.build(config, torch.device("cpu"))
        steps: list[Callable[[torch.Tensor], object]] = [
            ours.step,
            train_peer.full_step(peer, config),
        ]
        if compiled:
            steps.append(train_peer.full_step(torch.compile(peer), config))
        random = torch.Generator().manual_seed(0)
        times: list[list[Spent]] = []
        for number in range(rounds + 2):
            windows = train_runs.windows(config, sequences, random)
            row = [_seconds(one, windows) for one in steps]
            if number >= 2:  # the first make buffers and choose kernels
                times.append(row)
    return times


def _seconds(step: Callable[[torch.Tensor], object], windows: torch.Tensor) -> Spent:
    began = time.perf_counter(), time.process_time()
    step(windows)
    return Spent(time.perf_counter() - began[0], time.process_time() - began[1])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--compile", action="store_true")
    asked = options.parse_args()
    warnings.filterwarnings("ignore")
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, fp32; tokens/s, medians")
    for name, (model, sequences) in SHAPES.items():
        times = measure(model, sequences, asked.rounds, asked.compile)
        tokens = sequences * config_of(model, sequences, sequences, "fp32").shape.seq_length
        medians = [
            statistics.median(one.clock for one in column) for column in zip(*times, strict=True)
        ]
        line = f"{name:<12} ours {tokens / medians[0]:7.0f}"
        for number, peer in list(enumerate(("transformers", "compiled"), 1))[: len(medians) - 1]:
            clock = statistics.median(row[number].clock / row[0].clock for row in times)
            processor = statistics.median(row[number].processor / row[0].processor for row in times)
            line += f"   {peer} {tokens / medians[number]:7.0f}"
            line += f"   ratio {clock:.3f}, of processor time {processor:.3f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
