"""Mixture ablation: the same model, shards and steps under several mixtures of the sources.

Each mixture is a short training of its own; what is compared is bits per byte on every source's
held-out text, which unlike a loss per token means the same for every source.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from corpus import config as configs
from corpus import storage
from corpus.config_tree import merge, read_tree
from corpus.errors import ConfigError, DataError
from jobs import training
from jobs.config import RunConfig
from jobs.console import say
from jobs.report.ablation import write_plot
from train.config import TrainConfig


@dataclass(frozen=True)
class AblationConfig:
    """Which run's shards, which mixtures, and what of its training to change for all of them."""

    run: str  # a run's config; relative to this file
    output: str
    mixtures: dict[str, dict[str, float]]
    train: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.mixtures) < 2:
            raise ConfigError("an ablation compares two mixtures or more; add one to 'mixtures'")


def ablate(path: str, overrides: Sequence[str]) -> int:
    """Trains every mixture, prints bits per byte by source, plots it; 75 when interrupted."""
    ablation = configs.load(AblationConfig, path, overrides)
    trainings = plan(ablation, Path(path).parent)
    results = {}
    for name, config in trainings.items():
        say(f"[bold]{name}[/bold]  {_shares(ablation.mixtures[name])}")
        code = training.train_shards(config, fresh=True)
        if code:
            return code
        results[name] = _bits_per_byte(config)
    table = {
        "steps": next(iter(trainings.values())).schedule.steps,
        "mixtures": {
            name: {"weights": ablation.mixtures[name], "bits_per_byte": results[name]}
            for name in trainings
        },
    }
    content = json.dumps(table, indent=1).encode() + b"\n"
    storage.put_bytes(storage.join(ablation.output, "ablation.json"), content)
    _print(table)
    say(f"plot: {write_plot(ablation.output, table)}")
    return 0


def plan(ablation: AblationConfig, folder: Path) -> dict[str, TrainConfig]:
    """The training of every mixture; ConfigError where one weighs a source the run lacks."""
    tree = read_tree(folder / ablation.run)
    tree["train"] = merge(tree.get("train") or {}, ablation.train)
    base = configs.build(RunConfig, tree)
    trainings = {}
    for name, weights in ablation.mixtures.items():
        for source in weights:
            if source not in {*base.corpus.sources, *base.mixture.weights}:
                known = ", ".join(sorted({*base.corpus.sources, *base.mixture.weights}))
                raise ConfigError(f"mixtures.{name}.{source}: no such source; there are {known}")
        places = {"weights": weights, "output": f"{ablation.output}/{name}"}
        run = configs.build(RunConfig, {**tree, "train": {**tree["train"], **places}})
        trainings[name] = run.training()
        if not trainings[name].eval_sequences:
            raise ConfigError(
                "train.eval_sequences=0 evaluates nothing, by which mixtures are compared; give 1 "
                "or more"
            )
    return trainings


def _bits_per_byte(config: TrainConfig) -> dict[str, float]:
    place = f"{config.output}/evaluation.json"
    try:
        sources = json.loads(storage.read_bytes(place))["sources"]
        return {name: values["bits_per_byte"] for name, values in sorted(sources.items())}
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{place} is no evaluation; delete {config.output} and try again") from None


def _shares(weights: dict[str, float]) -> str:
    total = sum(weights.values())
    return ", ".join(f"{source} {weight / total:.0%}" for source, weight in weights.items())


def _print(table: dict[str, Any]) -> None:
    mixtures = table["mixtures"]
    sources = sorted({s for row in mixtures.values() for s in row["bits_per_byte"]})
    best = {s: min(row["bits_per_byte"][s] for row in mixtures.values()) for s in sources}
    shown = Table(title=f"bits per byte on held-out text after {table['steps']} steps")
    shown.add_column("mixture")
    shown.add_column("weights")
    for source in sources:
        shown.add_column(source, justify="right")
    for name, row in mixtures.items():
        cells = []
        for source in sources:
            value = row["bits_per_byte"][source]
            cells.append(f"[bold]{value:.3f}[/bold]" if value == best[source] else f"{value:.3f}")
        shown.add_row(name, _shares(row["weights"]), *cells)
    Console().print(shown)
