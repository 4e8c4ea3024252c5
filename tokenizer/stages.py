"""Stage 7: every document encoded, and written into the shards of its source and split."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from corpus.batches import read_batches, unit_name
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.mixture import is_valid
from corpus.output import Output, Unit
from corpus.stage import Stage
from tokenizer.encode import Encoder
from tokenizer.shard_writer import ShardWriter


@dataclass(frozen=True)
class ShardsConfig:
    """How large shards are; a unit's are even, and a document is never split over two."""

    shard_tokens: int = 64 << 20  # at most; a longer document has its own
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
        split: ShardWriter(unit.name, source, split, encoder, config.shard_tokens, output)
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
        writer.close()


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
