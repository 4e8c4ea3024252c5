"""The token shard: documents of one source and split as one memory-mappable token stream.

A shard is one Arrow IPC file with one record batch, `doc_id: uint64` and `tokens: large_list` of
uint16 (uint32 above 65,536 pieces), uncompressed: its tokens are one contiguous buffer, sliced
without a copy. Sequence length, batch size and mixture belong to the run and are never in the data.
The schema's metadata names the tokenizer, so that shards of two tokenizers cannot be mixed unseen;
the footer's holds a checksum of every 64 KiB of the arrays (tokenizer.blocks).
"""

import os
import stat
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from corpus import storage
from corpus.errors import ShardError
from corpus.on_disk import rename
from tokenizer.blocks import BLOCK, BlockSums, checksums, encoded
from tokenizer.manifest_fields import read_fields

_MAGIC = b"ARROW1"
_TOKENIZER = b"altiplano.tokenizer"
_VOCAB = b"altiplano.vocab_size"
_FOOTER = 1 << 16  # bytes that a footer has beside the checksums, and more
_BLOCK = b"altiplano.block_bytes"
_CRC32 = b"altiplano.crc32"
_ARRAYS = ("document ids", "offsets", "tokens")  # in the order of their checksums


@dataclass(frozen=True)
class Shard:
    """An open shard; its arrays are views of the mapped file and hold no memory of their own."""

    path: str
    doc_ids: np.ndarray  # [documents] uint64
    tokens: np.ndarray  # [tokens] uint16 or uint32, all documents one after another
    offsets: np.ndarray  # [documents + 1] int64; document d is tokens[offsets[d]:offsets[d + 1]]
    tokenizer_hash: str
    vocab_size: int
    blocks: tuple[BlockSums, ...]  # of ids, offsets and tokens

    def check(self, first: int, last: int) -> None:
        """Raises ShardError where tokens [first, last) are not on disk as they were written.

        A block of 64 KiB is read once for an open shard.
        """
        if first < last:
            width = self.tokens.itemsize
            self.blocks[-1].check(first * width, last * width)

    def check_documents(self) -> None:
        """The same for the ids and offsets of all its documents."""
        for array in self.blocks[:-1]:
            array.check(0, array.size)


@dataclass(frozen=True)
class ShardFile:
    """What a manifest states of one shard."""

    path: str
    bytes: int
    sha256: str
    rows: int  # documents
    source: str
    split: str  # train or valid
    tokens: int
    tokenizer: str | None  # hash; None where the manifest states none


def token_dtype(vocab_size: int) -> np.dtype:
    """The narrowest unsigned type that holds every id of a vocabulary."""
    return np.dtype(np.uint16 if vocab_size <= 1 << 16 else np.uint32)


def write_shard(
    path: str,
    doc_ids: np.ndarray,
    tokens: np.ndarray,
    offsets: np.ndarray,
    tokenizer_hash: str,
    vocab_size: int,
) -> None:
    """Writes doc_ids [D], tokens [N] and offsets [D + 1] to a local file, whole or not at all.

    The same arguments give the same bytes. Raises ShardError where they contradict each other, or
    are no whole numbers from 0 up.
    """
    for name, array in zip(_ARRAYS, (doc_ids, offsets, tokens), strict=True):
        _check_whole(path, name, array)
    offsets = np.ascontiguousarray(offsets, dtype=np.int64)
    _check_arrays(path, doc_ids, tokens, offsets, vocab_size)
    stream = np.ascontiguousarray(tokens, dtype=token_dtype(vocab_size))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(stream))
    schema = pa.schema(
        [("doc_id", pa.uint64()), ("tokens", lists.type)],
        metadata={_TOKENIZER: tokenizer_hash.encode(), _VOCAB: str(vocab_size).encode()},
    )
    numbers = np.ascontiguousarray(doc_ids, dtype=np.uint64)
    ids = pa.array(numbers)
    sums = encoded(checksums(numbers, offsets, stream))
    footer = {_BLOCK: str(BLOCK).encode(), _CRC32: sums}
    partial = f"{path}.{uuid.uuid4().hex}.partial"
    try:
        with (
            pa.OSFile(partial, "wb") as sink,
            pa.ipc.new_file(sink, schema, metadata=footer) as writer,
        ):
            writer.write_batch(pa.record_batch([ids, lists], schema=schema))
        rename(partial, path)
    except OSError as error:
        raise ShardError(
            f"{path} cannot be written: {error}; free or choose another disk"
        ) from None
    finally:
        Path(partial).unlink(missing_ok=True)


