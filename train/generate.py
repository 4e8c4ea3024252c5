"""Samples text from a checkpoint or from an exported folder."""

import hashlib
from pathlib import Path

import pyarrow as pa
import torch

from corpus.errors import CheckpointError, ConfigError
from tokenizer.encode import Encoder
from train import checkpoint, hf_folder, weights
from train.llama import Cache, Llama


def generate(
    model_dir: str,
    tokenizer: str,
    prompt: str = "",
    max_tokens: int = 100,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> str:
    """The prompt and what the model writes after it, up to its end token or `max_tokens`.

    model_dir: a run's output, a checkpoint, or an exported folder. temperature 0 takes the
    likeliest token; top_p keeps the likeliest tokens that together have that probability. Raises
    CheckpointError where there is no model, ConfigError for a setting out of range or a tokenizer
    that is not the model's.
    """
    if temperature < 0 or not 0 < top_p <= 1:
        raise ConfigError(
            f"temperature={temperature}, top_p={top_p}: choose temperature 0 or more and top_p "
            "above 0 and up to 1 (generate)"
        )
    model, encoder = load(model_dir), Encoder(tokenizer)
    checkpoint.check_tokenizer(
        tokenizer, encoder, model.shape, _trained_with(Path(model_dir)), "generate.tokenizer"
    )
    tokens = encode_prompt(encoder, prompt)
    random = torch.Generator().manual_seed(seed)
    cache: Cache = {}
    new = torch.tensor([tokens])
    room = model.shape.seq_length - len(tokens)
    for _ in range(min(max_tokens, room)):
        logits_V = model.logits(new, cache)[0, -1].float()
        token = sample(logits_V, temperature, top_p, random)
        if token == encoder.eos_id:
            break
        tokens.append(token)
        new = torch.tensor([[token]])
    return encoder.decode(tokens)


def load(model_dir: str, device: str = "cpu") -> Llama:
    """The model of a checkpoint or an exported folder, in fp32."""
    folder = Path(model_dir)
    if hf_folder.is_hf(folder):
        source = hf_folder.read(folder)
        shape, tensors = source.shape, {name: source.tensor(name) for name in source.files}
    elif folder.exists():
        step = weights.resolve(folder)
        shape, tensors = checkpoint.shape_of(step), dict(weights.read(step))
    else:
        raise CheckpointError(f"no model in {folder}; give a run's output or an exported folder")
    return Llama(shape, {name: t.to(device, torch.float32) for name, t in tensors.items()})


def _trained_with(folder: Path) -> str | None:
    # The hash of the model's tokenizer, where there is a trace of it.
    if not hf_folder.is_hf(folder):
        return checkpoint.tokenizer_of(weights.resolve(folder))
    own = folder / "tokenizer.model"
    return hashlib.sha256(own.read_bytes()).hexdigest() if own.exists() else None


def encode_prompt(encoder: Encoder, prompt: str) -> list[int]:
    """Begin token and the prompt's tokens, without the end token a document would have."""
    tokens, _ = encoder.encode_batch(pa.array([prompt], pa.string()))
    return tokens.tolist()[:-1]


def sample(
    logits_V: torch.Tensor, temperature: float, top_p: float, random: torch.Generator
) -> int:
    """One token id from logits [V]."""
    if temperature == 0:
        return int(logits_V.argmax())
    share, ids = (logits_V / temperature).softmax(-1).sort(descending=True)
    # Each token is kept whose betters do not already reach top_p; so the first always is.
    kept = share.cumsum(-1) - share < top_p
    return int(ids[torch.multinomial(share * kept, 1, generator=random)])
