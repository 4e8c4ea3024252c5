"""Shards as Megatron's indexed datasets: SOURCE-SPLIT.bin, all tokens, and .idx, where they begin.

A document is one sequence and one document of Megatron's. Its .bin holds uint16, or above 65,536
pieces int32, as it knows no uint32.
"""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from corpus.errors import ShardError
from tokenizer.shards import ShardFile, open_shard
from tokenizer.verify import Told

_HEADER, _VERSION = b"MMIDIDX\x00\x00", 1
_CODES = {np.dtype(np.int32): 4, np.dtype(np.uint16): 8}
_CHUNK = 4 << 20  # tokens
_LONGEST = 2**31 - 1  # tokens of a document: lengths are int32


def write(folder: Path, source: str, split: str, files: list[ShardFile], told: Told) -> list[str]:
    """Writes the shards of one source and split; returns the names of the two files.

    None for shards without a token: their .bin of 0 bytes is one that Megatron's reader cannot map.
    """
    if not any(file.tokens for file in files):
        return []
    stem = f"{source}-{split}"
    narrow = open_shard(files[0].path).tokens.dtype == np.uint16
    dtype = np.dtype(np.uint16 if narrow else np.int32)
    with (folder / f"{stem}.bin").open("wb") as out:
        for file in files:
            shard = open_shard(file.path, file.tokenizer)
            for start in range(0, len(shard.tokens), _CHUNK):
                end = min(start + _CHUNK, len(shard.tokens))
                shard.check(start, end)
                _put(out, shard.tokens[start:end].astype(dtype, copy=False))
                told((end - start) * shard.tokens.itemsize)
    _write_index(folder / f"{stem}.idx", files, dtype)
    return [f"{stem}.bin", f"{stem}.idx"]


def _write_index(path: Path, files: list[ShardFile], dtype: np.dtype) -> None:
    documents = sum(file.rows for file in files)
    with path.open("wb") as out:
        head = struct.pack("<QBQQ", _VERSION, _CODES[dtype], documents, documents + 1)
        out.write(_HEADER + head)
        for file in files:
            shard = open_shard(file.path)
            shard.check_documents()
            lengths = np.diff(shard.offsets)
            if len(lengths) and lengths.max() > _LONGEST:
                raise ShardError(
                    f"{file.path} has a document of {lengths.max()} tokens, Megatron's index holds "
                    f"{_LONGEST}; leave it out of the shards"
                )
            _put(out, lengths.astype("<i4"))
        before = 0
        for file in files:
            offsets = open_shard(file.path).offsets
            _put(out, ((offsets[:-1] + before) * dtype.itemsize).astype("<i8"))
            before += file.tokens
        for start in range(0, documents + 1, _CHUNK):
            _put(out, np.arange(start, min(start + _CHUNK, documents + 1), dtype="<i8"))


def _put(out: BinaryIO, array: np.ndarray) -> None:
    # NumPy's tofile does not tell why a write failed: its OSError has no errno.
    out.write(array.view(np.uint8).data)