def open_shard(path: str, tokenizer_hash: str | None = None) -> Shard:
    """Maps a shard into memory without reading its tokens.

    Raises ShardError for a file that is missing, cut short, no shard, or (where `tokenizer_hash`
    is given) of another tokenizer.
    """
    try:
        if stat.S_ISFIFO(os.stat(local_path(path)).st_mode):  # opening it would wait for a writer
            raise ShardError(f"{path} is a named pipe, so no token shard; list only shards")
        with pa.memory_map(local_path(path)) as mapped:
            shard = _view(path, pa.ipc.open_file(mapped), mapped.read_buffer())
    except FileNotFoundError:
        raise ShardError(f"{path} is missing; restore it or write the shards again") from None
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise ShardError(f"{path} {_why_unreadable(path, error)}") from None
    if tokenizer_hash is not None and shard.tokenizer_hash != tokenizer_hash:
        raise ShardError(other_tokenizer(path, shard.tokenizer_hash, tokenizer_hash))
    return shard


def shard_files(manifest: str) -> list[ShardFile]:
    """The shards a manifest lists, in its order; ShardError where it is no manifest of shards."""
    folder = storage.parent(manifest)
    return [
        ShardFile(path=storage.join(folder, fields.pop("name")), **fields)
        for fields in read_fields(manifest)
    ]


def split_tokens(files: list[ShardFile], split: str) -> dict[str, int]:
    """Tokens a split holds of each part of the mixture."""
    totals: dict[str, int] = {}
    for file in files:
        if file.split == split:
            totals[file.source] = totals.get(file.source, 0) + file.tokens
    return totals


def check_tokenizer(files: list[ShardFile], tokenizer_hash: str) -> None:
    """Raises ShardError for the first shard of another tokenizer.

    A shard is only opened where its manifest states no tokenizer: open_shard holds the others to
    what is stated.
    """
    for file in files:
        stated = file.tokenizer or open_shard(file.path).tokenizer_hash
        if stated != tokenizer_hash:
            raise ShardError(other_tokenizer(file.path, stated, tokenizer_hash))


def _check_whole(path: str, name: str, array: np.ndarray) -> None:
    """What is no whole number or below 0 would be cast in silence to another document or token."""
    if array.dtype.kind not in "iu":
        raise ShardError(f"{path}: {name} are {array.dtype}, not whole numbers; mend the writer")
    if array.dtype.kind == "i" and len(array) and array.min() < 0:
        raise ShardError(f"{path}: {name} hold {array.min()}, they are 0 or above; mend the writer")


def _check_arrays(
    path: str, doc_ids: np.ndarray, tokens: np.ndarray, offsets: np.ndarray, vocab_size: int
) -> None:
    if len(offsets) != len(doc_ids) + 1:
        raise ShardError(
            f"{path}: {len(doc_ids)} documents need {len(doc_ids) + 1} offsets, not {len(offsets)}"
        )
    if offsets[0] != 0 or offsets[-1] != len(tokens) or np.any(np.diff(offsets) < 0):
        raise ShardError(f"{path}: offsets must rise from 0 to the {len(tokens)} tokens there are")
    if len(tokens) and not 0 <= int(tokens.min()) <= int(tokens.max()) < vocab_size:
        raise ShardError(
            f"{path}: token ids {int(tokens.min())}..{int(tokens.max())} do not fit a vocabulary "
            f"of {vocab_size}; encode with the tokenizer the shard names"
        )


