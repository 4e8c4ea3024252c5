"""The build: every stage in the order of the flow, each brought up to date and no more."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from corpus import components, cutoffs, decide, documents, extract, models, reference, storage
from corpus import manifest as manifests
from corpus.alone import Use, alone
from corpus.annotate import stages as annotate
from corpus.c4 import repeats_stage
from corpus.c4 import stage as c4
from corpus.config import to_tree
from corpus.dedup import duplicates_stage, overlap_stage
from corpus.dedup import stages as dedup
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.spark import Engine
from corpus.stage import Stage, StageRun, forget, run
from jobs import checks, mix_plan
from jobs.config import RunConfig, SourceConfig
from jobs.console import say
from tokenizer import stages as tokens
from tokenizer import training_stages
from tokenizer.train import TokenizerConfig

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Notice = Callable[[Stage, StageRun | None], None]

_BUILDING = Use(".lock", "build", "writing to", "'output'", DataError)


@dataclass
class Build:
    """One run of the build: what every stage wrote, by the stage's name."""

    config: RunConfig
    engine: Engine
    notice: Notice
    redo: Sequence[str]
    manifests: dict[str, Manifest] = field(default_factory=dict)

    def bring(self, stage: Stage) -> Manifest:
        self.notice(stage, None)
        if stage.name in self.redo:
            forget(self.config.output, stage.name)
        done = run(stage, self.config.output, self.engine)
        self.manifests[stage.name] = done.manifest
        if done.units_run:
            _write_metrics(self.config.output, done)
        self.notice(stage, done)
        return done.manifest


def build(
    config: RunConfig,
    spark_session: "SparkSession | None" = None,
    notice: Notice | None = None,
    redo: Sequence[str] = (),
    shards: bool = True,
) -> dict[str, Manifest]:
    """Builds the corpus, and where the config has a tokenizer that and the shards.

    Returns every stage's manifest by name; `redo` names stages to do again whatever is there.
    Without `shards` the tokenizer is the last.
    Errors are those of corpus.errors; whatever was finished before one stays finished.
    """
    config = _absolute(config)
    engine = Engine(config.spark, spark_session)
    with _alone(config.output):
        storage.make_folder(config.output)
        work = Build(config, engine, notice or (lambda stage, done: None), redo)
        try:
            given = training_stages.given_stage(config.tokenizer)
            tables = _corpus(work)
            if config.tokenizer is not None:
                parts = _parts(work, tables)
                model = work.bring(given) if given else _tokenizer(work, parts, config.tokenizer)
                if shards:
                    _shards(work, parts, model)
        except BaseException:
            engine.close(keep_log=True)
            raise
        engine.close()
        storage.remove_partials(config.output)
        storage.remove_partials(storage.join(config.output, "metrics"))
    return work.manifests


def _corpus(work: Build) -> dict[str, documents.SourceTables]:
    config = work.config.corpus
    sources = dict(sorted(config.sources.items()))  # not in the order the file happens to have
    needs_lm = any(source.annotate.perplexity for source in sources.values())
    models.require_models(config.models, needs_lm)
    checks.require_classifiers(config)
    checks.require_language_models(config)
    checks.require_lists(sources)
    checks.require_known(work.redo, config)
    stages = {name: _extraction(name, source) for name, source in sources.items()}
    resolved = yaml.safe_dump(to_tree(work.config), sort_keys=False, allow_unicode=True)
    storage.put_bytes(storage.join(work.config.output, "config.yaml"), resolved.encode())
    extracted = {}
    for name, source in sources.items():
        extracted[name] = work.bring(stages[name])
        extract.require_documents(extracted[name], source.raw())
    trains_lm = needs_lm and config.models.trains_lm
    trained = work.bring(reference.stage(config.models)) if trains_lm else None
    files = models.model_files(config.models, trained)
    tables = {
        name: _source(work, name, source, extracted[name], files)
        for name, source in sources.items()
    }
    work.bring(documents.stage(tables))
    checks.require_kept(work.config, tables)
    return tables


def _extraction(name: str, source: SourceConfig) -> Stage:
    try:
        return extract.stage(name, source.raw())
    except DataError as error:
        raise DataError(f"{error} (corpus.sources.{name}.input)") from None
    except ConfigError as error:
        raise ConfigError(f"{error} (corpus.sources.{name})") from None


