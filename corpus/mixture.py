"""The mixture: how much of each source, and which documents are held out to measure on.

Weights are shares of training tokens (LLaMA table 1). They are a choice of the training run, never
frozen into data; what is fixed here is the split, by a keyed hash of the document id. What a run of
so many tokens takes from each part of the mixture is `corpus.mixture_plan`.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from corpus import keyed, schema
from corpus.conditions import read_condition
from corpus.errors import ConfigError

# What a part's condition may ask for.
COLUMN_TYPES = {**{field.name: field.type for field in schema.LEDGER}, "bucket": pa.string()}


@dataclass(frozen=True)
class ComponentConfig:
    """One part of the mixture: its weight, or the tokens to take of it, and limits of its own.

    It takes `source` whole, the one of its name where none is given; or, of that or of all sources,
    the documents of which `where` holds, a condition on the ledger and `bucket`.
    """

    weight: float | None = None
    tokens: float | None = None
    source: str = ""
    where: str | None = None
    max_epochs: float | None = None  # instead of the mixture's
    bytes_per_token: float | None = None  # instead of the mixture's

    def __post_init__(self) -> None:
        if self.weight is None and self.tokens is None:
            raise ConfigError("give a 'weight' or 'tokens', one of the two")
        if self.weight is not None and self.tokens is not None:
            raise ConfigError(
                "'weight' and 'tokens' are both given, a part has one of the two; take one away "
                "(weight=null or tokens=null)"
            )
        for key in ("weight", "tokens", "max_epochs"):
            value = getattr(self, key)
            if value is not None and not 0 <= value < math.inf:
                raise ConfigError(f"{key}={value} must be a finite number, 0 or more")
        _check_bytes_per_token(self.bytes_per_token)
        if self.where is not None:
            if not self.where.strip():
                raise ConfigError("where is empty; leave it out to take every document")
            try:
                read_condition(self.where, COLUMN_TYPES)
            except ConfigError as error:
                raise ConfigError(f"where: {error}") from None


@dataclass(frozen=True)
class Component:
    """A part of the mixture as resolved: `tokens` of it, or what its weight gives."""

    name: str
    source: str  # empty: every source
    where: str  # empty: every document
    weight: float
    tokens: float | None
    max_epochs: float  # 0: no cap
    bytes_per_token: float


@dataclass(frozen=True)
class MixtureConfig:
    """Weights by source, and the share of each source's documents held out for validation.

    A weight is a number, or a group of a ComponentConfig's keys.
    """

    weights: dict[str, float | ComponentConfig] = field(default_factory=dict)
    valid_share: float = 0.01
    max_epochs: float = 0.0  # refuse a plan that repeats a source more often; 0: no cap
    tokens: float = 0.0  # the budget, for a plan where no training states one
    available: dict[str, float] = field(default_factory=dict)  # tokens, until a build has counted
    bytes_per_token: float = 4.0  # of documents that are not tokenized yet

    def __post_init__(self) -> None:
        if not 0 < self.valid_share < 0.5:
            raise ConfigError(f"valid_share={self.valid_share} must be above 0 and below 0.5")
        numbers = {"max_epochs": self.max_epochs, "tokens": self.tokens}
        numbers |= {
            f"weights.{name}": value
            for name, value in self.weights.items()
            if not isinstance(value, ComponentConfig)
        }
        numbers |= {f"available.{name}": value for name, value in self.available.items()}
        for key, value in numbers.items():
            if not 0 <= value < math.inf:
                raise ConfigError(f"{key}={value} must be a finite number, 0 or more")
        _check_bytes_per_token(self.bytes_per_token)
        self._check_budget()

    def components(self) -> list[Component]:
        """The parts of the mixture, in the config's order."""
        found = []
        for name, value in self.weights.items():
            own = value if isinstance(value, ComponentConfig) else ComponentConfig(weight=value)
            found.append(
                Component(
                    name=name,
                    source=own.source or ("" if own.where else name),
                    where=own.where or "",
                    weight=own.weight or 0.0,
                    tokens=own.tokens,
                    max_epochs=self.max_epochs if own.max_epochs is None else own.max_epochs,
                    bytes_per_token=own.bytes_per_token or self.bytes_per_token,
                )
            )
        return found

    def by_number(self) -> dict[str, float]:
        """Tokens by name, of the parts that ask for a number of them."""
        return {part.name: part.tokens for part in self.components() if part.tokens is not None}

    def budget(self) -> int:
        """Tokens to plan for; 0 where the config states none."""
        by_number = self.by_number()
        every = by_number and len(by_number) == len(self.weights)
        return round(self.tokens or (sum(by_number.values()) if every else 0))

    def shares(self) -> dict[str, float]:
        """What a training takes by name, in numbers that are relative to their sum.

        Tokens asked for by number come out of the budget first; weights share the rest.
        """
        by_number = self.by_number()
        weights = {part.name: part.weight for part in self.components() if part.tokens is None}
        if not by_number:
            return weights
        rest = self.budget() - sum(by_number.values())
        scale = rest / (sum(weights.values()) or 1)
        shares = {name: weight * scale for name, weight in weights.items()} | by_number
        return {name: shares[name] for name in self.weights}

    def _check_budget(self) -> None:
        fixed = sum(self.by_number().values())
        if not math.isfinite(fixed):
            raise ConfigError("the tokens asked for by number add up to more than 1.8e308")
        weighted = any(part.weight for part in self.components())
        if self.by_number() and weighted and self.tokens <= fixed:
            raise ConfigError(
                f"tokens={self.tokens:g} leave nothing for weights beside the {fixed:g} "
                "asked for by number; give a larger budget"
            )
        if self.by_number() and not weighted and self.budget() != round(fixed):
            raise ConfigError(
                f"tokens={self.tokens:g} are not the {fixed:g} that the parts ask for; "
                "give their sum, or one of them a weight instead"
            )
        if not math.isfinite(sum(part.weight for part in self.components())):
            raise ConfigError("weights add up to more than 1.8e308; give smaller ones")
        if self.weights and not weighted and not fixed:
            raise ConfigError("the weights add up to 0; give one source a weight above 0")


