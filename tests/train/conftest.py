"""Small shards with a tokenizer of their own, and configs of a model that trains on them in a
second. The text is made by keyed numpy generators, so that losses are the same everywhere."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from made_text import SOURCES, documents

from corpus import manifest
from corpus.counts import Counts
from corpus.manifest import Manifest, OutputFile
from tokenizer.encode import Encoder
from tokenizer.shards import write_shard
from tokenizer.train import TokenizerConfig, train
from train import loop
from train.config import ModelConfig, OptimConfig, ParallelConfig, TrainConfig
from train.launch import launch

VOCAB = 320


@dataclass(frozen=True)
class TinyData:
    shards: str
    tokenizer: str


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    folder = tmp_path_factory.mktemp("tiny")
    model, shards = folder / "tokenizer.model", folder / "shards"
    shards.mkdir()
    texts = {source: documents(source, 60) for source in SOURCES}
    train([t for source in SOURCES for t in texts[source]], TokenizerConfig(VOCAB), str(model))
    encoder, files = Encoder(str(model)), []
    for source in SOURCES:
        for split, part in (("train", texts[source][:50]), ("valid", texts[source][50:])):
            tokens, offsets = encoder.encode_batch(pa.array(part))
            path = shards / f"{source}-{split}.arrow"
            ids = np.arange(len(part), dtype=np.uint64)
            write_shard(str(path), ids, tokens, offsets, encoder.hash, VOCAB)
            content = path.read_bytes()
            facts = {
                "source": source,
                "split": split,
                "tokens": len(tokens),
                "tokenizer": encoder.hash,
            }
            sha256 = hashlib.sha256(content).hexdigest()
            files.append(OutputFile(path.name, len(content), sha256, len(part), facts))
    manifest.put(Manifest(str(shards), "shards", "", None, {}, "", {}, tuple(files), Counts()))
    return TinyData(str(shards), str(model))


@pytest.fixture(scope="session")
def other_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer of as many pieces as tiny_data's, which its shards were not made with."""
    path = tmp_path_factory.mktemp("other") / "other.model"
    train(documents("web", 30), TokenizerConfig(VOCAB), str(path))
    return str(path)


@pytest.fixture(scope="session")
def small_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tokenizer of 300 pieces, too few for the models here."""
    path = tmp_path_factory.mktemp("small") / "small.model"
    train(documents("web", 20), TokenizerConfig(300), str(path))
    return str(path)


@pytest.fixture(scope="session")
def tiny_config(tiny_data: TinyData):
    """Makes a config of a two-layer model; keyword arguments replace its fields."""

    def make(output: Path, **changes: object) -> TrainConfig:
        fields: dict = {
            "shards": tiny_data.shards,
            "tokenizer": tiny_data.tokenizer,
            "output": str(output),
            "weights": {"code": 1.0, "web": 2.0},
            "model": ModelConfig(
                dim=64, num_heads=4, num_layers=2, ffn=96, vocab=VOCAB, seq_length=32
            ),
            "parallel": ParallelConfig(),
            "optim": OptimConfig(lr=5e-3, warmup_steps=8),
            "steps": 40,
            "batch_sequences": 8,
            "micro_batch": 4,
            "precision": "fp32",
            "eval_interval": 20,
            "eval_sequences": 12,
            "save_interval": 20,
            "seed": 1,
        }
        return TrainConfig(**{**fields, **changes})

    return make


@pytest.fixture(scope="session")
def tp2_run(tiny_config, tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """A run of 40 steps on two processes, tensor and sequence parallel, never disturbed."""
    config = tiny_config(
        tmp_path_factory.mktemp("tp2") / "run",
        parallel=ParallelConfig(processes=2, tp=2, sequence_parallel=True),
        require_beats_unigram=True,
    )
    assert launch(config) == 0
    return config


@pytest.fixture(scope="session")
def tp1_run(tiny_config, tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """The same run on this one process."""
    config = tiny_config(tmp_path_factory.mktemp("tp1") / "run")
    assert loop.train(config) == 0
    return config
