"""What a run's folder says of itself, read from manifests and small files into plain dataclasses.

Everything but the config may be absent: a run that was stopped, or is not trained yet, has a report
of what there is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from corpus import manifest as manifests
from corpus import storage
from corpus.config import build
from corpus.decide import RuleConfig
from corpus.errors import ConfigError, DataError, ShardError
from corpus.manifest import Manifest
from jobs.config import STEPS, RunConfig
from train.data import Loader


@dataclass(frozen=True)
class SourceRun:
    """The stages of one source; None for one that is not finished or does not exist for it.

    Files of the same unit in two of them hold the same documents, row for row but for `deduped`,
    which lacks those of which no line was left. After a killed build the later ones may be of an
    earlier time and lack units.
    """

    name: str
    config: Mapping[str, Any]
    extracted: Manifest | None
    line_hashes: Manifest | None
    seen_lines: Manifest | None
    deduped: Manifest | None
    cleaned: Manifest | None
    duplicates: Manifest | None
    span_hashes: Manifest | None
    seen_spans: Manifest | None
    unrepeated: Manifest | None
    overlaps: Manifest | None
    ledger: Manifest | None
    cutoffs: Manifest | None
    decisions: Manifest | None

    @property
    def text(self) -> Manifest | None:
        """What the ledger was measured on."""
        if self.cleans:
            return self.unrepeated if _removes_repeats(self.config) else self.cleaned
        return self.deduped if self.dedups else self.extracted

    @property
    def cleans(self) -> bool:
        return _cleans(self.config)

    @property
    def dedups(self) -> bool:
        return _dedups(self.config)

    @property
    def copies_by(self) -> str:
        """What makes two documents copies: their text or their url."""
        return self.config["duplicates"]["by"]

    @property
    def rules(self) -> list[RuleConfig]:
        """The rules that decided, in order."""
        if self.decisions is None:
            return []
        return [build(RuleConfig, rule, "rules") for rule in self.decisions.config["rules"]]


@dataclass(frozen=True)
class StageSpeed:
    """What one stage took when it last did something."""

    stage: str
    seconds: float
    units: int
    units_run: int
    documents: int
    text_bytes: int


@dataclass(frozen=True)
class Taken:
    """What is asked of one part of the mixture, and what the training's last step left it with."""

    source: str
    share: float
    available: int
    asked: int
    asked_epochs: float
    max_epochs: float = 0.0  # its cap; 0: none
    obtained: int | None = None  # tokens; None before training
    obtained_epochs: float | None = None


@dataclass(frozen=True)
class Training:
    """metrics.jsonl's rows of steps and of events, the final evaluation by source, and a generated
    sample."""

    rows: list[dict[str, Any]]
    evaluation: dict[str, dict[str, float]]
    evaluated_step: int | None
    sample: str | None
    events: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """A run's folder, as far as it is finished."""

    folder: str
    config: dict[str, Any]
    sources: list[SourceRun]
    lm: Manifest | None
    documents: Manifest | None
    tokenizer: Manifest | None
    shards: Manifest | None
    speeds: list[StageSpeed]
    mixture: list[Taken]
    training: Training

    @property
    def manifests(self) -> list[Manifest]:
        """All manifests there are, in the order of the flow."""
        of_sources = [getattr(source, step) for source in self.sources for step in STEPS]
        every = [*of_sources, self.lm, self.documents, self.tokenizer, self.shards]
        return [manifest for manifest in every if manifest is not None]


def read_run(folder: str) -> Run:
    """Reads a run; DataError where the folder holds none."""
    config = _config(folder)
    sources = [_source(folder, name, tree) for name, tree in config["corpus"]["sources"].items()]
    training = _training(storage.join(folder, "train"))
    run = Run(
        folder=folder,
        config=config,
        sources=sources,
        lm=_find(folder, "lm"),
        documents=_find(folder, "documents"),
        tokenizer=_find(folder, "tokenizer"),
        shards=_find(folder, "shards"),
        speeds=_speeds(folder, list(config["corpus"]["sources"])),
        mixture=_mixture(folder, config, training),
        training=training,
    )
    if not run.manifests:
        raise DataError(f"{folder} holds a config but no finished stage; build it first")
    return run


def _config(folder: str) -> dict[str, Any]:
    place = storage.join(folder, "config.yaml")
    fix = "give the 'output' folder of a build"
    if not storage.exists(place):
        raise DataError(f"{folder} is no run: it has no config.yaml; {fix}")
    try:
        tree = yaml.safe_load(storage.read_bytes(place))
        sources = tree["corpus"]["sources"]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        sources = None
    if not isinstance(sources, dict) or not all(isinstance(s, dict) for s in sources.values()):
        raise DataError(f"{place} is not the config of a run; {fix}")
    return tree


