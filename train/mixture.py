"""Which source each training sample comes from, also where weights change in the course of a run.

A run's weights are those of one mixture or of a list of them, each from a step on. Within such a
segment the blocks of order.interleave repeat, begun at its first sample. A source's samples are
numbered through over all segments, so what is consumed stays consumed and epochs are exact
whatever the weights do; and what a segment gives depends on no later one.
"""

import itertools
import math
import numbers
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from corpus.errors import ConfigError
from corpus.kernels.sample_order import interleaved
from corpus.mixture_plan import MIN_SHARE
from train.order import interleave, shares_of, taken


@dataclass(frozen=True)
class WeightsFrom:
    """Shares of samples by source, in any positive scale, from a step (counted from 0) on."""

    from_step: int
    weights: dict[str, float]  # 0 leaves a source out


_STEPS = 1 << 40  # times any batch they are below 2**63 samples
_SHOWN = 60  # characters of a value

Weights = dict[str, float] | tuple[WeightsFrom, ...]


def segments(weights: Weights) -> tuple[WeightsFrom, ...]:
    """The segments in order of steps; ConfigError where they cannot be used."""
    found = _segments(weights)
    steps = [segment.from_step for segment in found]
    for step in steps:
        if not isinstance(step, int) or isinstance(step, bool) or step >= _STEPS:
            raise ConfigError(
                f"from_step={shown(step)} must be a whole number below {_STEPS} (train.weights)"
            )
    if steps[:1] != [0] or any(a >= b for a, b in itertools.pairwise(steps)):
        raise ConfigError(
            f"from_step={', '.join(map(str, steps)) or 'none'} must begin with 0 and rise "
            "(train.weights)"
        )
    for segment in found:
        for name, weight in segment.weights.items():
            if not _is_weight(weight):
                raise ConfigError(
                    f"weight {shown(weight)} of source '{name}' must be a finite number from 0 up "
                    "(train.weights)"
                )
        total = sum(map(float, segment.weights.values()))
        if not math.isfinite(total):  # a plan of it would be all zeros
            raise ConfigError(
                "weights add up to more than 1.8e308; give smaller ones (train.weights)"
            )
        if not sum(segment.weights.values()):
            raise ConfigError(
                f"from step {segment.from_step} on no source has a weight above 0; give each "
                "source of the shards one (train.weights)"
            )
        for name, share in shares_of(segment.weights).items():
            if 0 < share < MIN_SHARE:
                raise ConfigError(
                    f"weight {segment.weights[name]} of source '{name}' is a share of "
                    f"{float(share):.2g}, below {MIN_SHARE}; raise it or set it to 0 "
                    "(train.weights)"
                )
    return found


def whole(name: str, value: Any) -> int:
    """An argument that is a whole number, as an int; ConfigError for another, a bool included."""
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise ConfigError(f"{name}={shown(value)} must be a whole number")


def shown(value: Any) -> str:
    """A value as an error names it: its repr on one line, cut short where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def named(weights: Weights) -> list[str]:
    """Every source that is weighed at some step, weight 0 included, by name."""
    return sorted({name for segment in segments(weights) for name in segment.weights})


def mean_weights(weights: Weights, steps: int) -> dict[str, float]:
    """The weight of each named source in all samples of a run of so many steps, 1 or more."""
    if steps < 1:
        raise ConfigError(f"steps={steps} must be 1 or more (train.steps)")
    if isinstance(weights, dict):
        return weights
    found = [segment for segment in segments(weights) if segment.from_step < steps]
    ends = [segment.from_step for segment in found[1:]] + [steps]
    means = dict.fromkeys(named(weights), Fraction(0))
    for segment, end in zip(found, ends, strict=True):
        for name, share in shares_of(segment.weights).items():
            means[name] += share * (end - segment.from_step) / steps
    return {name: float(mean) for name, mean in means.items()}


def past(weights: Weights, step: int) -> list[tuple[int, dict[str, str]]]:
    """What of the weights the samples before `step` depend on: equal where these are, fit for JSON.

    First steps, and each source's share as a fraction.
    """
    return [
        (start, {name: str(share) for name, share in shares.items()})
        for start, shares in _distinct(segments(weights))
        if start < step
    ]


class MixtureOrder:
    """The source of any sample of a run, and how many of its source come before it."""

    def __init__(self, weights: Weights, batch_size: int):
        found = _distinct(segments(weights))
        self.sources = tuple(sorted({name for _, shares in found for name in shares}))
        self._starts = np.array([step * batch_size for step, _ in found], dtype=np.int64)
        self._blocks = [
            interleave([shares.get(name, Fraction(0)) for name in self.sources])
            for _, shares in found
        ]
        self._before = np.zeros((len(found), len(self.sources)), dtype=np.int64)
        for number, length in enumerate(np.diff(self._starts).tolist()):
            self._before[number + 1] = self._before[number] + taken(self._blocks[number], length)
        every = [block for blocks in self._blocks for block in blocks]
        self._tables = (
            np.cumsum([0, *map(len, self._blocks)]),
            np.cumsum([0, *map(len, every)]),
            np.array([block.quotas for block in every]),
            np.concatenate([block.source_at for block in every]),
            np.concatenate([block.rank_at for block in every]),
            np.concatenate([np.argsort(block.source_at, kind="stable") for block in every]),
        )

    def locate(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Maps sample numbers [N] int64 to source [N] and number within the source [N]."""
        return interleaved(samples, self._starts, self._before, *self._tables)

    def taken(self, samples: int) -> np.ndarray:
        """How many of the first `samples` come from each source, [sources] int64."""
        segment = max(int(np.searchsorted(self._starts, samples, side="right")) - 1, 0)
        inside = samples - int(self._starts[segment])
        return self._before[segment] + taken(self._blocks[segment], inside)


def _segments(weights: Weights) -> tuple[WeightsFrom, ...]:
    """Weights as segments, by their types; ConfigError for what is neither kind of weights."""
    found = (WeightsFrom(0, weights),) if isinstance(weights, dict) else weights
    if not isinstance(found, (tuple, list)):
        raise ConfigError(
            f"weights={shown(weights)} must be numbers by source, such as {{'web': 0.7}}, or a "
            "list of them by from_step (train.weights)"
        )
    for segment in found:
        if not isinstance(segment, WeightsFrom) or not isinstance(segment.weights, dict):
            raise ConfigError(
                f"weights hold {shown(segment)}; each of a list of them must be a WeightsFrom: "
                "from_step, and numbers by source (train.weights)"
            )
        for name in segment.weights:
            if not isinstance(name, str):
                raise ConfigError(
                    f"weights name source {shown(name)}, a name must be text (train.weights)"
                )
    return tuple(found)


def _is_weight(value: Any) -> bool:
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return 0 <= float(value) < math.inf
    except OverflowError:  # a whole number beyond floats
        return False


def _distinct(found: Iterable[WeightsFrom]) -> list[tuple[int, dict[str, Fraction]]]:
    # First step and shares of each segment; one that repeats the shares before it is no change.
    distinct: list[tuple[int, dict[str, Fraction]]] = []
    for segment in found:
        shares = {
            name: share for name, share in sorted(shares_of(segment.weights).items()) if share
        }
        if not distinct or shares != distinct[-1][1]:
            distinct.append((segment.from_step, shares))
    return distinct
