"""The shapes that train_gpu.py measures: LLaMA 7B, and the same things tiny for a CPU."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from jobs.bench.train_runs import config_of
from train.config import ModelConfig, TrainConfig

Row = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """The shapes that are measured; layers are of `model` cut to so many."""

    model: ModelConfig
    check: ModelConfig
    layers: int  # of the whole model
    peer_layers: int
    memory_layers: int
    micro_batches: tuple[int, ...]  # sequences at once
    rounds: int  # micro-batches a step, where gradients are summed
    repeats: int
    product: int  # a square matrix's width
    tokens: int  # in the shards
    compile_backend: str


_CHECK = ModelConfig(dim=512, num_heads=4, num_layers=4, ffn=1376, vocab=32000, seq_length=512)
FULL = Sizes(ModelConfig("7b"), _CHECK, 32, 8, 4, (1, 2, 4), 4, 5, 8192, 40_000_000, "inductor")
_SMALL = ModelConfig(dim=64, num_heads=4, num_layers=4, ffn=160, vocab=640, seq_length=64)
TINY = Sizes(_SMALL, _SMALL, 4, 2, 2, (1, 2), 2, 2, 128, 400_000, "eager")


def cut(sizes: Sizes, layers: int, micro_batch: int) -> TrainConfig:
    """A run in bf16 of so many of the model's layers, one micro-batch a step."""
    model = dataclasses.replace(sizes.model, num_layers=layers)
    return config_of(model, micro_batch, micro_batch, "bf16")
