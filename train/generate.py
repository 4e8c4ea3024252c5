"""Samples text from a checkpoint or from an exported folder."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import torch

from corpus.errors import CheckpointError, ConfigError
from tokenizer.encode import Encoder
from train import checkpoint, hf_folder, weights
from train.llama import Cache, Llama

_SEEDS = 2**64  # as many as torch takes


def generate(
    model_dir: str,
    tokenizer: str,
    prompt: str = "",
    max_tokens: int = 100,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> str:
    """The prompt and what the model writes after it; see `stream`."""
    settings = (max_tokens, temperature, top_p, seed)
    return "".join(stream(model_dir, tokenizer, prompt, *settings))


def stream(
    model_dir: str,
    tokenizer: str,
    prompt: str = "",
    max_tokens: int = 100,
    temperature: float = 0.8,
    top_p: float = 0.95,
    seed: int = 0,
) -> Iterator[str]:
    """Yields the prompt and then what the model writes, as it writes it, up to its end token,
    `max_tokens`, or the last of its positions.

    model_dir: a run's output, a checkpoint, or an exported folder. temperature 0 takes the
    likeliest token; top_p keeps the likeliest tokens that together have that probability. Equal
    seeds write equal texts. Raises CheckpointError where there is no model, ConfigError for a
    setting out of range or a tokenizer that is not the model's.
    """
    if not 0 <= temperature < math.inf or not 0 < top_p <= 1:
        raise ConfigError(
            f"temperature={temperature}, top_p={top_p}: choose temperature 0 or more and top_p "
            "above 0 and up to 1 (generate)"
        )
    if max_tokens < 0:
        raise ConfigError(f"max_tokens={max_tokens}: choose 0 or more (generate)")
    if not 0 <= seed < _SEEDS:
        raise ConfigError(f"seed={seed}: choose 0 to 2^64 - 1 (generate)")
    _require_utf8(prompt)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model, encoder = load(model_dir, device), Encoder(tokenizer)
    checkpoint.check_tokenizer(
        tokenizer, encoder, model.shape, _trained_with(Path(model_dir)), "generate.tokenizer"
    )
    tokens = encode_prompt(encoder, prompt)
    room = model.shape.seq_length - len(tokens)
    if room < 0:
        raise ConfigError(
            f"the prompt has {len(tokens)} tokens, the model {model.shape.seq_length} positions; "
            "shorten it (generate)"
        )
    random = torch.Generator().manual_seed(seed)
    cache: Cache = {}
    new = torch.tensor([tokens], device=device)
    written = ""
    for _ in range(min(max_tokens, room)):
        whole = encoder.decode(tokens)
        # Bytes that are no whole character yet decode as U+FFFD, and may still become one.
        sound = whole.rstrip("\ufffd")
        if len(sound) > len(written):
            yield sound[len(written) :]
            written = sound
        token = sample(model.logits(new, cache)[0, -1].float().cpu(), temperature, top_p, random)
        if token == encoder.eos_id:
            break
        tokens.append(token)
        new = torch.tensor([[token]], device=device)
    yield encoder.decode(tokens)[len(written) :]


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


def _require_utf8(prompt: str) -> None:
    # Bytes of an argument that are no UTF-8 come as lone surrogates.
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(
            f"the prompt {prompt!r} is no UTF-8 after {error.start} characters; give it in UTF-8 "
            "(generate)"
        ) from None


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
    # Below the highest and in fp64, so that no temperature divides to infinity and to no number.
    below_V = logits_V.double() - logits_V.max()
    share, ids = (below_V / temperature).softmax(-1).sort(descending=True)
    # Each token is kept whose betters do not already reach top_p; so the first always is.
    kept = share.cumsum(-1) - share < top_p
    return int(ids[torch.multinomial(share * kept, 1, generator=random)])