def _source(
    work: Build, name: str, source: SourceConfig, text: Manifest, files: models.ModelFiles
) -> documents.SourceTables:
    if source.dedup_lines.enabled:
        hashes = work.bring(dedup.hashes_stage(name, text, source.dedup_lines))
        seen = work.bring(dedup.seen_stage(name, hashes, source.dedup_lines))
        text = work.bring(dedup.deduped_stage(name, text, seen, source.dedup_lines))
    if source.c4.preset != "none":
        text = work.bring(c4.stage(name, text, source.c4))
    beside = []
    copies = None
    if source.duplicates.by != "none":
        copies = work.bring(duplicates_stage.stage(name, text, source.duplicates))
        beside.append(copies)
    if source.c4.removes_repeats:
        spans = work.bring(repeats_stage.hashes_stage(name, text, copies, source.c4.preset))
        again = work.bring(repeats_stage.seen_spans_stage(name, spans))
        text = work.bring(
            repeats_stage.unrepeated_stage(name, text, copies, again, source.c4.preset)
        )
    if source.overlap.enabled:
        beside.append(work.bring(overlap_stage.stage(name, text, source.overlap)))
    ledger = work.bring(annotate.ledger_stage(name, text, files, source.annotate, beside))
    limits = None
    if source.annotate.perplexity:
        limits = work.bring(cutoffs.stage(name, ledger, source.buckets))
    decisions = work.bring(decide.stage(name, ledger, limits, source.rules))
    return documents.SourceTables(text, ledger, decisions)


def _parts(work: Build, tables: Mapping[str, documents.SourceTables]) -> list[components.Part]:
    """The kept documents by part of the mixture, which conditions on the ledger may tell."""
    mixture = work.config.mixture.components()
    chosen = components.conditional(mixture, list(tables))
    stage = components.stage(tables, chosen)
    named = None
    if stage.units:
        named = work.bring(stage)
        components.require_documents(named, mixture, chosen)
    return components.parts(work.manifests["documents"], named, chosen)


def _tokenizer(work: Build, parts: Sequence[components.Part], config: TokenizerConfig) -> Manifest:
    mixture = work.config.mixture
    bounded, whole = (
        training_stages.sample_config(
            parts, mixture.shares(), config, mixture.valid_share, work.config.seed, is_bounded
        )
        for is_bounded in (True, False)
    )
    # Where the bound was found too tight before, it would be again.
    known = manifests.find(storage.join(work.config.output, training_stages.SAMPLE))
    wanted = whole if known and known.config == to_tree(whole) else bounded
    sampled = work.bring(training_stages.sample_stage(parts, wanted))
    if wanted.falls_short(sampled):
        wanted = whole
        sampled = work.bring(training_stages.sample_stage(parts, whole))
    return work.bring(training_stages.tokenizer_stage(sampled, wanted, config))


def _shards(work: Build, parts: Sequence[components.Part], model: Manifest) -> None:
    config = work.config
    for line in mix_plan.short_of_validation(config, mix_plan.of_parts(config, parts)):
        say(line)
    chosen = components.conditional(config.mixture.components(), list(config.corpus.sources))
    held_out = config.mixture.valid_share
    stage = tokens.shards_stage(parts, chosen, model, config.shards, held_out, config.seed)
    mix_plan.write_plan(config, work.bring(stage))


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


def _absolute(config: RunConfig) -> RunConfig:
    """The same config with places that mean the same in a worker elsewhere as here."""

    def place(location: Any) -> Any:
        return storage.absolute(location) if isinstance(location, str) else location

    sources = {
        name: replace(
            source,
            input=place(source.input),
            buckets=replace(source.buckets, table=place(source.buckets.table)),
            c4=replace(source.c4, bad_words=place(source.c4.bad_words)),
        )
        for name, source in config.corpus.sources.items()
    }
    found = config.corpus.models
    found = replace(
        found,
        lid=storage.absolute(found.lid),
        lm=place(found.lm),
        reference=place(found.reference),
        references=place(found.references),
        kenlm_tools=storage.absolute(found.kenlm_tools),
    )
    corpus = replace(config.corpus, sources=sources, models=found)
    tokenizer = config.tokenizer and replace(config.tokenizer, model=place(config.tokenizer.model))
    output = storage.absolute(config.output)
    return replace(config, output=output, corpus=corpus, tokenizer=tokenizer)


def _alone(output: str) -> AbstractContextManager[None]:
    """Holds a local output folder, a file:// URI's too; DataError where another build is at it.

    On an object store nothing holds the folder: there, one build at a time is the caller's care.
    """
    folder = storage.on_disk(output)
    return nullcontext() if folder is None else alone(folder, _BUILDING)
