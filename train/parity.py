"""The parity card of an export: proof that its files are the model that was trained.

Every tensor is hashed as the checkpoint has it and as the files do. The logits of fixed prompts are
computed from the files by the plain LLaMA, and beside them from the checkpoint by megatron-core's
model and, where it is installed, from the files by transformers; all in fp32 on the CPU. So are the
token ids of fixed texts.
"""

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import torch

from corpus.errors import CheckpointError
from tokenizer.encode import Encoder
from train import checkpoint, weights
from train.generate import encode_prompt
from train.hf_folder import HfFolder
from train.hf_folder import read as read_hf
from train.llama import Llama
from train.presets import Shape

CARD = "parity.json"
TOLERANCE = 1e-4  # of a logit, between two ways to compute it in fp32
TEXTS = (
    "The capital of France is Paris, which lies on the Seine.",
    "def fibonacci(n: int) -> int:\n    return n if n < 2 else fibonacci(n - 1)\n",
    "In 1969, 600,000,000 people watched; $3.50 a seat (about 2.90 \u20ac).",
    " begins with a space, then  two\tand a tab\r\n\r\n",
    "na\u00efve caf\u00e9, \u6f22\u5b57, \u0627\u0644\u0639\u0631\u0628\u064a\u0629, "
    "\U0001f389\U0001f469\u200d\U0001f469\u200d\U0001f467, \U000e0fff",
    "",
)
_MAX_TOKENS = 64


class _Stored(Mapping[str, torch.Tensor]):
    """An export's tensors in fp32, each read when it is asked for."""

    def __init__(self, source: HfFolder):
        self._source = source

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._source.tensor(name).float()

    def __iter__(self) -> Iterator[str]:
        return iter(self._source.files)

    def __len__(self) -> int:
        return len(self._source.files)


def write_card(checkpoint_dir: str, out_dir: str) -> dict[str, Any]:
    """Compares an export with the checkpoint it was made of; writes and returns parity.json.

    Raises CheckpointError where a tensor, a logit or a token id is not the same.
    """
    folder, out = weights.resolve(Path(checkpoint_dir)), Path(out_dir)
    source = read_hf(out)
    encoder = Encoder(str(source.tokenizer))
    step = json.loads((folder / checkpoint.RUN).read_text(encoding="utf-8"))["step"]
    ids = [encode_prompt(encoder, text) for text in TEXTS]
    tokens_BS, real_BS = _padded(ids, source.shape)
    card = {
        "checkpoint": {"folder": folder.name, "step": step},
        "weights": _weights(folder, source),
        "logits": {
            "prompts": len(ids),
            "positions": int(real_BS.sum()),
            "tolerance": TOLERANCE,
            "max_abs_difference": _logits(folder, source, tokens_BS, real_BS),
        },
        "tokenizer": {
            "sha256": encoder.hash,
            "texts": list(TEXTS),
            "ids": ids,
            "equal": _tokenizers(out, ids),
        },
        "versions": {name: version(name) for name in ("torch", "megatron-core", *_others())},
    }
    (out / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    _check(card, out)
    return card


def _weights(folder: Path, source: HfFolder) -> dict[str, Any]:
    """Hashes of all tensors; those that differ between checkpoint and files are named."""
    hashes, differ = {}, []
    for name, tensor in weights.read(folder):
        hashes[name] = _digest(source.tensor(name))
        if _digest(tensor) != hashes[name]:
            differ.append(name)
    dtype = str(source.dtype).removeprefix("torch.")
    return {"dtype": dtype, "tensors": len(hashes), "different": differ, "sha256": hashes}


def _digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().data).hexdigest()


def _logits(
    folder: Path, source: HfFolder, tokens_BS: torch.Tensor, real_BS: torch.Tensor
) -> dict[str, float | str]:
    found = Llama(source.shape, _Stored(source)).logits(tokens_BS)[real_BS]
    others: dict[str, Any] = {"megatron-core": lambda: megatron_logits(folder, tokens_BS)}
    if "transformers" in _others():
        others["transformers"] = lambda: _transformers_logits(source.folder, tokens_BS)
    differences: dict[str, float | str] = {}
    for name, compute in others.items():
        needed, free = 9 * source.shape.num_parameters, psutil.virtual_memory().available
        if needed > free:
            differences[name] = f"needs {needed / 1e9:.0f} GB of memory, {free / 1e9:.0f} are free"
            continue
        differences[name] = float((compute()[real_BS] - found).abs().max())
    return differences