def _dedups(config: Mapping[str, Any]) -> bool:
    return (config.get("dedup_lines") or {}).get("enabled", True)


def _cleans(config: Mapping[str, Any]) -> bool:
    return (config.get("c4") or {}).get("preset", "none") != "none"


def _removes_repeats(config: Mapping[str, Any]) -> bool:
    return _cleans(config) and config["c4"].get("dedup", False)  # false: of an earlier version


def _looks_for_copies(config: Mapping[str, Any]) -> bool:
    return (config.get("duplicates") or {}).get("by", "none") != "none"


def _overlaps(config: Mapping[str, Any]) -> bool:
    return (config.get("overlap") or {}).get("enabled", False)


def _source(folder: str, name: str, config: Mapping[str, Any]) -> SourceRun:
    asked = {  # a folder left from when a step was asked for is not of this run
        **dict.fromkeys(("line_hashes", "seen_lines", "deduped"), _dedups(config)),
        **dict.fromkeys(("span_hashes", "seen_spans", "unrepeated"), _removes_repeats(config)),
        "cleaned": _cleans(config),
        "duplicates": _looks_for_copies(config),
        "overlaps": _overlaps(config),
    }
    found = {s: _find(folder, f"{s}/{name}") if asked.get(s, True) else None for s in STEPS}
    return SourceRun(name=name, config=config, **found)


def _find(folder: str, stage: str) -> Manifest | None:
    return manifests.find(storage.join(folder, stage))


def _speeds(folder: str, sources: list[str]) -> list[StageSpeed]:
    metrics = storage.join(folder, "metrics")
    names = [name for name in storage.list_names(metrics) if name.endswith(".json")]
    trees = [json.loads(storage.read_bytes(storage.join(metrics, name))) for name in names]
    fields = StageSpeed.__dataclass_fields__
    speeds = [StageSpeed(**{name: tree[name] for name in fields}) for tree in trees]
    flow = [f"extracted/{source}" for source in sources] + ["lm"]
    for source in sources:
        flow += [f"{step}/{source}" for step in STEPS if step != "extracted"]
    flow += ["documents", "components", "sample", "tokenizer", "shards"]
    return sorted((s for s in speeds if s.stage in flow), key=lambda s: flow.index(s.stage))


def _training(folder: str) -> Training:
    rows: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    metrics = storage.join(folder, "metrics.jsonl")
    if storage.exists(metrics):
        lines = storage.read_bytes(metrics).decode().split("\n")[:-1]  # a cut line is none
        for row in map(json.loads, lines):
            (events if "event" in row else rows).append(row)
    evaluation: dict[str, Any] = {"step": None, "sources": {}}
    place = storage.join(folder, "evaluation.json")
    if storage.exists(place):
        evaluation = json.loads(storage.read_bytes(place))
    sample = storage.join(folder, "sample.txt")
    text = storage.read_bytes(sample).decode("utf-8", "replace") if storage.exists(sample) else None
    return Training(rows, evaluation["sources"], evaluation["step"], text, events)


def _mixture(folder: str, config: dict[str, Any], training: Training) -> list[Taken]:
    place = storage.join(folder, "mixture.json")
    if not storage.exists(place):
        return []
    obtained, epochs = _obtained(folder, config, training)
    return [
        Taken(
            source=row["source"],
            share=row["share"],
            available=row["available"],
            asked=row["asked"],
            asked_epochs=row["epochs"],
            max_epochs=row.get("max_epochs", 0.0),  # absent: of an earlier version
            obtained=obtained.get(row["source"]),
            obtained_epochs=epochs.get(row["source"]),
        )
        for row in json.loads(storage.read_bytes(place))["sources"]
    ]


def _obtained(
    folder: str, config: dict[str, Any], training: Training
) -> tuple[dict[str, int], dict[str, float]]:
    """Tokens and epochs by source at the last step: the loader's own account of its order."""
    if not training.rows:
        return {}, {}
    try:
        settings = build(RunConfig, config).training()
    except ConfigError:  # a run of an earlier version, whose keys have changed since
        return {}, {}
    manifest = storage.join(folder, "shards", manifests.MANIFEST_NAME)
    shape, schedule = settings.shape, settings.schedule
    try:
        loader = Loader(
            manifest, settings.weights, shape.seq_length, schedule.batch_sequences, settings.seed
        )
    except ShardError:  # its shards are gone, or made anew without the training
        return {}, {}
    step = training.rows[-1]["step"]
    return loader.realised(step), loader.epochs(step)
