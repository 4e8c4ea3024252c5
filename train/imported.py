"""Starts a training from imported weights: a checkpoint that has no optimizer state.

The weights are read in the precision they are stored in, straight into the optimizer's fp32
masters, and rounded from there to what the model computes in: a bf16 run of an fp32 import begins
with the whole of its values. Moments are zero and the first step is step 1.
"""

import json
from pathlib import Path
from typing import Any

import torch
from megatron.core import dist_checkpointing
from megatron.core.dist_checkpointing.mapping import ShardedTensor, ShardedTensorFactory
from megatron.core.optimizer import MegatronOptimizer
from megatron.core.transformer.module import MegatronModule
from megatron.core.utils import unwrap_model
from torch.distributed.checkpoint import FileSystemReader

from train.identity import IMPORTED, RUN


def is_imported(folder: Path) -> bool:
    """Whether a whole checkpoint is an import's rather than a training's."""
    return IMPORTED in json.loads((folder / RUN).read_text(encoding="utf-8"))


def load(model: list[MegatronModule], optimizer: MegatronOptimizer, folder: Path) -> None:
    """Puts the weights of an import into a model's parts as wrapped for training, and their
    optimizer."""
    optimizer.reload_model_params(state_dict=load_weights(unwrap_model(model), folder))


def load_weights(parts: list[MegatronModule], folder: Path) -> dict[str, Any]:
    """Puts any checkpoint's weights into a model's parts; returns them as they are stored."""
    stored = _stored_dtype(folder)
    state = {f"model{n}": _wanted(part, stored) for n, part in enumerate(parts)}
    found = dist_checkpointing.load(state, str(folder))
    for n, part in enumerate(parts):
        part.load_state_dict(found[f"model{n}"], strict=False)
    return found


def _wanted(part: MegatronModule, stored: torch.dtype) -> dict[str, Any]:
    state: dict[str, Any] = {}
    for name, one in part.sharded_state_dict().items():
        if isinstance(one, (ShardedTensor, ShardedTensorFactory)):  # the rest is fp8 kernels' own
            one.data = torch.empty_like(one.data, dtype=stored)
            state[name] = one
        if isinstance(one, ShardedTensor):
            one.dtype = stored
    return state


def _stored_dtype(folder: Path) -> torch.dtype:
    stored: Any = FileSystemReader(folder).read_metadata().state_dict_metadata
    return stored["embedding.word_embeddings.weight"].properties.dtype
