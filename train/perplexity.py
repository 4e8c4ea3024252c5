"""A model's perplexity on each source's held-out text, by the plain LLaMA of train/llama.py.

The windows are those that training evaluates on, so a checkpoint gets the bits per byte that its
run wrote (train/evaluate.py); an export or another model of the same tokenizer compares with it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from corpus.errors import ConfigError
from tokenizer.encode import Encoder, piece_bytes
from tokenizer.shards import check_tokenizer
from train.data import validation
from train.llama import Llama
from train.streams import manifest_files

_LOGITS = 1 << 25  # of a batch, at most: 128 MiB in fp32


@dataclass(frozen=True)
class Perplexity:
    """Figures of one source's held-out text."""

    perplexity: float  # of a token
    bits_per_byte: float
    tokens: int  # that were predicted


def by_source(
    model: Llama, shards: str, tokenizer: str, sequences: int
) -> Iterator[tuple[str, Perplexity]]:
    """Yields (source, figures), of at most `sequences` windows each.

    shards: the folder of the token shards. Raises ConfigError where it is no such folder or the
    tokenizer is not the shards'.
    """
    manifest = str(Path(shards) / "manifest.json")
    files = manifest_files(manifest)
    check_tokenizer(files, Encoder(tokenizer).hash)
    bytes_of = piece_bytes(tokenizer)
    device = model.weights["lm_head.weight"].device
    shape = model.shape
    rows = max(1, _LOGITS // (shape.seq_length * shape.vocab))
    sources = sorted({file.source for file in files if file.split == "valid"})
    if not sources:
        raise ConfigError(f"{shards} has no validation text; build it with mixture.valid_share")
    for source in sources:
        windows = validation(manifest, source, shape.seq_length, sequences)
        if not len(windows):
            continue
        nats = 0.0
        for batch in torch.from_numpy(windows).to(device).split(rows):
            logits_BSV = model.logits(batch[:, :-1]).float()
            losses = torch.nn.functional.cross_entropy(
                logits_BSV.flatten(0, 1), batch[:, 1:].flatten(), reduction="none"
            )
            nats += float(losses.double().sum())
        targets = windows[:, 1:]
        num_bytes = int(bytes_of[targets].sum())
        yield (
            source,
            Perplexity(math.exp(nats / targets.size), nats / math.log(2) / num_bytes, targets.size),
        )
