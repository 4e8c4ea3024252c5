"""The trainer on one GPU, measured by one command of at most eight minutes.

    python -m jobs.bench.train_gpu [--out FOLDER] [--only PART ...] [--tiny]

LLaMA 7B at sequence 2,048 in bf16, random weights and tokens. Parts, in this order:

checks   bf16 against fp32 and float64 (train_gpu_checks.py); else the rest is worth nothing.
device   what a matrix product, a copy and the attention kernels reach on this card.
step     the full step (forward, backward, clipping, AdamW with fp32 state and master weights) of as
         many layers as fit, and of half as many; the time of 32 follows by a straight line.
whole    all 32 layers: forward and backward, with AdamW on an eighth of the parameters, as each of
         eight ZeRO-1 processes would do. Real but for the other processes' collectives.
peer     transformers' LLaMA under torch.compile beside ours in equal shapes (train_gpu_peer.py):
         full steps of a few layers, several micro-batches summed, against its weights and Adam's
         state in fp32 as ours are, and in bf16; and the passes of all 32.
memory   the measured peak of tensors by recompute mode, beside train.memory's estimate.
loader   the share of a step that waits for real shards, made on the spot.

MFU counts causal attention (train.flops) of the card's dense bf16 peak. Prints its table as it goes
and last again, and writes train_gpu.json to --out, $OUT or here. --tiny runs all of it on tiny
shapes, on a CPU too. How to run it on a bare image is in train_gpu.md.
"""

import argparse
import json
import os
import sys
import time
import traceback
import warnings
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from jobs.bench import train_gpu_checks, train_gpu_parts, train_runs
from jobs.bench.train_gpu_sizes import FULL, TINY, Row, Sizes
from train import cpu_shim, parallel

PARTS = ("checks", *train_gpu_parts.PARTS)
_LIMIT_S = 420  # no part is begun after it, nor another row of one


def main() -> int:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ".")))
    options.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    options.add_argument("--tiny", action="store_true")
    asked = options.parse_args()
    warnings.filterwarnings("ignore")
    cpu_shim.activate()
    if not (asked.tiny or torch.cuda.is_available()):
        print("error: no CUDA device is seen; --tiny runs on a CPU", file=sys.stderr)
        return 2
    bench = Bench(TINY if asked.tiny else FULL, asked.out)
    for part in PARTS:
        if part in asked.only:
            bench.run(part)
    print("\n" + "\n".join(bench.lines))
    return 0 if bench.sound else 1


class Bench:
    """Runs the parts one by one; what one of them dies of is written down, and the next is run."""

    def __init__(self, sizes: Sizes, out: Path):
        self.sizes, self.out = sizes, out
        self.lines: list[str] = []
        self.sound = True
        self._began = time.perf_counter()
        self._seed = time.time_ns() % 2**31
        self._results: dict[str, Any] = {
            "torch": torch.__version__,
            "python": sys.version.split()[0],
            "on": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
            "seed": self._seed,
        }

    def run(self, part: str) -> None:
        began = time.perf_counter()
        if began - self._began > _LIMIT_S:
            self._say(f"{part}: not run, {_LIMIT_S} s are over")
            self.sound = False
            return
        train_runs.free()
        try:
            if part == "checks":
                rows: Iterable[Row] = self._checks()
            else:
                rows = train_gpu_parts.PARTS[part](self.sizes, self._seed)
            with nullcontext() if part == "checks" else train_runs.quick_weights():
                for row in rows:
                    self._results.setdefault(part, []).append(row)
                    self._say(f"{part:<8}{train_gpu_parts.told(row)}")
                    self._write()
                    if time.perf_counter() - self._began > _LIMIT_S:
                        raise TimeoutError(f"{_LIMIT_S} s are over")
        except Exception as error:
            self.sound = False
            self._results.setdefault("errors", {})[part] = traceback.format_exc()
            self._say(f"{part:<8}FAILED: {type(error).__name__}: {str(error).splitlines()[:1]}")
            if torch.distributed.is_initialized():
                parallel.stop()
        self._results.setdefault("seconds", {})[part] = round(time.perf_counter() - began, 1)
        self._write()

    def _checks(self) -> list[Row]:
        config = train_runs.config_of(self.sizes.check, 1, 1, "fp32")
        with parallel.joined(config):
            found = list(train_gpu_checks.kernels(parallel.device(), self._seed))
        found += train_gpu_checks.model(self.sizes.check, parallel.device(), self._seed)
        rows = []
        for name, error, bound in found:
            right = error <= bound
            self.sound &= right
            rows.append({"check": name, "error": error, "bound": bound, "right": right})
        return rows

    def _say(self, line: str) -> None:
        self.lines.append(line)
        print(f"{time.perf_counter() - self._began:5.0f} s  {line}", flush=True)

    def _write(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        tree = json.dumps(self._results, indent=1)
        (self.out / "train_gpu.json").write_text(tree + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
