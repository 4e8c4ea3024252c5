"""A Hugging Face folder of a LLaMA, checked before any of its weights is read.

What is taken is the model of LLaMA's paper and no other: what differs in a way that changes the
results (grouped queries, scaled positions, biases, tied embeddings) is refused in one line that
names it. Tensors are read one at a time from one safetensors file or several.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from corpus.errors import CheckpointError
from train.llama import NORM_EPS, ROPE_THETA
from train.presets import Shape

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
_MARKS = ("*.safetensors", "*.safetensors.*", "tokenizer_config.json", "generation_config.json")
_DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
_SIZES = {
    "dim": "hidden_size",
    "num_heads": "num_attention_heads",
    "num_layers": "num_hidden_layers",
    "ffn": "intermediate_size",
    "vocab": "vocab_size",
    "seq_length": "max_position_embeddings",
}


@dataclass(frozen=True)
class HfFolder:
    """A whole LLaMA on disk: its sizes, its one dtype, and the file that holds each tensor."""

    folder: Path
    shape: Shape
    dtype: torch.dtype
    files: Mapping[str, Path]

    def tensor(self, name: str) -> torch.Tensor:
        """One tensor, in the dtype it is stored in."""
        with _opened(self.files[name]) as file:
            return file.get_tensor(name)

    @property
    def tokenizer(self) -> Path:
        """The SentencePiece model; CheckpointError where the folder has none."""
        path = self.folder / "tokenizer.model"
        if not path.is_file():
            raise CheckpointError(
                f"{self.folder} has no tokenizer.model; put the SentencePiece model of its "
                "tokenizer there (a tokenizer.json alone cannot be read back into one)"
            )
        return path


def is_hf(folder: Path) -> bool:
    """Whether a folder looks like a Hugging Face model, whole or not, rather than a run of ours.

    config.json does not tell: a run has one too.
    """
    return any(path for name in _MARKS for path in folder.glob(name))


def read(folder: Path) -> HfFolder:
    """Checks config and the headers of all files; CheckpointError names the first thing wrong."""
    shape = shape_of(folder)
    wanted = tensor_shapes(shape)
    files: dict[str, Path] = {}
    dtypes: dict[str, str] = {}
    for path in _weight_files(folder):
        with _opened(path) as file:
            for name in file.keys():  # noqa: SIM118 (a safetensors file is no mapping)
                if name.endswith("rotary_emb.inv_freq"):  # of old exports: computed, not learnt
                    continue
                if name in files:
                    raise CheckpointError(f"{path} and {files[name].name} both hold '{name}'")
                files[name] = path
                view = file.get_slice(name)
                dtypes[name] = view.get_dtype()
                _check_tensor(path, name, tuple(view.get_shape()), wanted)
    missing = [name for name in wanted if name not in files]
    if missing:
        raise CheckpointError(
            f"{folder} lacks {len(missing)} of {len(wanted)} tensors, first '{missing[0]}'; "
            "copy all of its safetensors files"
        )
    return HfFolder(folder, shape, _one_dtype(folder, dtypes), files)


def tensor_shapes(shape: Shape) -> dict[str, tuple[int, ...]]:
    """The size of every tensor of a LLaMA of this shape, by Hugging Face's names."""
    dim, ffn = shape.dim, shape.ffn
    layer: dict[str, tuple[int, ...]] = {
        "input_layernorm": (dim,),
        **{f"self_attn.{part}_proj": (dim, dim) for part in "qkvo"},
        "post_attention_layernorm": (dim,),
        "mlp.gate_proj": (ffn, dim),
        "mlp.up_proj": (ffn, dim),
        "mlp.down_proj": (dim, ffn),
    }
    return {
        "model.embed_tokens.weight": (shape.vocab, dim),
        "model.norm.weight": (dim,),
        "lm_head.weight": (shape.vocab, dim),
        **{
            f"model.layers.{number}.{name}.weight": size
            for number in range(shape.num_layers)
            for name, size in layer.items()
        },
    }


