"""Where the ticks of a chart's axis go: round numbers, few enough to be read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """An axis in data units, mapped to pixels [start, end]; `end` may lie below `start`."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """The pixel of a value."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(value)
        return self.start + (at - low) / ((high - low) or 1) * (self.end - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values inside the axis."""
        if self.log:
            return _log_ticks(self.low, self.high)
        step = _round_step((self.high - self.low) / max(wanted, 1))
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def spanning(
    values: Sequence[float], start: float, end: float, from_zero: bool = False, pad: float = 0.05
) -> Axis:
    """A linear axis that holds all values, with a little room beyond."""
    low = 0.0 if from_zero else min(values)
    high = max(values)
    room = (high - low) * pad or abs(high) * pad or 1.0
    return Axis(low if from_zero else low - room, high + room, start, end)


def tick_label(value: float) -> str:
    """A number's text without an exponent or a tail of zeros: 1,200 or 12M or 0.05."""
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.10g}M"
    return f"{value:,.10g}" if abs(value) >= 1 or value == 0 else f"{value:.4g}"


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """The texts of an axis's ticks, with as many decimals each as the finest of them needs."""
    plain = [tick_label(round(tick, 10)) for tick in ticks]
    decimals = max((len(text.partition(".")[2]) for text in plain if "M" not in text), default=0)
    if not decimals or any("M" in text for text in plain):
        return plain
    return [f"{tick:,.{decimals}f}" for tick in ticks]


def _round_step(raw: float) -> float:
    if raw <= 0:
        return 1.0
    magnitude = 10.0 ** math.floor(math.log10(raw))
    return next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw * 0.999)


def _log_ticks(low: float, high: float) -> list[float]:
    decades = math.log10(high / low)
    factors = (1, 2, 5) if decades < 3 else (1,)
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [factor * 10.0**exponent for exponent in exponents for factor in factors]
    return [tick for tick in ticks if low <= tick <= high]
