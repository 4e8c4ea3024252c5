"""Percentiles of perplexity by language over whole ledgers, in one Spark job of bounded memory.

CCNet rounds perplexities to tenths, so counting each value is already a summary, and an exact one;
what bounds it is to keep 17 significant bits. Up to 13,107.2 every tenth keeps its own count and
percentiles are exact; beyond, neighbours share one, and a percentile is off by at most 1 in
131,072. A language takes 65,536 counts a doubling, a few hundred thousand whatever the crawl's
size, and counts of two files add up in any order.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.batches import read_table
from corpus.spark import Engine, watch

BITS = 17
EXACT_BELOW = 2**BITS / 10  # perplexity
RELATIVE_ERROR = 2.0**-BITS  # of a percentile above that
_MOST = 2.0**52  # tenths


def cells(perplexities: np.ndarray) -> np.ndarray:
    """Perplexities [N] float64 to tenths [N] int64 of 17 significant bits, the middle of a cell."""
    tenths = np.rint(np.clip(perplexities * 10, 0, _MOST)).astype(np.int64)
    _, bits = np.frexp(tenths.astype(np.float64))
    dropped = np.maximum(bits - BITS, 0).astype(np.int64)
    return (tenths >> dropped << dropped) + ((1 << dropped) >> 1)


def percentiles(tenths: np.ndarray, documents: np.ndarray) -> np.ndarray:
    """Percentiles 0 to 99, [100] float64 of perplexity, of values [N] counted `documents` times.

    They are `numpy.percentile`'s and pandas' default: between two documents it interpolates.
    Tenths are whole numbers, so the result is exact to its last decimal, the third.
    """
    order = np.argsort(tenths)
    values, last = tenths[order], np.cumsum(documents[order]) - 1  # last index of each value
    if not len(values) or last[-1] < 0:
        raise ValueError("an empty histogram has no percentiles")
    at = last[-1] * np.arange(100, dtype=np.int64)  # in hundredths of a document
    low = values[np.searchsorted(last, at // 100)]
    high = values[np.searchsorted(last, -(-at // 100))]
    return (low * 100 + (high - low) * (at % 100)) / 1000


def below(tenths: np.ndarray, documents: np.ndarray, perplexity: float) -> int:
    """How many documents have a lower perplexity, as CCNet's buckets compare it."""
    return int(documents[tenths / 10 < perplexity].sum())


def histograms(
    engine: Engine, label: str, paths: Sequence[str], min_score: float = 0.0
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each language's cells and how many documents of ledgers are in each: (tenths, documents).

    Documents without a perplexity or of a language score below `min_score` are left out.
    """
    if not paths:
        return {}
    files = engine.session.sparkContext.parallelize(list(paths), engine.readers(len(paths)))
    counted = files.map(partial(count, min_score=min_score))
    table = watch(engine.session, label, lambda: counted.treeReduce(_added)).sort_by("language")
    found = {}
    for language in pc.unique(table["language"]).to_pylist():
        part = table.filter(pc.equal(table["language"], language))
        found[language] = (part["tenths"].to_numpy(), part["documents"].to_numpy())
    return found


def _added(one: pa.Table, other: pa.Table) -> pa.Table:
    groups = pa.concat_tables([one, other]).group_by(["language", "tenths"])
    return groups.aggregate([("documents", "sum")]).rename_columns(one.column_names)


def count(path: str, min_score: float) -> pa.Table:
    """One ledger file's documents by language and cell: `language, tenths, documents`."""
    columns = ["language", "perplexity", *(["language_score"] if min_score else [])]
    table = read_table(path, columns).drop_null()
    if min_score:
        table = table.filter(pc.greater_equal(table["language_score"], min_score))
    tenths = pa.array(cells(table["perplexity"].to_numpy()))
    pairs = pa.table({"language": table["language"], "tenths": tenths})
    groups = pairs.group_by(["language", "tenths"]).aggregate([([], "count_all")])
    return groups.rename_columns(["language", "tenths", "documents"])