def is_valid(doc_ids: np.ndarray, seed: int, valid_share: float) -> np.ndarray:
    """Which documents [N] uint64 are held out; the same for any layout of the data."""
    return keyed.uniform(doc_ids, seed, "validation") < valid_share


def estimated_tokens(text_bytes: int, documents: int, bytes_per_token: float) -> int:
    """Tokens of text not yet tokenized: its bytes, and a begin and an end a document."""
    return round(text_bytes / bytes_per_token) + 2 * documents


def check_sources(config: MixtureConfig, sources: Collection[str]) -> None:
    """ConfigError for a part of a source that the corpus has not, or that never gets a document."""
    whole: dict[str, str] = {}
    for part in config.components():
        key = f"mixture.weights.{part.name}"
        if part.source and part.source not in sources:
            where = key if part.source == part.name else f"{key}.source={part.source}"
            raise ConfigError(f"{where}: no such source; there are {', '.join(sorted(sources))}")
        if not part.name.isidentifier():
            raise ConfigError(f"{key}: a name must be letters, digits and _ alone")
        if part.name in sources and part.source != part.name:
            raise ConfigError(
                f"{key} is named as a source and takes of {part.source or 'all'}; "
                f"give it another name, or 'source: {part.name}'"
            )
        if part.source in whole:
            raise ConfigError(
                f"{key} gets no document: mixture.weights.{whole[part.source]}, before it, takes "
                f"all of '{part.source}'; put it first"
            )
        if not part.source and whole.keys() >= set(sources):
            raise ConfigError(
                f"{key} gets no document: the parts before it take all of every source; put it "
                "first"
            )
        if part.source and not part.where:
            whole[part.source] = part.name


def _check_bytes_per_token(value: float | None) -> None:
    if value is not None and not 0 < value < math.inf:
        raise ConfigError(f"bytes_per_token={value} must be above 0; LLaMA's is about 4 of English")
