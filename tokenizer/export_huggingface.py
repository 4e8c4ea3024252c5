"""Shards as a folder that Hugging Face's datasets reads: Parquet, a source a config, and its card.

One Parquet file a shard, a document a row: `doc_id` and `input_ids`. The split `valid` is called
`validation` there.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from corpus.errors import ShardError
from tokenizer.shards import Shard, ShardFile, open_shard
from tokenizer.verify import Told

_GROUP_TOKENS = 1 << 20  # of a row group, which a reader holds in memory
_LONGEST = 2**31 - 1  # tokens of a document: list offsets are int32
_SPLITS = {"train": "train", "valid": "validation"}


def write(folder: Path, source: str, split: str, files: list[ShardFile], told: Told) -> list[str]:
    """Writes the shards of one source and split; returns the names of the files.

    None for shards without a document: `load_dataset` refuses a split of no row.
    """
    if not any(file.rows for file in files):
        return []
    names = []
    (folder / "data" / source).mkdir(parents=True, exist_ok=True)
    for number, file in enumerate(files):
        names.append(f"data/{source}/{_SPLITS[split]}-{number:05d}-of-{len(files):05d}.parquet")
        shard = open_shard(file.path, file.tokenizer)
        shard.check_documents()
        ids = pa.list_(pa.from_numpy_dtype(shard.tokens.dtype))
        schema = pa.schema([("doc_id", pa.uint64()), ("input_ids", ids)])
        with pq.ParquetWriter(folder / names[-1], schema, compression="zstd") as writer:
            for first, last in _groups(shard):
                start, end = (int(shard.offsets[row]) for row in (first, last))
                shard.check(start, end)
                offsets = (shard.offsets[first : last + 1] - start).astype(np.int32)
                lists = pa.ListArray.from_arrays(offsets, pa.array(shard.tokens[start:end]))
                doc_ids = pa.array(shard.doc_ids[first:last])
                writer.write_batch(pa.record_batch([doc_ids, lists], schema=schema))
                told((end - start) * shard.tokens.itemsize)
    return names


def write_card(folder: Path, shard: Shard, parts: list[tuple[str, str]]) -> None:
    """Writes README.md, whose head tells `load_dataset` which files are of which source."""
    sources = sorted({source for source, _ in parts})
    configs = [
        {
            "config_name": source,
            "data_files": [
                {"split": _SPLITS[split], "path": f"data/{source}/{_SPLITS[split]}-*.parquet"}
                for split in ("train", "valid")
                if (source, split) in parts
            ],
        }
        for source in sources
    ]
    head = yaml.safe_dump({"configs": configs}, sort_keys=False)
    split = next(_SPLITS[split] for source, split in parts if source == sources[0])
    lines = [
        f"---\n{head}---",
        "# Tokenized documents",
        "",
        "A row is a document: `doc_id`, and `input_ids` with begin and end. They are of a",
        f"tokenizer of {shard.vocab_size:,} pieces, whose model file has the SHA-256",
        f"`{shard.tokenizer_hash}`.",
        "",
        "```python",
        "import datasets",
        "",
        f'datasets.load_dataset(".", "{sources[0]}", split="{split}", streaming=True)',
        "```",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _groups(shard: Shard) -> Iterator[tuple[int, int]]:
    """Documents [first, last) of up to _GROUP_TOKENS tokens, at least one; in order."""
    first, documents = 0, len(shard.doc_ids)
    while first < documents:
        limit = int(shard.offsets[first]) + _GROUP_TOKENS
        last = int(np.searchsorted(shard.offsets, limit, side="right")) - 1
        last = min(max(last, first + 1), documents)
        if shard.offsets[last] - shard.offsets[first] > _LONGEST:
            raise ShardError(
                f"{shard.path} has a document of more than {_LONGEST} tokens, which a Parquet list "
                "does not hold; leave it out of the shards"
            )
        yield first, last
        first = last
