"""`altiplano lm cutoffs`: a crawl's own cutoff table in the form of CCNet's of 2019, and its drift.

CCNet's table is of its models of 2019 on the crawl of February 2019. Another crawl, and more so
another model, has other percentiles: the drift report says by how much, and how many documents the
old cutoffs would put into another bucket.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.fs as pafs

from corpus import manifest as manifests
from corpus import percentiles, storage
from corpus.annotate.cutoffs import read_cutoff_table, read_percentiles
from corpus.errors import ConfigError, DataError
from corpus.manifest import Manifest
from corpus.models import LM_SUFFIXES
from corpus.spark import Engine

HEAD, MIDDLE = 30, 60  # CCNet's percentiles
MIN_DOCUMENTS = 1_000  # of a language: ten a percentile
MIN_SCORE = 0.5  # of language identification, as CCNet drops documents before it measures them


@dataclass(frozen=True)
class Language:
    """A language's percentiles in the crawl, and in the other table where that has it."""

    language: str
    documents: int
    percentiles: tuple[float, ...]  # 0 to 99
    table: tuple[float, ...] | None = None  # likewise
    moved: float | None = None  # share of documents that the table puts into another bucket

    def ratio(self, percentile: int) -> float | None:
        """The crawl's perplexity over the table's."""
        if self.table is None or not self.table[percentile]:
            return None
        return self.percentiles[percentile] / self.table[percentile]


def find(
    engine: Engine,
    runs: Sequence[str],
    table: str | None = None,
    min_documents: int = MIN_DOCUMENTS,
    min_score: float = MIN_SCORE,
) -> tuple[list[Language], dict[str, int]]:
    """The languages of the runs' ledgers, most documents first; those with too few apart.

    DataError where a run has no ledger, its ledgers no perplexity, or two runs other models;
    ConfigError for a score that is none, and a number below 0.
    """
    if not 0 <= min_score <= 1:
        raise ConfigError(f"--min-language-score {min_score:g} must lie between 0 and 1")
    if min_documents < 0:
        raise ConfigError(f"--min-documents {min_documents} must be 0 or more")
    ledgers = [ledger for run in runs for ledger in _ledgers(run)]
    _require_one_model(ledgers)
    limits = read_cutoff_table(table, HEAD, MIDDLE) if table else {}
    rows_of = _columns(table) if table else {}
    paths = [ledger.path(file) for ledger in ledgers for file in ledger.files]
    counted = percentiles.histograms(engine, "lm cutoffs", paths, min_score)
    if not counted:
        raise DataError(
            f"{', '.join(runs)}: no document with a perplexity and a language score >= "
            f"{min_score}; give runs that have lm, or a lower --min-language-score"
        )
    totals = {language: int(documents.sum()) for language, (_, documents) in counted.items()}
    few = {language: total for language, total in totals.items() if total < min_documents}
    found = []
    for language in sorted(counted.keys() - few.keys(), key=lambda name: (-totals[name], name)):
        tenths, documents = counted[language]
        ours = percentiles.percentiles(tenths, documents)
        moved = None
        if language in limits:
            cutoffs = float(ours[HEAD]), float(ours[MIDDLE])
            moved = 1 - same_bucket(tenths, documents, cutoffs, limits[language]) / totals[language]
        found.append(
            Language(language, totals[language], tuple(ours), rows_of.get(language), moved)
        )
    if not found:
        raise DataError(
            f"no language has {min_documents:,} documents, the most are {max(totals.values()):,}; "
            "give more runs or a lower --min-documents"
        )
    return found, few


def write(
    found: Sequence[Language],
    few: Mapping[str, int],
    runs: Sequence[str],
    place: str,
    min_score: float = MIN_SCORE,
) -> None:
    """Writes the table to `place`, a .csv, and beside it as .json what it was made of."""
    ordered = sorted(found, key=lambda language: language.language)
    lines = [",".join(["", *(language.language for language in ordered)])]
    for row in range(100):
        values = [
            f"{language.percentiles[row]:.3f}".rstrip("0").rstrip(".") for language in ordered
        ]
        lines.append(",".join([str(row), *values]))
    folder, slash, _ = storage.absolute(place).rpartition("/")
    storage.make_folder(folder + slash)
    storage.put_bytes(place, "\n".join([*lines, ""]).encode())
    ledgers = [
        {
            "run": storage.base_name(storage.absolute(run).rstrip("/")),
            "stage": ledger.stage,
            "digest": ledger.digest,
        }
        for run in runs
        for ledger in _ledgers(run)
    ]
    tree = {
        "percentiles": "linear between documents, as numpy.percentile",
        "exact_below": percentiles.EXACT_BELOW,
        "relative_error_above": percentiles.RELATIVE_ERROR,
        "min_language_score": min_score,
        "documents": {language.language: language.documents for language in ordered},
        "left_out": dict(sorted(few.items())),
        "drift": {
            language.language: {
                "ratio_30": language.ratio(HEAD),
                "ratio_60": language.ratio(MIDDLE),
                "moved": language.moved,
            }
            for language in ordered
            if language.table is not None
        },
        "ledgers": ledgers,
    }
    content = json.dumps(tree, indent=1, ensure_ascii=False).encode() + b"\n"
    storage.put_bytes(place.removesuffix(".csv") + ".json", content)


def same_bucket(
    tenths: np.ndarray,
    documents: np.ndarray,
    ours: tuple[float, float],
    theirs: tuple[float, float],
) -> int:
    """How many documents two pairs of cutoffs put into the same of head, middle and tail."""
    head = sorted(percentiles.below(tenths, documents, pair[0]) for pair in (ours, theirs))
    middle = sorted(percentiles.below(tenths, documents, pair[1]) for pair in (ours, theirs))
    return head[0] + max(middle[0] - head[1], 0) + int(documents.sum()) - middle[1]


def _ledgers(run: str) -> list[Manifest]:
    fs, path = storage.filesystem(storage.join(run, "ledger"))
    infos = fs.get_file_info(pafs.FileSelector(path, allow_not_found=True))
    names = sorted(info.base_name for info in infos if info.type == pafs.FileType.Directory)
    if not names:
        raise DataError(f"{run} holds no ledger; give the output folder of a build")
    return [manifests.read(storage.join(run, "ledger", name)) for name in names]


def _require_one_model(ledgers: Sequence[Manifest]) -> None:
    """DataError where two ledgers were measured by different models of a language."""
    seen: dict[str, tuple[str, Manifest]] = {}
    for ledger in ledgers:
        for name, fingerprint in ledger.inputs.items():
            if not name.endswith(LM_SUFFIXES):
                continue
            first, other = seen.setdefault(name, (fingerprint, ledger))
            if first != fingerprint:
                raise DataError(
                    f"{other.folder} and {ledger.folder} were measured by two different {name}; "
                    "percentiles are of one model: give runs with the same"
                )


def _columns(location: str) -> dict[str, tuple[float, ...]]:
    languages, rows = read_percentiles(location)
    if sorted(rows) != list(range(100)) or {len(row) for row in rows.values()} != {len(languages)}:
        raise DataError(
            f"{location} needs rows 0 to 99 of {len(languages)} values to compare with; get "
            "CCNet's cutoff.csv again"
        )
    return {
        language: tuple(rows[row][column] for row in range(100))
        for column, language in enumerate(languages)
    }