def shape_of(folder: Path) -> Shape:
    """The sizes config.json states, of a model that is LLaMA's in everything else."""
    path = folder / CONFIG
    config = _json(path)
    _check_fact(path, "model_type", config.get("model_type"), "llama")
    sizes = {}
    for ours, theirs in _SIZES.items():
        size = config.get(theirs)
        if not isinstance(size, int) or size < 1:
            raise CheckpointError(
                f"{path} says {theirs}={_plain(size)}, which is no number of 1 or more; mend it"
            )
        sizes[ours] = size
    shape = Shape(**sizes)
    if shape.dim % shape.num_heads or shape.head_dim % 2:
        raise CheckpointError(
            f"{path}: {shape.num_heads} heads do not cut hidden_size={shape.dim} into even parts, "
            "as rotary positions need; this model cannot be taken"
        )
    for key, (found, wanted) in _facts(config, shape).items():
        _check_fact(path, key, found, wanted)
    return shape


def _facts(config: dict[str, Any], shape: Shape) -> dict[str, tuple[Any, Any]]:
    """What config.json says (or transformers takes for said) beside what must be so."""
    heads = shape.num_heads
    rope = config.get("rope_parameters") or {}
    scaling = config.get("rope_scaling") or {}
    kind = rope.get("rope_type") or scaling.get("rope_type") or scaling.get("type") or "default"
    return {
        "architectures": (config.get("architectures"), ["LlamaForCausalLM"]),
        "quantization_config": (config.get("quantization_config"), None),
        "num_key_value_heads": (config.get("num_key_value_heads") or heads, heads),
        "head_dim": (config.get("head_dim") or shape.head_dim, shape.head_dim),
        "hidden_act": (config.get("hidden_act", "silu"), "silu"),
        "rms_norm_eps": (config.get("rms_norm_eps", 1e-6), NORM_EPS),
        "rope_theta": (rope.get("rope_theta") or config.get("rope_theta", 1e4), ROPE_THETA),
        "rope_scaling": (kind, "default"),
        "attention_bias": (config.get("attention_bias", False), False),
        "mlp_bias": (config.get("mlp_bias", False), False),
        "tie_word_embeddings": (config.get("tie_word_embeddings", False), False),
    }


def _check_fact(path: Path, key: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise CheckpointError(
            f"{path} says {key}={_plain(found)}; the model here is LLaMA's with {_plain(wanted)}, "
            "so this one cannot be taken"
        )


def _weight_files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if index.exists():
        named = _json(index).get("weight_map")
        if not isinstance(named, dict) or not named:
            raise CheckpointError(f"{index} has no weight_map; restore it")
        files = [folder / str(name) for name in sorted(set(named.values()))]
        absent = [path.name for path in files if not path.is_file()]
        if absent:
            raise CheckpointError(f"{folder} lacks {absent[0]}, which {INDEX} names; copy it too")
        return files
    files = sorted(folder.glob("*.safetensors"))
    if len(files) != 1:
        found = f"{len(files)} safetensors files and no {INDEX}" if files else "no safetensors file"
        raise CheckpointError(f"{folder} has {found}; give a whole Hugging Face folder")
    return files


def _check_tensor(
    path: Path, name: str, found: tuple[int, ...], wanted: dict[str, tuple[int, ...]]
) -> None:
    if name not in wanted:
        raise CheckpointError(f"{path} holds '{name}', which no LLaMA of its config.json has")
    if found != wanted[name]:
        raise CheckpointError(
            f"'{name}' in {path} is {list(found)}, by config.json {list(wanted[name])}; one of "
            "the two is of another model"
        )


def _one_dtype(folder: Path, dtypes: dict[str, str]) -> torch.dtype:
    kinds = sorted(set(dtypes.values()))
    if len(kinds) > 1:
        first = {kind: next(name for name, k in dtypes.items() if k == kind) for kind in kinds}
        named = ", ".join(f"{kind} ('{name}')" for kind, name in first.items())
        raise CheckpointError(f"{folder} mixes {named}; save it in one dtype")
    if kinds[0] not in _DTYPES:
        raise CheckpointError(f"{folder} is in {kinds[0]}; save it in F32, BF16 or F16")
    return _DTYPES[kinds[0]]


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, "pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is no whole safetensors file ({error}); copy it anew"
        ) from None


def _json(path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(
            f"{path} cannot be read ({reason}); give a whole Hugging Face folder"
        ) from None
    if not isinstance(tree, dict):
        raise CheckpointError(f"{path} is no JSON object; give a Hugging Face folder")
    return tree


def _plain(value: Any) -> str:
    return json.dumps(value)
