"""The one YAML tree of a run: `load_run` reads and checks all of it before anything starts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus import storage
from corpus.annotate.heuristics import WITHOUT_SIZES
from corpus.annotate.ledger import AnnotateConfig
from corpus.c4.stage import C4RulesConfig
from corpus.config import build, load
from corpus.crawl import CrawlConfig
from corpus.cutoffs import BucketConfig
from corpus.decide import RuleConfig
from corpus.dedup.duplicates import DuplicatesConfig
from corpus.dedup.lines import LineDedupConfig
from corpus.dedup.overlap import OverlapConfig
from corpus.errors import ConfigError
from corpus.extract import InputConfig
from corpus.mixture import MixtureConfig, check_sources
from corpus.models import ModelsConfig
from corpus.spark import SparkConfig
from tokenizer.stages import ShardsConfig
from tokenizer.train import TokenizerConfig
from tokenizer.training_stages import MODEL_NAME
from train.config import TrainConfig

# What is done to a source, in the order of the flow; each is a stage `<step>/<source>`.
STEPS = (
    *("extracted", "line_hashes", "seen_lines", "deduped", "cleaned", "duplicates"),
    *("span_hashes", "seen_spans", "unrepeated", "overlaps", "ledger", "cutoffs", "decisions"),
)


@dataclass(frozen=True)
class SourceConfig:
    """One source from raw files to kept documents."""

    reader: str
    input: str | CrawlConfig
    options: dict[str, Any] = field(default_factory=dict)
    dedup_lines: LineDedupConfig = field(default_factory=LineDedupConfig)
    c4: C4RulesConfig = field(default_factory=C4RulesConfig)
    duplicates: DuplicatesConfig = field(default_factory=DuplicatesConfig)
    overlap: OverlapConfig = field(default_factory=OverlapConfig)
    annotate: AnnotateConfig = field(default_factory=AnnotateConfig)
    buckets: BucketConfig = field(default_factory=BucketConfig)
    rules: tuple[RuleConfig, ...] = ()

    def __post_init__(self) -> None:
        self.raw()  # checks the reader's name and its options
        if self.c4.preset == "none" and any(rule.column == "c4" for rule in self.rules):
            raise ConfigError("the rule on 'c4' needs 'c4: {preset: paper}' or '{preset: tfds}'")
        looks = self.duplicates.by != "none"
        if not looks and any(rule.column == "duplicate_of" for rule in self.rules):
            raise ConfigError(
                "the rule on 'duplicate_of' needs 'duplicates: {by: text}', '{by: url}' or "
                "'{by: c4_url}'"
            )
        for rule in self.rules:
            if rule.column in ("overlap", "overlap_with") and not self.overlap.enabled:
                raise ConfigError(f"the rule on '{rule.column}' needs 'overlap: {{enabled: true}}'")

    def raw(self) -> InputConfig:
        return InputConfig(self.reader, self.input, self.options)


@dataclass(frozen=True)
class CorpusConfig:
    """The sources by name, and the models that annotate them."""

    sources: dict[str, SourceConfig]
    models: ModelsConfig

    def __post_init__(self) -> None:
        if not self.sources:
            raise ConfigError("'sources' is empty; give at least one source")
        for name in self.sources:
            if not name.isidentifier():
                raise ConfigError(f"source name '{name}' must be letters, digits and _ alone")
        for name, source in self.sources.items():
            measured = self.models.references is not None and source.annotate.references
            if not measured and any(r.column == "reference_probability" for r in source.rules):
                raise ConfigError(
                    "the rule on 'reference_probability' needs a classifier: give "
                    "corpus.models.references, and leave "
                    f"corpus.sources.{name}.annotate.references true"
                )
            unmeasured = () if source.annotate.heuristics else WITHOUT_SIZES
            for rule in source.rules:
                if rule.column in unmeasured:
                    raise ConfigError(
                        f"the rule on '{rule.column}' needs the heuristics: leave "
                        f"corpus.sources.{name}.annotate.heuristics true"
                    )


@dataclass(frozen=True)
class RunConfig:
    """A whole run. `train` holds TrainConfig's keys; what the build decides need not be given."""

    output: str
    corpus: CorpusConfig
    seed: int = 0
    spark: SparkConfig = field(default_factory=SparkConfig)
    mixture: MixtureConfig = field(default_factory=MixtureConfig)
    tokenizer: TokenizerConfig | None = None  # none: the build ends with the documents
    shards: ShardsConfig = field(default_factory=ShardsConfig)
    train: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        check_sources(self.mixture, self.corpus.sources)
        if self.tokenizer is not None and not self.mixture.weights:
            raise ConfigError("a tokenizer needs mixture.weights, to know what to learn from")
        if self.train is not None:
            self.training()

    def training(self) -> TrainConfig:
        """The trainer's own config, with the places and weights of this run filled in."""
        if self.train is None:
            raise ConfigError("the config has no 'train' section; add one to train")
        if self.tokenizer is None:
            raise ConfigError("the config has no 'tokenizer' section, so no shards to train on")
        tree: dict[str, Any] = {
            "shards": storage.join(self.output, "shards"),
            "tokenizer": storage.join(self.output, "tokenizer", MODEL_NAME),
            "output": storage.join(self.output, "train"),
            "weights": self.mixture.shares(),
            "seed": self.seed,
            **self.train,
        }
        tree["model"] = {"vocab": self.tokenizer.vocab_size, **(self.train.get("model") or {})}
        return build(TrainConfig, tree, "train")


def load_run(path: str | Path, overrides: Iterable[str] = ()) -> RunConfig:
    """Reads a run's config; ConfigError names the first thing wrong with it."""
    return load(RunConfig, path, overrides)
