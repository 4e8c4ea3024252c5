"""Counts over a source's ledger and decisions, a file at a time and only the columns they need."""

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow.compute as pc

from corpus.batches import read_table
from corpus.manifest import Manifest

BINS_A_DECADE = 24


@dataclass
class Language:
    """A language's documents, and how their perplexities spread over logarithmic bins."""

    documents: int = 0
    text_bytes: int = 0
    perplexities: Counter[int] = field(default_factory=Counter)  # bin index -> documents


@dataclass(frozen=True)
class Cutoff:
    """Where a language's head and middle end."""

    head: float
    middle: float
    origin: str  # "table" or "run"


@dataclass
class Verdict:
    """What one rule dropped, or what was kept."""

    documents: int = 0
    text_bytes: int = 0


def languages(ledger: Manifest) -> dict[str, Language]:
    """By language code, `none` where nothing could be said; the most frequent first."""
    found: dict[str, Language] = {}
    for file in ledger.files:
        table = read_table(ledger.path(file), ["language", "num_bytes", "perplexity"])
        codes = pc.fill_null(table.column("language"), "none").to_numpy(zero_copy_only=False)
        sizes = pc.fill_null(table.column("num_bytes"), 0).to_numpy()
        perplexities = table.column("perplexity").to_numpy(zero_copy_only=False)
        for code in np.unique(codes):
            mine = codes == code
            language = found.setdefault(str(code), Language())
            language.documents += int(mine.sum())
            language.text_bytes += int(sizes[mine].sum())
            language.perplexities.update(_bins(perplexities[mine]))
    return dict(sorted(found.items(), key=lambda item: (-item[1].documents, item[0])))


def bin_edges(index: int) -> tuple[float, float]:
    """The perplexities a bin holds, [low, high)."""
    return 10 ** (index / BINS_A_DECADE), 10 ** ((index + 1) / BINS_A_DECADE)


def cutoffs(manifest: Manifest) -> dict[str, Cutoff]:
    found = {}
    for file in manifest.files:
        for row in read_table(manifest.path(file)).to_pylist():
            found[row["language"]] = Cutoff(row["head"], row["middle"], row["origin"])
    return found


def verdicts(decisions: Manifest) -> dict[str | None, Verdict]:
    """Documents and bytes by the rule that dropped them; None for the kept ones."""
    found: dict[str | None, Verdict] = {None: Verdict()}
    for file in decisions.files:
        table = read_table(decisions.path(file), ["rule", "num_bytes"])
        groups = table.group_by("rule").aggregate([([], "count_all"), ("num_bytes", "sum")])
        for row in groups.to_pylist():
            verdict = found.setdefault(row["rule"], Verdict())
            verdict.documents += row["count_all"]
            verdict.text_bytes += row["num_bytes_sum"] or 0
    return found


def _bins(perplexities: np.ndarray) -> Counter[int]:
    known = perplexities[~np.isnan(perplexities)]
    known = np.maximum(known, 1.0)  # the least a perplexity can be, rounding aside
    indices = np.floor(np.log10(known) * BINS_A_DECADE).astype(int)
    return Counter(indices.tolist())


def quantile(bins: Counter[int], part: float) -> int:
    """The least bin at or below which lies `part` of what is counted."""
    wanted, seen = math.ceil(bins.total() * part), 0
    for index in sorted(bins):
        seen += bins[index]
        if seen >= wanted:
            return index
    raise ValueError("an empty histogram has no quantiles")
