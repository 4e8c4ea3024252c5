"""Stage 7: every document encoded, and written into the shards of its source and split."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.batches import read_batches, unit_name
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.mixture import is_valid
from corpus.output import Output, Unit
from corpus.stage import Stage
from tokenizer.encode import Encoder
from tokenizer.shards import write_shard


@dataclass(frozen=True)
class ShardsConfig:
    """How large a shard grows; a document is never split over two."""

    shard_tokens: int = 64 << 20
    unit_bytes: int = 256 << 20  # of documents (compressed) that one task turns into shards

    def __post_init__(self) -> None:
        if self.shard_tokens < 1 or self.unit_bytes < 1:
            raise ConfigError(
                f"shard_tokens={self.shard_tokens} and unit_bytes={self.unit_bytes} must be above 0"
            )


def shards_stage(
    documents: Manifest, tokenizer: Manifest, config: ShardsConfig, valid_share: float, seed: int
) -> Stage:
    model = (tokenizer.path(tokenizer.files[0]), tokenizer.files[0].sha256)
    units = []
    for source in sorted({file.facts["source"] for file in documents.files}):
        for files in _groups(documents, source, config.unit_bytes):
            payload = (source, [documents.path(f) for f in files], model, config, valid_share, seed)
            shas = tuple(file.sha256 for file in files)
            units.append(Unit(unit_name(files[0]), shas, payload))
    return Stage(
        name="shards",
        config={"shards": config, "valid_share": valid_share, "seed": seed},
        units=units,
        inputs={"tokenizer": tokenizer.files[0].sha256},
        modules=("tokenizer.stages",),
        work=write_shards,
    )


def write_shards(unit: Unit, output: Output) -> None:
    """Encodes a group of one source's documents into shards of its train and valid split."""
    source, paths, model, config, valid_share, seed = unit.payload
    encoder = _encoder(*model)
    writers = {
        split: _ShardWriter(unit.name, source, split, encoder, config, output)
        for split in ("train", "valid")
    }
    for path in paths:
        for batch in read_batches(path, ["doc_id", "text"]):
            ids = batch.column("doc_id").to_numpy()
            held_out = is_valid(ids, seed, valid_share)
            for split, mask in (("train", ~held_out), ("valid", held_out)):
                if mask.any():
                    texts = batch.column("text").filter(pa.array(mask))
                    tokens, offsets = encoder.encode_batch(texts)
                    writers[split].add(ids[mask], tokens, offsets)
                    output.counts.add("text_bytes", pc.sum(pc.binary_length(texts)).as_py() or 0)
    for writer in writers.values():
        writer.flush()


class _ShardWriter:
    """Gathers encoded documents until a shard is full."""

    def __init__(
        self,
        unit: str,
        source: str,
        split: str,
        encoder: Encoder,
        config: ShardsConfig,
        output: Output,
    ) -> None:
        self.stem, self.source, self.split = f"{unit}-{split}", source, split
        self.encoder, self.config, self.output = encoder, config, output
        self.index = 0
        self._clear()

    def add(self, ids: np.ndarray, tokens: np.ndarray, offsets: np.ndarray) -> None:
        """Takes documents [D] with tokens [N] and offsets [D + 1]; writes full shards out."""
        start = 0
        while start < len(ids):
            room = self.config.shard_tokens - self.held
            end = int(np.searchsorted(offsets, offsets[start] + room, side="right")) - 1
            if end <= start and self.held == 0:
                end = start + 1  # a document longer than a shard has one of its own
            end = min(max(end, start), len(ids))
            if end > start:
                self.ids.append(ids[start:end])
                self.tokens.append(tokens[offsets[start] : offsets[end]])
                self.lengths.append(np.diff(offsets[start : end + 1]))
                self.held += int(offsets[end] - offsets[start])
            if end < len(ids):
                self.flush()
            start = end

    def flush(self) -> None:
        if not self.ids:
            return
        ids, tokens = np.concatenate(self.ids), np.concatenate(self.tokens)
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(self.lengths))]).astype(np.int64)
        local = self.output.scratch / "shard.arrow"
        write_shard(str(local), ids, tokens, offsets, self.encoder.hash, self.encoder.vocab_size)
        facts = {
            "source": self.source,
            "split": self.split,
            "tokens": len(tokens),
            "tokenizer": self.encoder.hash,
        }
        self.output.put(local, f"{self.stem}-{self.index:05d}", "arrow", len(ids), facts)
        self.output.counts.add(f"tokens {self.source} {self.split}", len(tokens))
        self.output.counts.add("documents", len(ids))
        self.index += 1
        self._clear()

    def _clear(self) -> None:
        self.ids: list[np.ndarray] = []
        self.tokens: list[np.ndarray] = []
        self.lengths: list[np.ndarray] = []
        self.held = 0


def split_tokens(shards: Manifest, split: str) -> dict[str, int]:
    """Tokens a split holds of each source."""
    totals: dict[str, int] = {}
    for file in shards.files:
        if file.facts["split"] == split:
            source = file.facts["source"]
            totals[source] = totals.get(source, 0) + file.facts["tokens"]
    return totals


def _groups(documents: Manifest, source: str, unit_bytes: int) -> Iterator[list]:
    group: list = []
    for file in documents.files:
        if file.facts["source"] != source:
            continue
        if group and sum(f.bytes for f in group) + file.bytes > unit_bytes:
            yield group
            group = []
        group.append(file)
    if group:
        yield group


@functools.lru_cache(maxsize=1)
def _encoder(model: str, sha256: str) -> Encoder:
    """One loaded tokenizer a Python worker; the hash is part of what it is remembered by."""
    encoder = Encoder(model)
    if encoder.hash != sha256:
        raise DataError(f"{model} changed since its stage wrote it; build it again")
    return encoder
