"""Stage 3: everything measured on a text, in one fused pass, into the ledger.

Also the language model that perplexity needs, where the run trains its own from a reference text
held out of the corpus (CCNet section 3.3 takes Wikipedia).
"""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from corpus import schema, storage
from corpus.annotate.ledger import AnnotateConfig, Annotator
from corpus.batches import read_batches, unit_name
from corpus.errors import DataError
from corpus.lm import LmConfig, tools, train_lm
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.stage import Stage

REFERENCE_SUFFIXES = (".jsonl", ".txt")


@dataclass(frozen=True)
class ModelsConfig:
    """Where the models are; without `lm` the run trains its own from `reference`."""

    lid: str
    lm: str | None = None  # a folder of <language>.sp.model and <language>.arpa.bin
    reference: str | None = None  # text files, or JSONL with a `text` a line
    lm_training: LmConfig = field(default_factory=LmConfig)
    kenlm_tools: str = ".altiplano/kenlm/bin"  # where lmplz and build_binary are


@dataclass(frozen=True)
class ModelFiles:
    """The models a run annotates with, and their fingerprints."""

    lid: str
    lm: str | None
    fingerprints: tuple[tuple[str, str], ...]


def require_models(config: ModelsConfig, perplexity: bool) -> None:
    """DataError, before any work is done, for a model, tool or reference that is not there."""
    if not storage.exists(config.lid):
        raise DataError(
            f"no language-ID model at {config.lid} (corpus.models.lid); "
            "get it by `altiplano models fetch lid`"
        )
    if perplexity and config.lm is not None:
        storage.list_files(config.lm, (".sp.model", ".arpa.bin"))
    elif perplexity and config.reference is not None:
        storage.list_files(config.reference, REFERENCE_SUFFIXES)
        tools(Path(config.kenlm_tools))


def lm_stage(config: ModelsConfig) -> Stage:
    """Trains the language model in the driver: SentencePiece, then the real lmplz."""
    assert config.reference is not None
    files = storage.list_files(config.reference, REFERENCE_SUFFIXES)
    inputs = tuple(storage.fingerprint(file.uri) for file in files)
    payload = (tuple(file.uri for file in files), config.lm_training, config.kenlm_tools)
    return Stage(
        name="lm",
        config=config.lm_training,
        units=[Unit("lm", inputs, payload)],
        modules=("corpus.annotate.stages", "corpus.lm"),
        work=train_model,
        in_driver=True,
    )


def train_model(unit: Unit, output: Output) -> None:
    uris, config, tools_folder = unit.payload
    folder = output.scratch / "model"
    folder.mkdir()
    train_lm(_reference_texts(uris, output), config, Path(tools_folder), folder)
    for path in sorted(folder.iterdir()):
        name, _, suffix = path.name.partition(".")
        output.put(path, name, suffix, rows=0, exact_name=True)


def model_files(config: ModelsConfig, trained: Manifest | None) -> ModelFiles:
    """The models that annotators load and their fingerprints; they were seen to be there."""
    found = {"lid": storage.fingerprint(config.lid)}
    folder = trained.folder if trained else config.lm
    if trained:
        found["lm"] = trained.digest
    elif folder:
        for file in storage.list_files(folder, (".sp.model", ".arpa.bin")):
            found[file.name] = storage.fingerprint(file.uri)
    return ModelFiles(config.lid, folder, tuple(sorted(found.items())))


def ledger_stage(source: str, text: Manifest, models: ModelFiles, config: AnnotateConfig) -> Stage:
    used = models if config.perplexity else ModelFiles(models.lid, None, models.fingerprints)
    units = [
        Unit(unit_name(file), (file.sha256,), (text.path(file), used, config))
        for file in text.files
    ]
    return Stage(
        name=f"ledger/{source}",
        config=config,
        units=units,
        inputs=dict(models.fingerprints),
        modules=("corpus.annotate.stages",),
        work=annotate_shard,
    )


def annotate_shard(unit: Unit, output: Output) -> None:
    """Writes one ledger row a document of a shard."""
    path, models, config = unit.payload
    annotator = _annotator(models, config)
    output.write_table(_annotated(annotator, path, output), schema.LEDGER)


def _annotated(annotator: Annotator, path: str, output: Output) -> Iterator[pa.RecordBatch]:
    for batch in read_batches(path):
        output.counts.add("documents", batch.num_rows)
        yield annotator.annotate(batch)


@functools.lru_cache(maxsize=2)
def _annotator(models: ModelFiles, config: AnnotateConfig) -> Annotator:
    """One loaded set of models a Python worker, whatever the number of its tasks."""
    return Annotator(models.lid, models.lm, config)


def _reference_texts(uris: tuple[str, ...], output: Output) -> Iterator[str]:
    for uri in uris:
        content = storage.read_bytes(uri).decode("utf-8", "replace")
        if uri.endswith(".txt"):
            documents = [content]
        else:
            documents = [json.loads(line)["text"] for line in content.splitlines() if line]
        for text in documents:
            output.counts.add("reference_documents")
            output.counts.add("reference_bytes", len(text.encode("utf-8", "replace")))
            yield text
