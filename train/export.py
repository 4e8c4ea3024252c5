"""Exports a checkpoint as a Hugging Face folder: safetensors, config and tokenizer.

transformers' LlamaForCausalLM loads it and gives the same logits; it is not needed to write it.
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from corpus.errors import ConfigError
from tokenizer.encode import Encoder
from train import checkpoint, weights
from train.llama import NORM_EPS, ROPE_THETA
from train.presets import Shape
from train.tokenizer_json import special_tokens, tokenizer_config, tokenizer_json

_WEIGHTS = re.compile(
    r"model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?|model-\d{5}\.safetensors\.partial"
)


def export(
    checkpoint_dir: str, out_dir: str, tokenizer: str, max_file_bytes: int = 5 << 30
) -> list[str]:
    """Writes the checkpoint (a run's output, its checkpoints folder, or one step's) to `out_dir`;
    returns the names of the files.

    tokenizer: the SentencePiece model it was trained with. max_file_bytes: of the tensors in one
    safetensors file, which are held in memory together; a larger tensor has a file to itself.
    config.json is written last, so a
    folder that has one is whole. Raises CheckpointError where there is no whole checkpoint,
    ConfigError where the tokenizer is not the model's.
    """
    folder, out = weights.resolve(Path(checkpoint_dir)), Path(out_dir)
    shape, encoder = checkpoint.shape_of(folder), Encoder(tokenizer)
    trained_with = checkpoint.tokenizer_of(folder)
    checkpoint.check_tokenizer(tokenizer, encoder, shape, trained_with, "export.tokenizer")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"out={out_dir} cannot be written ({error}); choose another") from None
    (out / "config.json").unlink(missing_ok=True)
    for old in _weight_files(out):
        old.unlink()
    dtype = _write_weights(folder, out, max_file_bytes)
    shutil.copyfile(tokenizer, out / "tokenizer.model")
    ids = {"bos_token_id": encoder.bos_id, "eos_token_id": encoder.eos_id}
    sampling = {"do_sample": True, "temperature": 0.8, "top_p": 0.95}
    trees = {
        "tokenizer.json": tokenizer_json(tokenizer),
        "tokenizer_config.json": tokenizer_config(tokenizer, shape.seq_length),
        "special_tokens_map.json": special_tokens(tokenizer),
        "generation_config.json": {**ids, **sampling},
        "config.json": {**_model_config(shape, dtype), **ids},
    }
    for name, tree in trees.items():
        _write_json(out / name, tree)
    return [*(path.name for path in _weight_files(out)), "tokenizer.model", *trees]


def _weight_files(out: Path) -> list[Path]:
    """Those that an export writes, and the parts that a killed one leaves."""
    return sorted(path for path in out.glob("model*") if _WEIGHTS.fullmatch(path.name))


def _write_weights(folder: Path, out: Path, max_file_bytes: int) -> torch.dtype:
    files: list[dict[str, torch.Tensor]] = [{}]
    names: dict[str, int] = {}
    held = total = 0
    for name, tensor in weights.read(folder):
        if files[-1] and held + tensor.nbytes > max_file_bytes:
            _flush(out, files)
            held = 0
        files[-1][name] = tensor
        names[name] = len(files)
        held, total, dtype = held + tensor.nbytes, total + tensor.nbytes, tensor.dtype
    _flush(out, files)
    count = len(files) - 1
    if count == 1:
        os.replace(_part(out, 1), out / "model.safetensors")
        return dtype
    for number in range(1, count + 1):
        os.replace(_part(out, number), out / _shard_name(number, count))
    weight_map = {name: _shard_name(number, count) for name, number in names.items()}
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    _write_json(out / "model.safetensors.index.json", index)
    return dtype


def _flush(out: Path, files: list[dict[str, torch.Tensor]]) -> None:
    part = _part(out, len(files))
    part.touch()
    mode = part.stat().st_mode
    save_file(files[-1], part, metadata={"format": "pt"})
    part.chmod(mode)  # as any file is made here: safetensors makes its own for nobody else to read
    files[-1] = {}  # let the tensors go
    files.append({})


def _part(out: Path, number: int) -> Path:
    return out / f"model-{number:05d}.safetensors.partial"


def _shard_name(number: int, count: int) -> str:
    return f"model-{number:05d}-of-{count:05d}.safetensors"


def _model_config(shape: Shape, dtype: torch.dtype) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.dim,
        "intermediate_size": shape.ffn,
        "num_hidden_layers": shape.num_layers,
        "num_attention_heads": shape.num_heads,
        "num_key_value_heads": shape.num_heads,
        "head_dim": shape.head_dim,
        "vocab_size": shape.vocab,
        "max_position_embeddings": shape.seq_length,
        "rms_norm_eps": NORM_EPS,
        "rope_theta": float(ROPE_THETA),
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
        "initializer_range": 0.02,
        # The first name is transformers' since 5, the second what others still read.
        "dtype": str(dtype).removeprefix("torch."),
        "torch_dtype": str(dtype).removeprefix("torch."),
    }


def _write_json(path: Path, tree: dict[str, Any]) -> None:
    path.write_text(json.dumps(tree, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
