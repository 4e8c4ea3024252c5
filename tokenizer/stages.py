"""Stage 7: every document encoded, and written into the shards of its source and split."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from corpus.components import Choices, Part, part_batches
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest, OutputFile
from corpus.mixture import is_valid
from corpus.output import Output, Unit
from corpus.stage import Stage
from tokenizer.encode import Encoder
from tokenizer.fertility import count_fertility
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
    parts: Sequence[Part],
    chosen: Mapping[str, Choices],
    tokenizer: Manifest,
    config: ShardsConfig,
    valid_share: float,
    seed: int,
) -> Stage:
    """Shards of all documents but those of no part of the mixture; `chosen` tells the parts."""
    model = (tokenizer.path(tokenizer.files[0]), tokenizer.files[0].sha256)
    units = []
    for source in sorted({part.source for part in parts}):
        for group in _groups(parts, source, config.unit_bytes):
            payload = (group, model, config, valid_share, seed)
            inputs = tuple(sha for part in group for sha in part.inputs)
            units.append(Unit(group[0].unit, inputs, payload))
    return Stage(
        name="shards",
        config={
            "shards": config,
            "valid_share": valid_share,
            "seed": seed,
            "components": dict(chosen),
        },
        units=units,
        inputs={"tokenizer": tokenizer.files[0].sha256},
        modules=("tokenizer.stages",),
        work=write_shards,
    )


def write_shards(unit: Unit, output: Output) -> None:
    """Encodes a group of one source's documents into shards by part of the mixture and split."""
    group, model, config, valid_share, seed = unit.payload
    encoder = _encoder(*model)
    writers: dict[tuple[str, str], ShardWriter] = {}
    for part in group:
        for name, batch in part_batches(part, ["doc_id", "text", "language"]):
            held_out = is_valid(batch.column("doc_id").to_numpy(), seed, valid_share)
            for split, mask in (("train", ~held_out), ("valid", held_out)):
                if mask.any():
                    if (name, split) not in writers:
                        writers[name, split] = ShardWriter(
                            unit.name if name == part.source else f"{unit.name}-{name}",
                            name,
                            split,
                            encoder,
                            config.shard_tokens,
                            output,
                            part.source,
                        )
                    documents = batch.filter(pa.array(mask))
                    texts, languages = documents.column("text"), documents.column("language")
                    tokens, offsets = encoder.encode_batch(texts)
                    ids = documents.column("doc_id").to_numpy()
                    writers[name, split].add(ids, tokens, offsets)
                    output.counts.add("text_bytes", pc.sum(pc.binary_length(texts)).as_py() or 0)
                    count_fertility(output.counts, part.source, languages, texts, offsets)
    for key in sorted(writers):
        writers[key].close()


def corpus_source(shard: OutputFile) -> str:
    """The source of a shard's documents; its `source` fact is their part of the mixture."""
    return str(shard.facts.get("corpus_source", shard.facts["source"]))


def _groups(parts: Sequence[Part], source: str, unit_bytes: int) -> Iterator[list[Part]]:
    group: list[Part] = []
    for part in parts:
        if part.source != source:
            continue
        if group and sum(p.bytes for p in group) + part.bytes > unit_bytes:
            yield group
            group = []
        group.append(part)
    if group:
        yield group


@functools.lru_cache(maxsize=1)
def _encoder(model: str, sha256: str) -> Encoder:
    """One loaded tokenizer a Python worker; the hash is part of what it is remembered by."""
    encoder = Encoder(model)
    if encoder.hash != sha256:
        raise DataError(f"{model} changed since its stage wrote it; build it again")
    return encoder
