"""Shards of a few documents with a manifest, as small as they can be."""

import hashlib
import json
from pathlib import Path

import numpy as np

from tokenizer.shards import write_shard

HASH = "a" * 64


def write(path: Path, documents: list[list[int]], tokenizer: str = HASH, vocab: int = 4096) -> None:
    offsets = np.cumsum([0, *map(len, documents)])
    tokens = np.array([token for document in documents for token in document], dtype=np.int64)
    doc_ids = np.arange(len(documents), dtype=np.uint64) + np.uint64(2**64 - 1000)
    write_shard(str(path), doc_ids, tokens, offsets, tokenizer, vocab)


def publish(folder: Path, shards: dict[str, list[list[int]]], tokenizer: str | None = None) -> str:
    """Writes shards by name, each `SOURCE-SPLIT-…`, and their manifest; returns its path."""
    entries = []
    totals: dict[str, int] = {}
    for name, documents in shards.items():
        write(folder / name, documents)
        content = (folder / name).read_bytes()
        source, split, *_ = name.split("-")
        facts = {"source": source, "split": split, "tokens": sum(map(len, documents))}
        if tokenizer:
            facts["tokenizer"] = tokenizer
        total = f"tokens {source} {split}"
        totals[total] = totals.get(total, 0) + facts["tokens"]
        entries.append(
            {
                "name": name,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "rows": len(documents),
                "facts": facts,
            }
        )
    tree = {"version": 1, "stage": "shards", "files": entries, "counts": {"totals": totals}}
    (folder / "manifest.json").write_text(json.dumps(tree))
    return str(folder / "manifest.json")
