"""Shards of made text, a tokenizer of their own, and a small model on two processes: what the kill
loop trains when it is run as a command."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from tokenizer.encode import Encoder
from tokenizer.shards import write_shard
from tokenizer.train import TokenizerConfig
from tokenizer.train import train as train_tokenizer
from train.config import ModelConfig, OptimConfig, TrainConfig
from train.layout import ParallelConfig

VOCAB = 320
DOCUMENTS = {"train": 200, "valid": 40}


def config_of(folder: Path, steps: int, save_interval: int) -> TrainConfig:
    """A run of so many steps in `folder`/killed, and the shards it needs."""
    tokenizer, shards = folder / "tokenizer.model", folder / "shards"
    shards.mkdir(parents=True)
    texts = {split: _texts(split, count) for split, count in DOCUMENTS.items()}
    train_tokenizer(texts["train"], TokenizerConfig(VOCAB), str(tokenizer))
    encoder = Encoder(str(tokenizer))
    files = [_shard(shards, split, text, encoder) for split, text in texts.items()]
    (shards / "manifest.json").write_text(json.dumps({"stage": "shards", "files": files}))
    return TrainConfig(
        shards=str(shards),
        tokenizer=str(tokenizer),
        output=str(folder / "killed"),
        weights={"web": 1.0},
        model=ModelConfig(dim=64, num_heads=4, num_layers=2, ffn=96, vocab=VOCAB, seq_length=32),
        parallel=ParallelConfig(processes=2),
        optim=OptimConfig(lr=5e-3, warmup_steps=8),
        steps=steps,
        batch_sequences=8,
        micro_batch=4,
        precision="fp32",
        eval_interval=50,
        eval_sequences=8,
        save_interval=save_interval,
        keep_checkpoints=2,
    )


def _texts(split: str, count: int) -> list[str]:
    draw = np.random.default_rng([count, len(split)])
    words = ["".join(draw.choice(list("abcdefgh"), size=5)) for _ in range(200)]
    common = 1 / np.arange(1, 201)
    common /= common.sum()
    return [" ".join(draw.choice(words, size=120, p=common)) for _ in range(count)]


def _shard(folder: Path, split: str, texts: list[str], encoder: Encoder) -> dict[str, object]:
    path = folder / f"web-{split}.arrow"
    tokens, offsets = encoder.encode_batch(pa.array(texts))
    ids = np.arange(len(texts), dtype=np.uint64)
    write_shard(str(path), ids, tokens, offsets, encoder.hash, VOCAB)
    content = path.read_bytes()
    facts = {"source": "web", "split": split, "tokens": len(tokens), "tokenizer": encoder.hash}
    return {
        "name": path.name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(texts),
        "facts": facts,
    }
