"""Stage 4b: thresholds over the ledger. Changing one reruns this stage, never the annotators.

Rules are tried in the config's order; the first that a document breaks is the reason it is dropped,
kept beside the value that decided. A document that breaks none is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema
from corpus.batches import read_table, unit_name
from corpus.config import suggest
from corpus.errors import ConfigError
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.stage import Stage

COLUMNS = (*schema.LEDGER.names, "bucket")


@dataclass(frozen=True)
class RuleConfig:
    """Keeps a document whose ledger column lies in [min, max], is one of `allow`, or is `absent`.

    `missing` says what becomes of a document without a value. `name` is what reports call the
    rule; by default the column.
    """

    column: str
    min: float | None = None
    max: float | None = None
    allow: tuple[str, ...] = ()
    absent: bool = False  # keeps only what has no value, such as a `duplicate_of`
    missing: Literal["keep", "drop"] = "drop"
    name: str = ""

    def __post_init__(self) -> None:
        if self.column not in COLUMNS:
            raise ConfigError(
                f"rule on unknown column '{self.column}'{suggest(self.column, COLUMNS)}"
            )
        if self.absent:
            if (self.min, self.max, self.allow, self.missing) != (None, None, (), "drop"):
                raise ConfigError(f"the rule on '{self.column}' is 'absent': it takes nothing else")
            return
        is_text = self.column == "bucket" or pa.types.is_string(
            schema.LEDGER.field(self.column).type
        )
        if is_text != bool(self.allow) or (is_text and (self.min, self.max) != (None, None)):
            need = "'allow'" if is_text else "'min' or 'max'"
            raise ConfigError(f"the rule on '{self.column}' needs {need}")
        if not is_text and self.min is None and self.max is None:
            raise ConfigError(f"the rule on '{self.column}' needs 'min' or 'max'")

    @property
    def label(self) -> str:
        return self.name or self.column

    @property
    def threshold(self) -> str:
        """What the value is held against, as a report prints it."""
        if self.absent:
            return "absent"
        if self.allow:
            return "one of " + ", ".join(self.allow)
        parts = [f">= {exact(self.min)}"] if self.min is not None else []
        parts += [f"<= {exact(self.max)}"] if self.max is not None else []
        return " and ".join(parts)


def stage(
    source: str, ledger: Manifest, cutoffs: Manifest | None, rules: Sequence[RuleConfig]
) -> Stage:
    cutoffs_path = cutoffs.path(cutoffs.files[0]) if cutoffs else None
    units = [
        Unit(unit_name(file), (file.sha256,), (ledger.path(file), cutoffs_path, tuple(rules)))
        for file in ledger.files
    ]
    return Stage(
        name=f"decisions/{source}",
        config={"rules": list(rules)},
        units=units,
        inputs={"cutoffs": cutoffs.files[0].sha256} if cutoffs else {},
        modules=("corpus.decide",),
        work=decide_shard,
    )


def decide_shard(unit: Unit, output: Output) -> None:
    """Writes one decision a ledger row."""
    ledger_path, cutoffs_path, rules = unit.payload
    ledger = read_table(ledger_path)
    cutoffs = {}
    if cutoffs_path is not None:
        rows = read_table(cutoffs_path).to_pylist()
        cutoffs = {row["language"]: (row["head"], row["middle"]) for row in rows}
    decisions = decide(ledger, cutoffs, rules)
    kept = pc.sum(decisions.column("keep")).as_py() or 0
    output.counts.add("documents", ledger.num_rows)
    output.counts.add("kept", kept)
    for rule in decisions.column("rule").drop_null().value_counts().to_pylist():
        output.counts.add(f"dropped by {rule['values']}", rule["counts"])
    output.write_table(decisions.to_batches(), schema.DECISION)


def decide(
    ledger: pa.Table, cutoffs: Mapping[str, tuple[float, float]], rules: Sequence[RuleConfig]
) -> pa.Table:
    """LEDGER rows to DECISION rows, in the same order; a pure function."""
    with_bucket = ledger.append_column("bucket", buckets(ledger, cutoffs))
    size = ledger.num_rows
    deciding = np.full(size, -1)
    values: list[str | None] = [None] * size
    for index, rule in enumerate(rules):
        column = with_bucket.column(rule.column)
        broken = np.flatnonzero(~_passes(column, rule) & (deciding < 0))
        deciding[broken] = index
        for row in broken:
            value = column[int(row)].as_py()
            values[row] = exact(value) if isinstance(value, int | float) else value
    labels = [rule.label for rule in rules]
    thresholds = [rule.threshold for rule in rules]
    columns = {
        "doc_id": ledger.column("doc_id"),
        "source": ledger.column("source"),
        "url": ledger.column("url"),
        "keep": pa.array(deciding < 0),
        "bucket": with_bucket.column("bucket"),
        "rule": pa.array([labels[i] if i >= 0 else None for i in deciding], pa.string()),
        "value": pa.array(values, pa.string()),
        "threshold": pa.array([thresholds[i] if i >= 0 else None for i in deciding], pa.string()),
        "num_chars": ledger.column("num_chars"),
        "num_bytes": ledger.column("num_bytes"),
    }
    return pa.table(columns, schema=schema.DECISION)


def exact(number: float) -> str:
    """A number as text that reads back as the same: rounded, a value would seem to pass its rule.

    Whole numbers are printed as integers (50, not 50.0), as far as a float holds all of them.
    """
    whole = isinstance(number, int) or (number.is_integer() and abs(number) < 2**53)
    return str(int(number)) if whole else repr(number)


def buckets(ledger: pa.Table, cutoffs: Mapping[str, tuple[float, float]]) -> pa.Array:
    """head, middle or tail by the language's cutoffs; `all` where there is no perplexity."""
    names = []
    languages = ledger.column("language").to_pylist()
    for language, perplexity in zip(
        languages, ledger.column("perplexity").to_pylist(), strict=True
    ):
        if perplexity is None or language not in cutoffs:
            names.append("all")
            continue
        head, middle = cutoffs[language]
        names.append("head" if perplexity < head else "middle" if perplexity < middle else "tail")
    return pa.array(names, pa.string())


def _passes(column: pa.ChunkedArray, rule: RuleConfig) -> np.ndarray:
    if rule.absent:
        return pc.is_null(column).to_numpy().astype(bool)
    if rule.allow:
        fits = pc.is_in(column, value_set=pa.array(rule.allow))
    else:
        fits = pa.chunked_array([pa.array(np.ones(len(column), bool))])
        if rule.min is not None:
            fits = pc.and_(fits, pc.fill_null(pc.greater_equal(column, rule.min), False))
        if rule.max is not None:
            fits = pc.and_(fits, pc.fill_null(pc.less_equal(column, rule.max), False))
    if rule.missing == "keep":
        fits = pc.or_(fits, pc.is_null(column))
    return fits.to_numpy().astype(bool)
