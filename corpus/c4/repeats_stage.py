"""The last step of C4's lists: what is repeated over the whole set goes (`corpus.c4.repeats`).

Three stages on the pages that the rules kept, by the line dedup's shuffle (`corpus.dedup.stages`),
flat in memory like it:
`span_hashes` every shard's unique spans of sentences, or lines, with their smallest doc_ids;
`seen_spans`  those that two pages of the set have, back to their shards;
`unrepeated`  every shard again, without them but where they stay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema
from corpus.batches import counted, read_batches, read_table, unit_name
from corpus.c4.repeats import remove_repeats, split
from corpus.c4.rules import KEPT, PRESETS, Preset
from corpus.dedup.lines import LineDedupConfig, shard_hashes
from corpus.dedup.stages import read_seen, seen_stage, write_lines
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.stage import Stage

_WHOLE_SET = LineDedupConfig(group_shards=0, policy="keep_first")


@dataclass(frozen=True)
class _Shard:
    """A shard's files; of its pages those that are copies of another take no part."""

    path: str
    copies_path: str | None
    seen_path: str | None = None


def hashes_stage(source: str, cleaned: Manifest, copies: Manifest | None, preset: Preset) -> Stage:
    return _stage(f"span_hashes/{source}", _units(cleaned, copies, None), preset, hash_shard)


def seen_spans_stage(source: str, hashes: Manifest) -> Stage:
    return seen_stage(source, hashes, _WHOLE_SET, "seen_spans")


def unrepeated_stage(
    source: str, cleaned: Manifest, copies: Manifest | None, seen: Manifest, preset: Preset
) -> Stage:
    return _stage(f"unrepeated/{source}", _units(cleaned, copies, seen), preset, remove_shard)


def _stage(
    name: str, units: list[Unit], preset: Preset, work: Callable[[Preset, Unit, Output], None]
) -> Stage:
    """A stage of the pages' shards, each on its own."""
    return Stage(
        name=name,
        config={"preset": preset},
        units=units,
        modules=("corpus.c4.repeats_stage",),
        work=partial(work, preset),
    )


def hash_shard(preset: Preset, unit: Unit, output: Output) -> None:
    """Writes what a shard tells the others of its pages that take part."""
    shard: _Shard = unit.payload
    copies = _copies(shard)

    def parts():
        start = 0
        for batch in read_batches(shard.path, ["doc_id", "text", "c4"]):
            yield batch.filter(pa.array(_part(batch, copies, start)))
            start += batch.num_rows

    def hashed(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        pieces = split(texts, PRESETS[preset].span_sentences)
        return pieces.hashes, np.diff(pieces.text_spans)

    write_lines(shard_hashes(parts(), _WHOLE_SET.policy, hashed), _WHOLE_SET.policy, output)


def remove_shard(preset: Preset, unit: Unit, output: Output) -> None:
    """Writes a shard's pages without what is repeated."""
    shard: _Shard = unit.payload
    copies = _copies(shard)
    assert shard.seen_path is not None
    seen = read_seen(shard.seen_path)

    def left():
        start = 0
        for batch in read_batches(shard.path):
            part = _part(batch, copies, start)
            yield remove_repeats(batch, part, seen, PRESETS[preset], output.counts)
            start += batch.num_rows

    output.write_table(counted(left(), output.counts), schema.CLEANED)


def _units(cleaned: Manifest, copies: Manifest | None, seen: Manifest | None) -> list[Unit]:
    units = []
    for at, file in enumerate(cleaned.files):
        beside = [(m, m.files[at]) if m is not None else None for m in (copies, seen)]
        shas = (file.sha256, *(pair[1].sha256 for pair in beside if pair))
        paths = (pair[0].path(pair[1]) if pair else None for pair in beside)
        units.append(Unit(unit_name(file), shas, _Shard(cleaned.path(file), *paths)))
    return units


def _copies(shard: _Shard) -> np.ndarray | None:
    """[rows] bool, where copies were looked for: the pages that are one."""
    if shard.copies_path is None:
        return None
    return pc.is_valid(read_table(shard.copies_path).column("duplicate_of")).to_numpy()


def _part(batch: pa.RecordBatch, copies: np.ndarray | None, start: int) -> np.ndarray:
    """[N] bool: the pages of a batch that are compared, those kept so far."""
    kept = pc.equal(batch.column("c4"), KEPT).to_numpy(zero_copy_only=False)
    return kept if copies is None else kept & ~copies[start : start + len(kept)]
