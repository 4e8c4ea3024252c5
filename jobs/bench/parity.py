"""Parity of every layout with a plain PyTorch LLaMA: loss and gradient norm of 50 steps.

    python -m jobs.bench.parity [OUT.md]

A four-layer model learns made text on CPU processes over gloo, in fp32, with gradient accumulation,
in each layout; parity_reference.py learns it beside them. The table gives the largest relative
difference over the steps of loss and of gradient norm, with documents attended across (packed) and
not (masked). Processes are started once for all layouts of as many.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from corpus.config import build, to_tree
from train.config import DataConfig, ModelConfig, OptimConfig, TrainConfig
from train.layout import ParallelConfig

STEPS, MASKED_STEPS = 50, 20
BEGIN = 1  # begins a document
WITHIN = 1e-5  # relative, of loss and of gradient norm

LAYOUTS = {
    "tp1": ParallelConfig(),
    "tp1, recompute selective": ParallelConfig(recompute="selective"),
    "tp1, recompute full": ParallelConfig(recompute="full"),
    "tp1, recompute full of 2 layers": ParallelConfig(recompute="full", recompute_layers=2),
    "dp2": ParallelConfig(processes=2),
    "tp2": ParallelConfig(processes=2, tp=2),
    "tp2 + sp": ParallelConfig(processes=2, tp=2, sequence_parallel=True),
    "tp2 + sp, recompute selective": ParallelConfig(
        processes=2, tp=2, sequence_parallel=True, recompute="selective"
    ),
    "tp2 + sp, recompute full": ParallelConfig(
        processes=2, tp=2, sequence_parallel=True, recompute="full"
    ),
    "pp2": ParallelConfig(processes=2, pp=2),
    "pp2, interleaved": ParallelConfig(processes=2, pp=2, vpp=2),
    "pp2, interleaved, recompute full": ParallelConfig(processes=2, pp=2, vpp=2, recompute="full"),
    "cp2": ParallelConfig(processes=2, cp=2),
    "cp2, recompute selective": ParallelConfig(processes=2, cp=2, recompute="selective"),
    "tp2 x pp2": ParallelConfig(processes=4, tp=2, pp=2),
    "tp2 + sp x pp2, interleaved": ParallelConfig(
        processes=4, tp=2, pp=2, vpp=2, sequence_parallel=True
    ),
    "tp2 + sp x dp2": ParallelConfig(processes=4, tp=2, sequence_parallel=True),
    "tp2 + sp x cp2": ParallelConfig(processes=4, tp=2, cp=2, sequence_parallel=True),
    "pp2, interleaved x dp2": ParallelConfig(processes=4, pp=2, vpp=2),
    "cp2 x dp2": ParallelConfig(processes=4, cp=2),
}


@dataclass(frozen=True)
class Difference:
    """The largest relative difference of a layout's run from the reference's, over the steps."""

    loss: float
    grad_norm: float

    @property
    def is_within(self) -> bool:
        return self.loss <= WITHIN and self.grad_norm <= WITHIN


def config_of(
    parallel: ParallelConfig, document_mask: bool, precision: str = "fp32"
) -> TrainConfig:
    """The run that is compared, in a layout; it reads no files."""
    return TrainConfig(
        shards="none",
        tokenizer="none",
        output="none",
        weights={"made": 1.0},
        model=ModelConfig(dim=64, num_heads=4, num_layers=4, ffn=96, vocab=320, seq_length=32),
        parallel=parallel,
        optim=OptimConfig(lr=1e-3, warmup_steps=10),
        data=DataConfig(document_mask=document_mask),
        steps=STEPS,
        batch_sequences=8,
        micro_batch=2,
        precision="fp32",
        seed=1,
    )


def batches(config: TrainConfig, steps: int) -> Iterator[torch.Tensor]:
    """A batch for each of the first steps, [batch, seq_length + 1] int64: walks over the vocabulary
    whose next token depends on the last, so that there is something to learn, in documents."""
    shape, size = config.shape, config.schedule.batch_sequences
    for step in range(steps):
        random = np.random.default_rng([config.seed, step])
        strides = random.choice([1, 7, 30], p=[0.7, 0.2, 0.1], size=(size, shape.seq_length + 1))
        walk = 2 + (random.integers(0, 300, (size, 1)) + strides.cumsum(1)) % (shape.vocab - 2)
        walk[random.random(walk.shape) < 0.06] = BEGIN
        yield torch.from_numpy(walk)


def measure(
    layouts: dict[str, ParallelConfig], document_mask: bool, steps: int = STEPS
) -> dict[str, Difference]:
    """Runs the layouts and the reference for so many steps; how far each is from it."""
    from jobs.bench.parity_reference import curve

    config = config_of(ParallelConfig(), document_mask)
    torch.set_num_threads(1)  # matrices this small are not worth two
    wanted = curve(config, batches(config, steps), BEGIN if document_mask else None)
    differences = {}
    for processes in sorted({parallel.processes for parallel in layouts.values()}):
        alike = {name: p for name, p in layouts.items() if p.processes == processes}
        configs = {name: config_of(p, document_mask) for name, p in alike.items()}
        for name, rows in run(configs, processes, steps).items():
            differences[name] = Difference(
                _largest(rows, wanted, "loss"), _largest(rows, wanted, "grad_norm")
            )
            print(f"{name}: {differences[name]}", file=sys.stderr, flush=True)
    return {name: differences[name] for name in layouts}


def run(configs: dict[str, TrainConfig], processes: int, steps: int) -> dict[str, list[dict]]:
    """The first steps of each config, on so many processes of this machine; a row a step."""
    with tempfile.TemporaryDirectory() as folder:
        task, result = Path(folder) / "task.json", Path(folder) / "result.json"
        task.write_text(json.dumps({name: to_tree(config) for name, config in configs.items()}))
        shared = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        shared |= {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1"}
        command = [sys.executable, "-m", "jobs.bench.parity", "--process", str(steps), str(task)]
        started = [
            subprocess.Popen([*command, str(result)], env={**shared, "RANK": str(rank)})
            for rank in range(processes)
        ]
        try:
            if any([process.wait(timeout=900) for process in started]):
                raise RuntimeError(f"a process of the {processes} for {list(configs)} failed")
        finally:
            for process in started:
                process.kill()
        return json.loads(result.read_text())


def _process(steps: str, task: str, result: str) -> None:
    """One process: every config of the task in turn, each in groups of its own."""
    from megatron.core import parallel_state

    from train import parallel, setup, step
    from train.data import rank_rows
    from train.timers import Timers

    curves: dict[str, list[dict]] = {}
    tasks = json.loads(Path(task).read_text())
    for place, (name, tree) in enumerate(tasks.items()):
        os.environ["MASTER_PORT"] = _port(Path(task).with_name(f"port-{place}"))
        config = build(TrainConfig, tree)
        torch.set_num_threads(1)
        with parallel.joined(config):
            torch.set_num_threads(1)
            training, schedule = setup.build(config), config.schedule
            rank = parallel_state.get_data_parallel_rank()
            replicas = parallel_state.get_data_parallel_world_size()
            mine = rank_rows(schedule.batch_sequences, rank, replicas)
            begin = BEGIN if config.data.document_mask else None
            curves[name] = []
            for number, batch in enumerate(batches(config, int(steps)), start=1):
                taken = step.take(training, batch[mine], number, schedule, begin, Timers())
                curves[name].append({"loss": taken.loss, "grad_norm": taken.grad_norm})
    if os.environ["RANK"] == "0":
        Path(result).write_text(json.dumps(curves))


def _largest(rows: list[dict], wanted: list[dict], key: str) -> float:
    assert len(rows) == len(wanted)
    return max(abs(row[key] / want[key] - 1) for row, want in zip(rows, wanted, strict=True))


def _port(path: Path) -> str:
    """A free port, chosen by the first process when it is wanted and told the others by a file."""
    if os.environ["RANK"] == "0":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path.with_suffix(".partial").write_text(str(port))
        path.with_suffix(".partial").rename(path)
    while not path.exists():
        time.sleep(0.01)
    return path.read_text()


def main(arguments: list[str]) -> int:
    packed = measure(LAYOUTS, document_mask=False)
    masked = measure(LAYOUTS, document_mask=True, steps=MASKED_STEPS)
    names = ["layout", "loss, packed", "grad norm, packed", "loss, masked", "grad norm, masked"]
    table, rows = Table(*names), []
    for name in LAYOUTS:
        found = [packed[name], masked[name]]
        figures = [f"{figure:.1e}" for one in found for figure in (one.loss, one.grad_norm)]
        rows.append([name, *figures])
        table.add_row(*rows[-1])
    Console(width=120).print(table)
    are_within = all(one.is_within for one in [*packed.values(), *masked.values()])
    if arguments:
        head = [
            "# Layouts against plain PyTorch",
            f"`python -m jobs.bench.parity`, {date.today()}, torch {torch.__version__}, CPU "
            f"processes over gloo, fp32, {STEPS} steps (masked: {MASKED_STEPS}). The largest "
            "relative difference over the steps; "
            f"{'all are' if are_within else 'NOT all are'} within {WITHIN:g}.",
            "",
        ]
        lines = ["| " + " | ".join(row) + " |" for row in [names, ["---"] * len(names), *rows]]
        Path(arguments[0]).write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
    return 0 if are_within else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--process"]:
        _process(*sys.argv[2:])
        os._exit(0)  # nothing of the groups is to be waited for
    sys.exit(main(sys.argv[1:]))