def _view(path: str, reader: pa.ipc.RecordBatchFileReader, mapped: pa.Buffer) -> Shard:
    metadata = reader.schema.metadata or {}
    if _TOKENIZER not in metadata or _VOCAB not in metadata or reader.num_record_batches != 1:
        raise ShardError(f"{path} is an Arrow file but no token shard; list only shards")
    batch = reader.get_batch(0)
    batch.validate()
    vocab_size = int(metadata[_VOCAB])
    kinds = [batch.schema.field(name).type for name in ("doc_id", "tokens")]
    dtype = pa.from_numpy_dtype(token_dtype(vocab_size))
    if kinds != [pa.uint64(), pa.large_list(dtype)]:
        raise ShardError(
            f"{path} has columns {kinds}, not doc_id and tokens of {dtype}; rewrite it"
        )
    lists = batch.column("tokens")
    arrays = (batch.column("doc_id"), lists.offsets, lists.values)
    doc_ids, offsets, tokens = (array.to_numpy(zero_copy_only=True) for array in arrays)
    return Shard(
        path=path,
        doc_ids=doc_ids,
        tokens=tokens,
        offsets=offsets,
        tokenizer_hash=metadata[_TOKENIZER].decode(),
        vocab_size=vocab_size,
        blocks=_blocks(path, reader.metadata or {}, mapped, (doc_ids, offsets, tokens)),
    )


def _blocks(
    path: str, footer: dict[bytes, bytes], mapped: pa.Buffer, arrays: tuple[np.ndarray, ...]
) -> tuple[BlockSums, ...]:
    if _CRC32 not in footer:
        key = _CRC32.decode()
        raise ShardError(
            f"{path} has no checksums ({key} in its footer), so nobody can tell whether it is as "
            "it was written; restore it from a copy or write the shards again"
        )
    text = footer[_CRC32]
    tail = mapped.slice(max(0, mapped.size - len(text) - _FOOTER))
    place = tail.to_pybytes().rfind(text)
    if place < 0:
        raise ValueError("its checksums are not in its footer")
    sums_start = mapped.size - tail.size + place
    counts = [-(-array.nbytes // BLOCK) for array in arrays]
    if int(footer[_BLOCK]) != BLOCK or len(text) != 8 * sum(counts):
        raise ValueError(f"{len(text) // 8} checksums do not fit its {sum(counts)} blocks")
    ends = np.cumsum(counts).tolist()
    return tuple(
        BlockSums(
            path=path,
            local=local_path(path),
            name=name,
            start=array.ctypes.data - mapped.address,
            size=array.nbytes,
            sums_start=sums_start + 8 * (end - count),
            checked=bytearray(count),
        )
        for name, array, count, end in zip(_ARRAYS, arrays, counts, ends, strict=True)
    )


def _why_unreadable(path: str, error: Exception) -> str:
    try:
        with open(local_path(path), "rb") as stream:
            head = stream.read(len(_MAGIC))
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - len(_MAGIC)))
            tail = stream.read()
    except OSError as unreadable:  # a folder, or what this user may not read
        why = unreadable.strerror
        return f"cannot be read ({why}); restore it from a copy or write the shards again"
    if _MAGIC.startswith(head) and tail != _MAGIC:
        return "is cut short; restore it from a copy or write the shards again"
    if head != _MAGIC:
        return "is no Arrow file, so no token shard; list only shards"
    return f"is damaged ({' '.join(str(error).split())}); restore it or write the shards again"


def other_tokenizer(path: str, found: str, expected: str) -> str:
    """What to say of a shard that names another tokenizer than the right one."""
    return (
        f"{path} was written with tokenizer {found[:16]}, not {expected[:16]}; encode it again "
        "or train with its own tokenizer"
    )


def local_path(location: str) -> str:
    """The path of a place on a local disk; ShardError for another, which cannot be mapped."""
    path = storage.on_disk(location)
    if path is None:
        raise ShardError(
            f"{location} is not on a local disk, so it cannot be mapped; copy it first"
        )
    return path
