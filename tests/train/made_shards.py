"""Shards whose every token is its own position in its source's stream (web from 0, code from
50,000), so that a sample says by itself where it was read."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tokenizer.shards import write_shard

VOCAB = 200_000
FIRST_TOKEN = {"web": 0, "code": 50_000, "tiny": 90_000, "books": 100_000}


def write_manifest(
    folder: Path, sizes: Mapping[tuple[str, str], Sequence[int]], vocab: int = VOCAB
) -> str:
    """Writes shards of so many tokens for each (source, split); the path of their manifest."""
    files = []
    for (source, split), tokens_of in sizes.items():
        first = FIRST_TOKEN[source]
        for number, size in enumerate(tokens_of):
            path = folder / f"{source}-{split}-{number:05d}.arrow"
            tokens = np.arange(first, first + size)
            write_shard(str(path), np.arange(1), tokens, np.array([0, size]), "a" * 64, vocab)
            first += size
            files.append(
                {
                    "name": path.name,
                    "bytes": path.stat().st_size,
                    "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                    "rows": 1,
                    "facts": {"source": source, "split": split, "tokens": size},
                }
            )
    tree = {"version": 1, "stage": "shards", "files": files}
    (folder / "manifest.json").write_text(json.dumps(tree))
    return str(folder / "manifest.json")
