"""Stage `examples`: of the candidates, what is trained on and what is held out.

A text or a URL that occurs twice is taken once, as a reference if any of its copies is one. Whole
sites (or pages) are held out by a keyed hash. On each side both classes are of one size.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.annotate.references import PREFIX, RANDOM, REFERENCE
from corpus.batches import read_batches, read_table
from corpus.counts import Counts
from corpus.errors import DataError
from corpus.keyed import uniform
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.references.candidates import PagesConfig
from corpus.stage import Stage

TRAIN = "train"
_SLICES = 64  # of the training lines, put in order one at a time
_FACTS = ["is_reference", "key", "site", "digest"]

_LEFT_OUT = "(pages.min_chars, languages and buckets leave pages out, too)"


@dataclass(frozen=True)
class Choice:
    """Rows of the candidates [N] in ascending order, and which of them are held out [N]."""

    rows: np.ndarray
    held_out: np.ndarray


def stage(candidates: Manifest, config: PagesConfig) -> Stage:
    paths = tuple(candidates.path(file) for file in candidates.files)
    shas = tuple(file.sha256 for file in candidates.files)
    return Stage(
        name="examples",
        config=config,
        units=[Unit("examples", shas, (paths, config))],
        modules=("corpus.references.examples",),
        work=write_examples,
        in_driver=True,
    )


def write_examples(unit: Unit, output: Output) -> None:
    """Writes `train.txt`, a shuffled line an example as fastText reads it, and the held-out ones.

    DataError where a side would hold no page of a class.
    """
    paths, config = unit.payload
    tables = [read_table(path, _FACTS) for path in paths]
    facts = pa.concat_tables(tables) if tables else schema.EXAMPLE.empty_table().select(_FACTS)
    arrays = {name: facts.column(name).to_numpy(zero_copy_only=False) for name in _FACTS}
    choice = choose(arrays, config, output.counts)
    draws = uniform(arrays["digest"][choice.rows], config.seed, "references order")
    slices = [output.scratch / f"slice-{index}" for index in range(_SLICES)]
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(path.open("wb")) for path in slices]
        held_out = _parted(_chosen(paths, choice.rows), choice.held_out, draws, streams)
        output.write_table(held_out, schema.EXAMPLE)
    whole = output.scratch / "whole"
    with whole.open("wb") as lines:
        for path in slices:
            for drawn in sorted(path.read_bytes().split(b"\n")[:-1]):
                lines.write(drawn.partition(b" ")[2] + b"\n")
            path.unlink()
    output.put(whole, TRAIN, "txt", int((~choice.held_out).sum()), exact_name=True)


def _parted(
    chosen: Iterator[tuple[pa.RecordBatch, np.ndarray]],
    held_out: np.ndarray,
    draws: np.ndarray,
    streams: Sequence[BinaryIO],
) -> Iterator[pa.RecordBatch]:
    """Passes on the held-out rows; the others become lines, each behind its draw, by slices."""
    for batch, at in chosen:
        out = held_out[at]
        yield batch.filter(pa.array(out))
        train = batch.filter(pa.array(~out))
        for row, draw in zip(train.to_pylist(), draws[at][~out].tolist(), strict=True):
            label = REFERENCE if row["is_reference"] else RANDOM
            line = f"{draw:.17f} {PREFIX}{label} {row['line']}\n"
            streams[int(draw * _SLICES)].write(line.encode("utf-8", "replace"))


def choose(found: dict[str, np.ndarray], config: PagesConfig, counts: Counts) -> Choice:
    """Balanced rows of the candidates by their facts ([M] arrays by EXAMPLE's names); pure."""
    draw = uniform(found["digest"], config.seed, "references sample")
    is_reference = found["is_reference"].astype(bool)
    # References first: they win over their copies. The key parts pages of one text.
    order = np.lexsort((found["key"], draw, ~is_reference))
    for reason, name in (("text seen before", "digest"), ("URL seen before", "key")):
        first = np.sort(np.unique(found[name][order], return_index=True)[1])
        counts.add(reason, len(order) - len(first))
        order = order[first]
    _require_both_classes(is_reference[order])
    whole = found["site" if config.split == "site" else "digest"][order]
    held_out = uniform(whole, config.seed, "references held out") < config.held_out
    rows = []
    for side, share in ((False, 1 - config.held_out), (True, config.held_out)):
        both = [order[(held_out == side) & (is_reference[order] == label)] for label in (1, 0)]
        size = min(len(both[0]), len(both[1]), max(round(config.max_pages * share), 1))
        name = "held out" if side else "trained on"
        for label, part in zip((REFERENCE, RANDOM), both, strict=True):
            counts.add(f"{label} pages {name}", size)
            counts.add(f"{label} pages left over", len(part) - size)
        if not size:
            lacking = whole[is_reference[order] == (not len(both[0]))]
            raise DataError(_one_sided(side, len(both[0]), len(both[1]), lacking, config))
        rows.append(np.concatenate([part[:size] for part in both]))
    chosen = np.concatenate(rows)
    sides = np.repeat([False, True], [len(part) for part in rows])
    ascending = np.argsort(chosen)
    return Choice(chosen[ascending], sides[ascending])


def _chosen(
    paths: tuple[str, ...], rows: np.ndarray
) -> Iterator[tuple[pa.RecordBatch, np.ndarray]]:
    """Batches of the chosen rows, each with the places of its rows in `rows`."""
    start = 0
    for path in paths:
        for batch in read_batches(path):
            low, high = np.searchsorted(rows, [start, start + batch.num_rows])
            if high > low:
                yield batch.take(pa.array(rows[low:high] - start)), np.arange(low, high)
            start += batch.num_rows


def _require_both_classes(is_reference: np.ndarray) -> None:
    references = int(is_reference.sum())
    random = len(is_reference) - references
    if not references:
        raise DataError(
            f"none of the {random:,} pages is a reference: no cited URL is among them; take a "
            "crawl that has such pages, or fetch the cited urls.txt and give its build as "
            f"'fetched' {_LEFT_OUT}"
        )
    if not random:
        raise DataError(
            f"all {references:,} pages are references; give a 'crawl' with others, or labelled "
            f"ones {_LEFT_OUT}"
        )


def _one_sided(
    held_out: bool, references: int, random: int, lacking: np.ndarray, config: PagesConfig
) -> str:
    """What to do about a side without pages of a class; `lacking`: what each of them goes by."""
    label = RANDOM if references else REFERENCE
    pages, wholes, by_site = len(lacking), len(np.unique(lacking)), config.split == "site"
    remedies = [f"give more {label} pages" + (" of other sites" if by_site else "")]
    if by_site and pages > wholes:
        remedies.append("set pages.split=page")
    if wholes > 1:
        change = "raise" if held_out else "lower"
        remedies.append(f"{change} pages.held_out={config.held_out}")
    of = f" on {wholes:,} site{'s' * (wholes > 1)}, each on one side whole" if by_site else ""
    return (
        f"{references:,} reference and {random:,} random pages would be "
        f"{'held out' if held_out else 'trained on'}, and a classifier needs both; there "
        f"{'are' if pages > 1 else 'is'} {pages:,} {label} page{'s' * (pages > 1)} in all{of}: "
        f"{', or '.join(remedies)} {_LEFT_OUT}"
    )
