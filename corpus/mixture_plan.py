"""The plan of a mixture: what a run takes of each part, what runs out first, what a cap forbids.

LLaMA's table 1 is such a plan: shares of 1.4T tokens, and the epochs they make of each source.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from corpus.errors import ConfigError

MIN_SHARE = 1e-12  # of a run, above 0: of 1.4T tokens one and a half
_SLACK = 1e-12  # of a cap, for floating point
_TINY = 0.01  # of a weight, to which nobody wants it lowered
_MARGIN = 1e-4  # of a cap, that weights to try instead stay under it however they are rounded


@dataclass(frozen=True)
class Ask:
    """What is asked of a mixture: so many tokens, parted by weights, under caps.

    Weights are relative to their sum and share what `by_number` leaves of the run.
    """

    weights: Mapping[str, float]
    tokens: int
    caps: Mapping[str, float] = field(default_factory=dict)  # epochs by name; absent or 0: none
    by_number: Mapping[str, float] = field(default_factory=dict)  # tokens by name
    section: str = "mixture.weights"  # of the config, where the weights are
    groups: frozenset[str] = frozenset()  # names whose weight is a key of a group there
    sample: int = 1  # tokens of it a training sample is trained on, where a training states them

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise ConfigError(f"a plan of {self.tokens} tokens: ask for 1 or more (mixture.tokens)")

    def key(self, name: str) -> str:
        """Where the config sets a name's weight or tokens."""
        if name in self.by_number:
            return f"{self.section}.{name}.tokens"
        return f"{self.section}.{name}" + (".weight" if name in self.groups else "")

    def value(self, name: str) -> float:
        return self.by_number[name] if name in self.by_number else self.weights[name]

    def shares(self) -> dict[str, float]:
        """Shares of the run by name; they add up to 1."""
        fixed = {name: tokens / self.tokens for name, tokens in self.by_number.items()}
        if not any(self.weights.values()):
            return {**dict.fromkeys(self.weights, 0.0), **fixed}
        rest, total = 1 - sum(fixed.values()), sum(self.weights.values())
        return {**fixed, **{name: rest * w / total for name, w in self.weights.items()}}


@dataclass(frozen=True)
class SourcePlan:
    """One part's row of the plan, in tokens of the training split."""

    source: str
    share: float
    available: int
    asked: int
    max_epochs: float = 0.0
    sample: int = 1  # tokens of it a training sample is trained on

    @property
    def usable(self) -> int:
        """Tokens an epoch trains on: of whole samples, each of which needs one token more."""
        if self.sample == 1:
            return self.available
        return max(self.available - 1, 0) // self.sample * self.sample

    @property
    def epochs(self) -> float:
        """How often the part is gone through, as the loader counts it: by whole samples."""
        if not self.asked:
            return 0.0
        return self.asked / self.usable if self.usable else math.inf

    @property
    def lasts(self) -> float:
        """Tokens of the whole run after which the last new token of this part is read."""
        return self.usable / self.share if self.share else math.inf


def plan(available: Mapping[str, int], ask: Ask) -> list[SourcePlan]:
    """What a run takes from each part, in the order of their names.

    ConfigError for a weight on a part that is not there or empty, or one that would repeat its part
    beyond its cap; the message names the weights to change and values that would do.
    """
    rows = []
    for name, share in sorted(ask.shares().items()):
        if name not in available:
            known = ", ".join(sorted(available)) or "nothing"
            raise ConfigError(f"{ask.key(name)}: no such source; there are tokens of {known}")
        cap = ask.caps.get(name, 0.0)
        asked = round(ask.tokens * share)
        row = SourcePlan(name, share, available[name], asked, cap, ask.sample)
        _check_takes(row, ask)
        rows.append(row)
    usable = {row.source: row.usable for row in rows}
    over = [row for row in rows if not _fits(row.share, row.source, usable, ask)]
    if over:
        # What is asked by number first: what weights do depends on it.
        worst = max(over, key=lambda r: (r.source in ask.by_number, r.epochs / r.max_epochs))
        raise ConfigError(_refusal(worst, usable, ask))
    return rows


def first_to_run_out(rows: list[SourcePlan]) -> SourcePlan:
    """The part whose tokens have all been read the earliest, whether or not the run gets there."""
    return min(rows, key=lambda row: row.lasts)


