"""The mixture: how much of each source, and which documents are held out to measure on.

Weights are shares of training tokens (LLaMA table 1). They are a choice of the training run, never
frozen into data; what is fixed here is the split, by a keyed hash of the document id, and the plan
that tells what a run of so many tokens will take from each source.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from corpus import keyed
from corpus.errors import ConfigError


@dataclass(frozen=True)
class MixtureConfig:
    """Weights by source, and the share of each source's documents held out for validation."""

    weights: dict[str, float] = field(default_factory=dict)
    valid_share: float = 0.01
    max_epochs: float = 0.0  # refuse a plan that repeats a source more often; 0: no cap

    def __post_init__(self) -> None:
        if not 0 < self.valid_share < 0.5:
            raise ConfigError(f"valid_share={self.valid_share} must be above 0 and below 0.5")
        for source, weight in self.weights.items():
            if not 0 <= weight < float("inf"):
                raise ConfigError(f"weights.{source}={weight} must be a finite number, 0 or more")
        if self.weights and sum(self.weights.values()) <= 0:
            raise ConfigError("the weights add up to 0; give one source a weight above 0")


@dataclass(frozen=True)
class SourcePlan:
    """One source's row of the plan, in tokens of the training split."""

    source: str
    share: float
    available: int
    asked: int

    @property
    def epochs(self) -> float:
        if not self.asked:
            return 0.0
        return self.asked / self.available if self.available else float("inf")


def is_valid(doc_ids: np.ndarray, seed: int, valid_share: float) -> np.ndarray:
    """Which documents [N] uint64 are held out; the same for any layout of the data."""
    return keyed.uniform(doc_ids, seed, "validation") < valid_share


def plan(
    available: Mapping[str, int], weights: Mapping[str, float], tokens: int, max_epochs: float = 0
) -> list[SourcePlan]:
    """What a run of `tokens` tokens takes from each source.

    ConfigError for a weight on a source that is not there or empty, or one that would repeat its
    source beyond `max_epochs`; the message names the weight to change.
    """
    total = sum(weights.values())
    rows = []
    for source, weight in sorted(weights.items()):
        if source not in available:
            known = ", ".join(sorted(available))
            raise ConfigError(f"weights.{source}: no such source; the shards hold {known}")
        row = SourcePlan(source, weight / total, available[source], round(tokens * weight / total))
        if row.asked and not row.available:
            raise ConfigError(f"weights.{source}={weight:g}: the source has no tokens; set it to 0")
        if max_epochs and row.epochs > max_epochs:
            most = max_epochs * row.available / tokens
            raise ConfigError(
                f"weights.{source}: share {row.share:.4f} asks for {row.epochs:.2f} epochs, over "
                f"max_epochs={max_epochs:g}; a share up to {most:.4f} fits"
            )
        rows.append(row)
    return rows
