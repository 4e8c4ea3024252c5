"""What train_gpu.py says of the loader: does a step wait for its batch."""

import dataclasses
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jobs.bench import train_runs
from jobs.bench.train_gpu_sizes import Row, Sizes
from tokenizer.shards import write_shard
from train.data import Loader
from train.prefetch import Prefetch


def loader(sizes: Sizes, seed: int) -> Iterator[Row]:
    """The wait for batches of real shards beside full steps."""
    cut = dataclasses.replace(sizes.model, num_layers=sizes.peer_layers)
    config = train_runs.config_of(cut, 4, 1, "bf16")
    with tempfile.TemporaryDirectory() as folder:
        manifest = _write_shards(Path(folder), sizes.tokens, config.shape.vocab, seed)
        source = Loader(manifest, {"web": 1.0}, config.shape.seq_length, 4, seed=0)
        with train_runs.trained(config) as ours, Prefetch(source, slice(0, 4), 0, 50, 2) as batches:
            waited = 0.0

            def act() -> None:
                nonlocal waited
                batch = batches.take()
                waited += batches.waited_s
                ours.step(batch)

            train_runs.seconds(act, 1, warmup=2)
            waited = 0.0
            spent = train_runs.seconds(act, 10, warmup=0)
            yield {"step s": spent, "waited s": waited / 10, "share": waited / 10 / spent}


def _write_shards(folder: Path, tokens: int, vocab: int, seed: int) -> str:
    stream = np.random.default_rng(seed).integers(3, vocab, tokens).astype(np.uint16)
    offsets = np.arange(0, tokens + 1, 1000)
    stream = stream[: offsets[-1]]
    path = folder / "web.arrow"
    write_shard(str(path), np.arange(len(offsets) - 1), stream, offsets, "0" * 64, vocab)
    entry = {
        "name": path.name,
        "bytes": path.stat().st_size,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "rows": len(offsets) - 1,
        "facts": {"source": "web", "split": "train", "tokens": len(stream)},
    }
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"version": 1, "stage": "shards", "files": [entry]}))
    return str(manifest)
