"""The build: every stage in the order of the flow, each brought up to date and no more."""

import fcntl
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from corpus import cutoffs, decide, documents, extract, mixture, storage
from corpus.annotate import stages as annotate
from corpus.config import to_tree
from corpus.dedup import stages as dedup
from corpus.errors import DataError
from corpus.manifest import Manifest
from corpus.spark import Engine
from corpus.stage import Stage, StageRun, run
from jobs.config import RunConfig, SourceConfig
from tokenizer import stages as tokens

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Notice = Callable[[Stage, StageRun | None], None]


@dataclass
class Build:
    """One run of the build: what every stage wrote, by the stage's name."""

    config: RunConfig
    engine: Engine
    notice: Notice
    manifests: dict[str, Manifest] = field(default_factory=dict)

    def bring(self, stage: Stage) -> Manifest:
        self.notice(stage, None)
        done = run(stage, self.config.output, self.engine)
        self.manifests[stage.name] = done.manifest
        if done.units_run:
            _write_metrics(self.config.output, done)
        self.notice(stage, done)
        return done.manifest


def build(
    config: RunConfig, spark_session: "SparkSession | None" = None, notice: Notice | None = None
) -> dict[str, Manifest]:
    """Builds the corpus, and the shards where the config has a tokenizer.

    Returns every stage's manifest by name. Errors are those of corpus.errors; whatever was
    finished before one stays finished.
    """
    storage.make_folder(config.output)
    engine = Engine(config.spark, spark_session)
    with _alone(config.output):
        resolved = yaml.safe_dump(to_tree(config), sort_keys=False, allow_unicode=True)
        storage.put_bytes(storage.join(config.output, "config.yaml"), resolved.encode())
        try:
            work = Build(config, engine, notice or (lambda stage, done: None))
            _corpus(work)
            if config.tokenizer is not None:
                _shards(work)
        finally:
            engine.close()
        storage.remove_partials(config.output)
        storage.remove_partials(storage.join(config.output, "metrics"))
    return work.manifests


def _corpus(work: Build) -> Manifest:
    config = work.config.corpus
    sources = dict(sorted(config.sources.items()))  # not in the order the file happens to have
    needs_lm = any(source.annotate.perplexity for source in sources.values())
    annotate.require_models(config.models, needs_lm)
    stages = {name: extract.stage(name, source.raw()) for name, source in sources.items()}
    extracted = {}
    for name, source in sources.items():
        extracted[name] = work.bring(stages[name])
        extract.require_documents(extracted[name], source.raw())
    trains_lm = config.models.lm is None and config.models.reference is not None
    trained = work.bring(annotate.lm_stage(config.models)) if trains_lm and needs_lm else None
    models = annotate.model_files(config.models, trained)
    tables = {
        name: _source(work, name, source, extracted[name], models)
        for name, source in sources.items()
    }
    return work.bring(documents.stage(tables))


def _source(
    work: Build, name: str, source: SourceConfig, text: Manifest, models: annotate.ModelFiles
) -> documents.SourceTables:
    if source.dedup_lines.enabled:
        hashes = work.bring(dedup.hashes_stage(name, text))
        seen = work.bring(dedup.seen_stage(name, hashes, source.dedup_lines))
        text = work.bring(dedup.deduped_stage(name, text, seen))
    ledger = work.bring(annotate.ledger_stage(name, text, models, source.annotate))
    limits = None
    if source.annotate.perplexity:
        limits = work.bring(cutoffs.stage(name, ledger, source.buckets))
    decisions = work.bring(decide.stage(name, ledger, limits, source.rules))
    return documents.SourceTables(text, ledger, decisions)


def _shards(work: Build) -> None:
    config = work.config
    assert config.tokenizer is not None
    kept = work.manifests["documents"]
    weights, valid_share = config.mixture.weights, config.mixture.valid_share
    model = work.bring(
        tokens.tokenizer_stage(kept, weights, config.tokenizer, valid_share, config.seed)
    )
    shards = work.bring(tokens.shards_stage(kept, model, config.shards, valid_share, config.seed))
    if config.train is not None:
        _plan(config, shards)


def _plan(config: RunConfig, shards: Manifest) -> None:
    """Writes what the configured training will take of each source, refusing what a cap forbids."""
    training = config.training()
    schedule = training.schedule
    wanted = schedule.steps * schedule.batch_sequences * training.shape.seq_length
    rows = mixture.plan(
        tokens.split_tokens(shards, "train"),
        config.mixture.weights,
        wanted,
        config.mixture.max_epochs,
    )
    tree = [{**to_tree(row), "epochs": round(row.epochs, 4)} for row in rows]
    content = json.dumps({"tokens": wanted, "sources": tree}, indent=1).encode() + b"\n"
    storage.put_bytes(storage.join(config.output, "mixture.json"), content)


def _write_metrics(root: str, done: StageRun) -> None:
    """What a stage took; apart from its manifest, which holds nothing that differs between runs."""
    folder = storage.join(root, "metrics")
    storage.make_folder(folder)
    totals = done.manifest.counts.totals
    tree = {
        "stage": done.manifest.stage,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "seconds": round(done.seconds, 3),
        "units": done.units,
        "units_run": done.units_run,
        "documents": totals.get("documents", 0),
        "text_bytes": totals.get("text_bytes", 0),
    }
    name = done.manifest.stage.replace("/", ".") + ".json"
    storage.put_bytes(storage.join(folder, name), json.dumps(tree, indent=1).encode() + b"\n")


@contextmanager
def _alone(output: str) -> Iterator[None]:
    """Holds a local output folder for one build; DataError where another build is at it."""
    if "://" in output:
        yield
        return
    with (Path(output) / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DataError(
                f"another build is writing to {output}; wait for it or choose another 'output'"
            ) from None
        yield