def _check_takes(row: SourcePlan, ask: Ask) -> None:
    if not row.share:
        return
    said = f"{ask.key(row.source)}={ask.value(row.source):g}"
    if not row.available:
        raise ConfigError(f"{said}: the source has no tokens; set it to 0")
    if not row.usable:
        raise ConfigError(
            f"{said}: the source has {row.available:,} tokens, a sample needs {row.sample + 1:,}; "
            "set it to 0 or shorten seq_length"
        )
    if row.share < MIN_SHARE:
        raise ConfigError(
            f"{said} is a share of {row.share:.2g}, below {MIN_SHARE}; raise it or set it to 0"
        )


def _fits(share: float, name: str, usable: Mapping[str, int], ask: Ask) -> bool:
    cap = ask.caps.get(name)
    return not cap or share * ask.tokens <= cap * usable[name] * (1 + _SLACK)


def _refusal(row: SourcePlan, usable: Mapping[str, int], ask: Ask) -> str:
    said = (
        f"{ask.key(row.source)}={ask.value(row.source):.12g} asks for {row.epochs:.2f} epochs of "
        f"{row.usable:,} tokens, over max_epochs={row.max_epochs:g}; "
    )
    if row.source in ask.by_number:
        return f"{said}set it to {math.floor(row.max_epochs * row.usable)}"
    better = _weights_that_fit(usable, ask)
    if better is None:
        most = sum(ask.by_number.values())
        shared = (ask.caps[name] * usable[name] for name, weight in ask.weights.items() if weight)
        most += sum(shared) * (1 - _MARGIN)
        return (
            f"{said}no weights do, with every source at its cap: ask for {math.floor(most):,} "
            f"tokens at most, not {ask.tokens:,}, or raise a cap"
        )
    changes = [f"{ask.key(name)} to {value:.12g}" for name, value in better.items()]
    *others, last = changes
    return f"{said}set {', '.join(others)}{' and ' if others else ''}{last}"


def _weights_that_fit(usable: Mapping[str, int], ask: Ask) -> dict[str, float] | None:
    """The fewest weights to change, and to what, so that every cap holds; None where none do.

    A part over its cap is held to it, and the others share the rest as their weights say, which may
    bring another over its own: that one is held, too, and so on. Either the held ones' weights are
    lowered, or the others' raised, where they are fewer or the held ones would become tiny.
    """
    weights = {name: weight for name, weight in ask.weights.items() if weight}
    of_weights = 1 - sum(ask.by_number.values()) / ask.tokens  # what they share of the run
    held: dict[str, float] = {}
    while True:
        free = {name: weight for name, weight in weights.items() if name not in held}
        if not free:
            return None
        scale = sum(free.values()) / (of_weights - sum(held.values()))  # weight for a share of 1
        over = {}
        for name, weight in free.items():
            most = ask.caps.get(name, 0) * usable[name] / ask.tokens * (1 - _MARGIN)
            if most and weight / scale > most:
                over[name] = most
        if not over:
            break
        held |= over
    lowered = {name: share * scale for name, share in held.items()}
    # The total of all weights at which each held one, unchanged, is at its cap.
    total = max(weights[name] * of_weights / most for name, most in held.items())
    rest = total - sum(weights[name] for name in held)
    raised = {name: weight * rest / sum(free.values()) for name, weight in free.items()}
    ways = [(lowered, math.floor), (raised, math.ceil)]
    tiny = any(value < _TINY * weights[name] for name, value in lowered.items())
    if len(raised) < len(lowered) or tiny:
        ways.reverse()
    found = (_rounded(exact, ask, usable, to_whole) for exact, to_whole in ways)
    return next(filter(None, found), lowered)


def _rounded(
    exact: Mapping[str, float],
    ask: Ask,
    usable: Mapping[str, int],
    to_whole: Callable[[float], int],
) -> dict[str, float] | None:
    """The weights in as few digits as do, rounded one way; None where every cap holds with none."""
    for digits in range(2, 9):
        rounded = {}
        for name, value in exact.items():
            unit = 10.0 ** (math.floor(math.log10(value)) - digits + 1)
            rounded[name] = float(f"{to_whole(value / unit) * unit:.{digits}g}")
        shares = replace(ask, weights={**ask.weights, **rounded}).shares()
        drawn = {name: shares[name] for name, weight in ask.weights.items() if weight}
        if all(s >= MIN_SHARE and _fits(s, name, usable, ask) for name, s in drawn.items()):
            return rounded
    return None