def megatron_logits(folder: Path, tokens_BS: torch.Tensor) -> torch.Tensor:
    """Logits [B, S, V] by megatron-core's model of a checkpoint, in fp32 on the CPU.

    In a process of its own where this one sees a GPU, whose kernels round otherwise, or is in a
    process group.
    """
    if not (torch.cuda.is_available() or torch.distributed.is_initialized()):
        return _megatron_logits(folder, tokens_BS)
    with tempfile.TemporaryDirectory(prefix="parity-") as place:
        asked, answered = Path(place, "tokens.pt"), Path(place, "logits.pt")
        torch.save(tokens_BS, asked)
        root = str(Path(__file__).parents[1])
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH")) if p)
        done = subprocess.run(
            [sys.executable, "-m", "train.parity", str(folder), str(asked), str(answered)],
            env={**_without_ranks(), "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": path},
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise CheckpointError(
                f"megatron-core's logits of {folder} could not be computed ({last}); see whether "
                "the checkpoint is whole"
            )
        return torch.load(answered, weights_only=True)


def _without_ranks() -> dict[str, str]:
    ranks = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    return {name: value for name, value in os.environ.items() if name not in ranks}


def _megatron_logits(folder: Path, tokens_BS: torch.Tensor) -> torch.Tensor:
    from train import imported, model, parallel
    from train.config import ModelConfig, OptimConfig, TrainConfig

    config = TrainConfig(
        shards="",
        tokenizer="",
        output="",
        weights={"all": 1.0},
        model=ModelConfig(**asdict(checkpoint.shape_of(folder))),
        optim=OptimConfig(warmup_steps=0),
        steps=1,
        batch_sequences=1,
        micro_batch=1,
        precision="fp32",
    )
    with parallel.joined(config):
        parts = model.build(config)
        imported.load_weights(list(parts), folder)
        whole = parts[0].eval()
        positions_BS = torch.arange(tokens_BS.shape[1]).expand_as(tokens_BS)
        with torch.no_grad():
            return whole(tokens_BS, positions_BS, None).float()


def _transformers_logits(out: Path, tokens_BS: torch.Tensor) -> torch.Tensor:
    import transformers

    transformers.utils.logging.disable_progress_bar()
    model = transformers.LlamaForCausalLM.from_pretrained(out, dtype=torch.float32)
    with torch.inference_mode():
        return model(tokens_BS).logits


def _tokenizers(out: Path, ids: list[list[int]]) -> dict[str, bool]:
    if "transformers" not in _others():
        return {}
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(out)
    return {"transformers": [theirs(text)["input_ids"] for text in TEXTS] == ids}


def _padded(ids: list[list[int]], shape: Shape) -> tuple[torch.Tensor, torch.Tensor]:
    """The prompts as [B, S], cut to what the model holds, and which positions are theirs."""
    longest = min(_MAX_TOKENS, shape.seq_length, max(map(len, ids)))
    tokens_BS = torch.zeros(len(ids), longest, dtype=torch.int64)
    real_BS = torch.zeros(len(ids), longest, dtype=torch.bool)
    for row, prompt in enumerate(ids):
        cut = prompt[:longest]
        tokens_BS[row, : len(cut)] = torch.tensor(cut)
        real_BS[row, : len(cut)] = True
    return tokens_BS, real_BS


def _others() -> list[str]:
    return ["transformers"] if importlib.util.find_spec("transformers") else []


def _check(card: dict[str, Any], out: Path) -> None:
    fix = "do not use the export; tell what is at fault by parity.json"
    if card["weights"]["different"]:
        first = card["weights"]["different"][0]
        raise CheckpointError(f"'{first}' in {out} is not the checkpoint's, bit for bit; {fix}")
    for name, difference in card["logits"]["max_abs_difference"].items():
        if not isinstance(difference, str) and not difference <= TOLERANCE:
            raise CheckpointError(
                f"logits of {out} differ by {difference:.2g} from {name}'s, by at most "
                f"{TOLERANCE:g} they should; {fix}"
            )
    for name, equal in card["tokenizer"]["equal"].items():
        if not equal:
            raise CheckpointError(f"token ids of {out} by {name} are not the model's; {fix}")


if __name__ == "__main__":
    of, asked_for, to = sys.argv[1:]
    torch.save(_megatron_logits(Path(of), torch.load(asked_for, weights_only=True)), to)
