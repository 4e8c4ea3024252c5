"""Reads a checkpoint of any process layout on one process, as tensors by Hugging Face's names.

megatron-core keeps all layers' tensors of one kind in one array, packs each head's query, key and
value rows together, and stacks the gate over the up projection; Hugging Face has them apart. Both
rotate halves, so no rows are permuted. Only torch's checkpoint reader is needed: no process group.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.api import CheckpointException

from corpus.errors import CheckpointError
from train import checkpoint
from train.presets import Shape

_LAYER = "decoder.layers."


def resolve(folder: Path) -> Path:
    """The checkpoint that a run's output, its checkpoints folder, or one step's folder stands for.

    Raises CheckpointError where there is none.
    """
    for checkpoints in (folder / "checkpoints", folder):
        found = checkpoint.latest(checkpoints)
        if found:
            return found[1]
    checkpoint.shape_of(folder)
    return folder


def read(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """The model's (name, tensor) pairs, in the precision they were trained in.

    Holds one kind of matrix of all layers at a time: at most a third of the model.
    """
    shape = checkpoint.shape_of(folder)
    for name, key in _SINGLE.items():
        yield name, _tensor(folder, key)
    for kind, names in _KINDS.items():
        stacked = _tensor(folder, _LAYER + kind)
        for layer in range(shape.num_layers):
            parts = _unpack(kind, stacked[layer], shape)
            for name, part in zip(names, parts, strict=True):
                yield f"model.layers.{layer}.{name}.weight", part.contiguous()


_SINGLE = {
    "model.embed_tokens.weight": "embedding.word_embeddings.weight",
    "model.norm.weight": "decoder.final_layernorm.weight",
    "lm_head.weight": "output_layer.weight",
}
_KINDS = {
    "self_attention.linear_qkv.layer_norm_weight": ["input_layernorm"],
    "self_attention.linear_qkv.weight": [
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
    ],
    "self_attention.linear_proj.weight": ["self_attn.o_proj"],
    "mlp.linear_fc1.layer_norm_weight": ["post_attention_layernorm"],
    "mlp.linear_fc1.weight": ["mlp.gate_proj", "mlp.up_proj"],
    "mlp.linear_fc2.weight": ["mlp.down_proj"],
}


def _unpack(kind: str, weight: torch.Tensor, shape: Shape) -> list[torch.Tensor]:
    if kind == "self_attention.linear_qkv.weight":
        by_head = weight.view(shape.num_heads, 3, shape.head_dim, shape.dim)
        return [by_head[:, part].reshape(shape.dim, shape.dim) for part in range(3)]
    if kind == "mlp.linear_fc1.weight":
        return list(weight.split(shape.ffn))
    return [weight]


def stacked_keys(shape: Shape) -> dict[str, list[list[str]]]:
    """megatron-core's keys, and for each the Hugging Face names it is made of: one list, or one
    for each layer."""
    single = {key: [[name]] for name, key in _SINGLE.items()}
    layers = {
        _LAYER + kind: [
            [f"model.layers.{layer}.{name}.weight" for name in names]
            for layer in range(shape.num_layers)
        ]
        for kind, names in _KINDS.items()
    }
    return {**single, **layers}


def is_stacked(key: str) -> bool:
    """Whether megatron-core keeps all layers' tensors of this key in one array."""
    return key.startswith(_LAYER)


def pack(key: str, parts: list[torch.Tensor], shape: Shape) -> torch.Tensor:
    """The parts of one matrix as megatron-core keeps them together; undoes what `read` does."""
    if key.endswith("self_attention.linear_qkv.weight"):
        by_head = [part.view(shape.num_heads, 1, shape.head_dim, shape.dim) for part in parts]
        return torch.cat(by_head, dim=1).reshape(3 * shape.dim, shape.dim)
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _tensor(folder: Path, key: str) -> torch.Tensor:
    try:
        reader = dcp.FileSystemReader(folder)
        stored: Any = reader.read_metadata().state_dict_metadata[key]
        tensor = torch.empty(stored.size, dtype=stored.properties.dtype)
        dcp.load({key: tensor}, storage_reader=reader, no_dist=True)
    except (Exception, CheckpointException) as error:  # torch's is no Exception
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{folder} cannot be read at '{key}' ({type(error).__name__}: {reason}); restore it "
            "or give an older checkpoint"
        ) from error
    return tensor
