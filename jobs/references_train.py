"""`altiplano references train`: from pages to a classifier, its scores and its report."""

from collections.abc import Callable
from dataclasses import dataclass, field

import yaml

from corpus import manifest as manifests
from corpus import stage as stages
from corpus import storage
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.references import candidates, examples, model
from corpus.references.candidates import LABELLED_SUFFIXES, PagesConfig
from corpus.references.extract import CITED
from corpus.references.training import ClassifierConfig
from corpus.spark import Engine, SparkConfig
from corpus.stage import Stage, StageRun

_COLUMN = "reference_probability"
Notice = Callable[[Stage, StageRun | None], None]


@dataclass(frozen=True)
class ReferencesConfig:
    """Where the pages of both classes come from, and how the classifier learns.

    References: pages of the crawl whose URLs are in `cited`, all pages of `fetched`, and labelled
    ones. Random pages: the others of the crawl, and labelled ones.
    """

    output: str
    crawl: str | None = None  # a build's output
    source: str = "web"  # of the crawl
    cited: str | None = None  # the output of `references extract`
    fetched: str | None = None  # the output of a build of cited pages
    labelled: str | None = None  # JSONL: url, text, and label `reference` or `random`
    pages: PagesConfig = field(default_factory=PagesConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    spark: SparkConfig = field(default_factory=SparkConfig)

    def __post_init__(self) -> None:
        if not (self.labelled or (self.crawl and (self.cited or self.fetched))):
            raise ConfigError(
                "nothing to learn from: give 'crawl' with 'cited' or 'fetched', or 'labelled'"
            )
        if self.cited and not self.crawl:
            raise ConfigError("'cited' names URLs to look up in a crawl; give 'crawl' too")


def train(
    config: ReferencesConfig, engine: Engine | None = None, notice: Notice | None = None
) -> dict[str, Manifest]:
    """Brings the classifier up to date; every stage's manifest by name.

    DataError where an input is missing, or holds no page of a class.
    """
    first = _candidates(config)
    output = storage.absolute(config.output)
    storage.make_folder(output)
    made: dict[str, Manifest] = {}
    own = engine or Engine(config.spark)

    def bring(stage: Stage) -> Manifest:
        done = stages.run(stage, output, own)
        made[stage.name] = done.manifest
        if notice is not None:
            notice(stage, done)
        return done.manifest

    try:
        chosen = bring(examples.stage(bring(first), config.pages))
        trained = bring(model.model_stage(chosen, config.classifier))
        bring(model.scores_stage(trained, chosen))
    finally:
        if engine is None:
            own.close()
    return made


def _candidates(config: ReferencesConfig) -> Stage:
    crawl = None
    if config.crawl is not None:
        crawl = _documents(config.crawl)
        _refuse_filtered(config.crawl, config.source)
        if not any(file.facts["source"] == config.source for file in crawl.files):
            known = ", ".join(sorted({str(file.facts["source"]) for file in crawl.files}))
            raise DataError(
                f"{config.crawl} has no documents of source '{config.source}', only of {known} "
                "(source)"
            )
    cited = config.cited and manifests.read(storage.join(storage.absolute(config.cited), CITED))
    labelled = config.labelled and storage.absolute(config.labelled)
    return candidates.stage(
        crawl,
        config.source,
        cited or None,
        _documents(config.fetched) if config.fetched else None,
        storage.list_files(labelled, LABELLED_SUFFIXES) if labelled else [],
        config.pages,
    )


def _documents(run: str) -> Manifest:
    return manifests.read(storage.join(storage.absolute(run), "documents"))


def _refuse_filtered(run: str, source: str) -> None:
    """DataError for a crawl that a classifier has chosen: its random pages would not be random."""
    place = storage.join(storage.absolute(run), "config.yaml")
    tree = yaml.safe_load(storage.read_bytes(place)) if storage.exists(place) else {}
    rules = tree.get("corpus", {}).get("sources", {}).get(source, {}).get("rules") or []
    if any(rule.get("column") == _COLUMN for rule in rules):
        raise DataError(
            f"{run} was built with a rule on {_COLUMN}, so its pages are no random ones; build it "
            f"without the rule (corpus.sources.{source}.rules)"
        )
