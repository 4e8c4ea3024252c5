"""Stage 6, in two steps: sample the mixture in Spark tasks, then train the tokenizer on the sample.

Each task keeps of its file the documents that the sample of the whole may hold, the driver joins
what they kept. The model is the same for any number of files, tasks and executors.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema, storage
from corpus.batches import read_batches
from corpus.components import Part, part_batches
from corpus.counts import counted_texts
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.mixture import is_valid
from corpus.output import Output, Unit
from corpus.stage import Stage
from tokenizer.encode import Encoder
from tokenizer.sample import Sample
from tokenizer.train import TokenizerConfig, train

SAMPLE = "sample"  # the stage's name
MODEL_NAME = "tokenizer.model"
_SPARE = 2.0  # times the hashes that a sample should need, so that it very seldom falls short


@dataclass(frozen=True)
class SampleConfig:
    """Bytes of text wanted of each part of the mixture, and the hash under which to look.

    `below` is 1 where it is not known how much there is.
    """

    wanted: Mapping[str, int]
    below: Mapping[str, float]
    valid_share: float
    seed: int

    def samples(self) -> dict[str, Sample]:
        return {
            name: Sample(wanted, self.seed, self.below[name])
            for name, wanted in sorted(self.wanted.items())
        }

    def falls_short(self, sampled: Manifest) -> bool:
        """Whether `below` kept documents out that the sample needs."""
        held = _held(sampled, self.wanted)
        return any(self.below[name] < 1 and held[name] < size for name, size in self.wanted.items())


def short_of_wanted(sampled: Manifest) -> list[tuple[str, int, int]]:
    """(part of the mixture, bytes wanted, bytes found) of those that a finished sample lacks."""
    wanted = sampled.config["wanted"]
    held = _held(sampled, wanted)
    return [(name, wanted[name], size) for name, size in held.items() if size < wanted[name]]


def _held(sampled: Manifest, wanted: Iterable[str]) -> dict[str, int]:
    held = dict.fromkeys(wanted, 0)
    for file in sampled.files:
        for name, size in file.facts["text_bytes"].items():
            held[name] += size
    return held


def sample_config(
    parts: Sequence[Part],
    weights: Mapping[str, float],
    config: TokenizerConfig,
    valid_share: float,
    seed: int,
    bounded: bool = True,
) -> SampleConfig:
    """What to sample: `config.sample_bytes` by weight.

    `bounded`, a task looks only at the hashes that the sample should need, by the size of the
    whole; else a corpus of thousands of files would be written again nearly whole.
    """
    total = sum(weights.values())
    wanted = {name: int(config.sample_bytes * w / total) for name, w in weights.items()}
    wanted = {name: size for name, size in wanted.items() if size}
    held = dict.fromkeys(wanted, 0)
    for part in parts:
        for name in held.keys() & part.text_bytes.keys():
            held[name] += part.text_bytes[name]
    below = {
        name: min(1.0, _SPARE * size / (held[name] or 1)) if bounded else 1.0
        for name, size in wanted.items()
    }
    return SampleConfig(wanted, below, valid_share, seed)


def sample_stage(parts: Sequence[Part], config: SampleConfig) -> Stage:
    return Stage(
        name=SAMPLE,
        config=config,
        units=[
            Unit(part.unit, part.inputs, (part, config))
            for part in parts
            if config.wanted.keys() & part.documents.keys()
        ],
        modules=("tokenizer.training_stages",),
        work=sample_shard,
    )


def sample_shard(unit: Unit, output: Output) -> None:
    """Writes what the sample may need of one file's training documents."""
    part, config = unit.payload
    samples = config.samples()
    for name, batch in part_batches(part, ["doc_id", "text"]):
        if name in samples:
            ids = batch.column("doc_id").to_numpy()
            training = ~is_valid(ids, config.seed, config.valid_share)
            samples[name].add(ids[training], batch.column("text").filter(pa.array(training)))
    rows = [(doc_id, name, text) for name in samples for doc_id, text in samples[name].documents()]
    columns = zip(*rows, strict=True) if rows else ([], [], [])
    batch = pa.record_batch(
        [pa.array(c, f.type) for c, f in zip(columns, schema.SAMPLE, strict=True)], schema.SAMPLE
    )
    sizes = {name: sample.bytes for name, sample in samples.items() if sample.bytes}
    output.counts.add("documents", len(rows))
    output.counts.add("text_bytes", sum(sizes.values()))
    output.write_table([batch], schema.SAMPLE, facts={"text_bytes": sizes})


def tokenizer_stage(sampled: Manifest, sample: SampleConfig, config: TokenizerConfig) -> Stage:
    """Trains in the driver, on about `config.sample_bytes` of training documents by weight."""
    inputs = tuple(file.sha256 for file in sampled.files)
    payload = ([sampled.path(file) for file in sampled.files], sample, config)
    return Stage(
        name="tokenizer",
        config={"tokenizer": config, "sample": sample},
        units=[Unit("tokenizer", inputs, payload)],
        modules=("tokenizer.training_stages",),
        work=train_tokenizer,
        in_driver=True,
    )


def given_stage(config: TokenizerConfig | None) -> Stage | None:
    """Takes `config.model` for the run's tokenizer and trains none; None where it is not given.

    Raises DataError where it is not there or no SentencePiece model, ConfigError where it has not
    `config.vocab_size` pieces.
    """
    if config is None or config.model is None:
        return None
    try:
        encoder = Encoder(config.model)
    except (OSError, ValueError) as error:  # a folder, a name that cannot be one
        raise DataError(
            f"{config.model!a} cannot be read ({error}); give a SentencePiece model's file "
            "(tokenizer.model)"
        ) from None
    if encoder.vocab_size != config.vocab_size:
        raise ConfigError(
            f"{config.model} has {encoder.vocab_size} pieces, vocab_size={config.vocab_size}; "
            f"give tokenizer.vocab_size: {encoder.vocab_size}"
        )
    return Stage(
        name="tokenizer",
        config={"vocab_size": config.vocab_size},
        units=[Unit("tokenizer", (encoder.hash,), config.model)],
        modules=("tokenizer.training_stages",),
        work=take_tokenizer,
        in_driver=True,
    )


def take_tokenizer(unit: Unit, output: Output) -> None:
    content = storage.read_bytes(unit.payload)
    if hashlib.sha256(content).hexdigest() not in unit.inputs:
        raise DataError(f"{unit.payload} was changed while the corpus was built; build again")
    model = output.scratch / MODEL_NAME
    model.write_bytes(content)
    output.put(model, "tokenizer", "model", rows=0, exact_name=True)


def train_tokenizer(unit: Unit, output: Output) -> None:
    paths, config, tokenizer = unit.payload
    samples = config.samples()
    for path in paths:
        for batch in read_batches(path):
            ids, names = batch.column("doc_id").to_numpy(), batch.column("component")
            for name in pc.unique(names).to_pylist():
                rows = np.asarray(pc.equal(names, name).to_numpy(zero_copy_only=False))
                samples[name].add(ids[rows], batch.column("text").filter(pa.array(rows)))
    texts = [text for sample in samples.values() for _, text in sample.documents()]
    if not texts:
        raise DataError(
            "the sample has no document to train a tokenizer on: none was kept, or "
            "tokenizer.sample_bytes is less than one; raise it, or keep more"
        )
    model = output.scratch / MODEL_NAME
    train(counted_texts(texts, output.counts, "sample"), tokenizer, str(model))
    output.put(model, "tokenizer", "model", rows=0, exact_name=True)
