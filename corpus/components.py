"""Which part of the mixture a document belongs to: the first, in the config's order, that takes it.

A part takes a source whole, or the documents of which its condition on the ledger holds. Shards are
streams of one part each, so this is settled before they are written, on narrow tables alone.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from corpus import schema
from corpus.batches import read_batches, read_table, unit_name
from corpus.conditions import read_condition
from corpus.documents import SourceTables
from corpus.errors import DataError
from corpus.manifest import Manifest, OutputFile
from corpus.mixture import COLUMN_TYPES, Component
from corpus.output import Output, Unit
from corpus.stage import Stage

_TAKERS_NAMED = 3

Choices = tuple[tuple[str, str], ...]  # of a source: parts by name and condition, in order


@dataclass(frozen=True)
class Part:
    """A file of documents: all of one part of the mixture, or of those that `table` names."""

    unit: str
    source: str
    path: str
    inputs: tuple[str, ...]  # fingerprints of what it is read from
    bytes: int  # compressed
    component: str | None
    table: str | None
    documents: Mapping[str, int] = field(default_factory=dict)  # by part of the mixture
    text_bytes: Mapping[str, int] = field(default_factory=dict)


def choices(components: Sequence[Component], source: str) -> Choices:
    """The parts that may take documents of a source, up to one that takes all that are left.

    A source that none names is a part by itself.
    """
    found = []
    for part in components:
        if part.source in ("", source):
            found.append((part.name, part.where))
            if not part.where:
                break
    return tuple(found) or ((source, ""),)


def conditional(components: Sequence[Component], sources: Sequence[str]) -> dict[str, Choices]:
    """The choices of the sources that are not a part of the mixture whole under their own name."""
    every = {source: choices(components, source) for source in sorted(sources)}
    return {source: found for source, found in every.items() if found != ((source, ""),)}


def assign(table: pa.Table, parts: Choices) -> tuple[pa.Array, Counter[tuple[str, str]]]:
    """The part of each row [D] of ledger columns and `bucket`: a name, or null for none.

    Beside it, by (part, earlier part), the rows the one's condition asks for and the other has.
    """
    taken = np.full(table.num_rows, -1)
    lost: Counter[tuple[str, str]] = Counter()
    everything = np.ones(table.num_rows, dtype=bool)
    for index, (name, where) in enumerate(parts):
        holds = read_condition(where, COLUMN_TYPES).holds(table) if where else everything
        earlier = np.bincount(taken[holds & (taken >= 0)], minlength=index).tolist()
        lost += Counter({(name, parts[k][0]): count for k, count in enumerate(earlier)})
        taken[(taken < 0) & holds] = index
    names = pa.array([name for name, _ in parts], pa.string())
    return names.take(pa.array(taken, mask=taken < 0)), lost


def assigned(
    ledger_path: str, decisions_path: str, parts: Choices
) -> tuple[pa.Table, Counter[tuple[str, str]]]:
    """Kept documents of one file in order: doc_id, component, bytes; and what `assign` counts."""
    columns = {name for _, where in parts if where for name in _columns(where)}
    ledger = read_table(ledger_path, sorted({"doc_id", *columns} - {"bucket"}))
    decisions = read_table(decisions_path, ["doc_id", "keep", "bucket", "num_bytes"])
    assert ledger.column("doc_id").equals(decisions.column("doc_id")), "rows out of step"
    kept = decisions.column("keep")
    rows = ledger.append_column("bucket", decisions.column("bucket")).filter(kept)
    sizes = decisions.column("num_bytes").filter(kept)
    component, lost = assign(rows, parts)
    return pa.table([rows["doc_id"], component, sizes], ["doc_id", "component", "bytes"]), lost


def totals(table: pa.Table) -> tuple[dict[str, int], dict[str, int]]:
    """Documents and bytes of text by part, of what `assigned` returns."""
    found = table.group_by("component").aggregate([("bytes", "sum"), ("bytes", "count")])
    rows = sorted(
        (row for row in found.to_pylist() if row["component"]), key=lambda row: row["component"]
    )
    documents = {row["component"]: row["bytes_count"] for row in rows}
    return documents, {row["component"]: row["bytes_sum"] for row in rows}


def stage(sources: Mapping[str, SourceTables], chosen: Mapping[str, Choices]) -> Stage:
    """Names the part of every kept document of the sources in `chosen` that need looking at."""
    units = []
    for source, parts in chosen.items():
        if not parts[0][1]:
            continue
        tables = sources[source]
        ledger, decisions = tables.ledger, tables.decisions
        for text, rows, verdicts in zip(
            tables.text.files, ledger.files, decisions.files, strict=True
        ):
            payload = (ledger.path(rows), decisions.path(verdicts), parts)
            units.append(Unit(unit_name(text), (rows.sha256, verdicts.sha256), payload))
    return Stage(
        name="components",
        config=dict(chosen),
        units=units,
        modules=("corpus.components",),
        work=assign_shard,
    )


def assign_shard(unit: Unit, output: Output) -> None:
    """Writes one row a kept document, in order; the file's facts tell what each part has."""
    table, lost = assigned(*unit.payload)
    documents, text_bytes = totals(table)
    output.counts.add("documents", table.num_rows)
    output.counts.add("outside the mixture", table.column("component").null_count)
    for name, count in documents.items():
        output.counts.add(f"of {name}", count)
    for (name, earlier), count in lost.items():
        output.counts.add(_taken_of(name, earlier), count)
    rows = table.select(schema.COMPONENT.names).cast(schema.COMPONENT)
    facts = {"documents": documents, "text_bytes": text_bytes}
    output.write_table(rows.to_batches(), schema.COMPONENT, facts)


def require_documents(
    named: Manifest, components: Sequence[Component], chosen: Mapping[str, Choices]
) -> None:
    """DataError where a part that is asked for gets no document by what the stage found."""
    counts = named.counts.totals
    looked_at = {source for source, parts in chosen.items() if parts[0][1]}
    for index, part in enumerate(components):
        asked = part.weight or part.tokens
        if not asked or counts[f"of {part.name}"] or not (part.where or part.source in looked_at):
            continue
        before = components[:index]
        raise DataError(f"mixture.weights.{part.name}: {_why_empty(part, before, counts)}")


def _why_empty(part: Component, before: Sequence[Component], counts: Counter[str]) -> str:
    """Which of the parts before a part take what it asks for, if any, and what to do."""
    wanted = f'document for "{part.where}"' if part.where else f"document of '{part.source}'"
    shares = {other.name: counts[_taken_of(part.name, other.name)] for other in before}
    takers = sorted((name for name in shares if shares[name]), key=lambda name: -shares[name])
    # Of a source that a part before takes whole, no document was looked at for this one.
    whole = [f"'{o.source}' (mixture.weights.{o.name})" for o in before if not o.where]
    beside = ""
    if whole and not part.source:
        beside = f" beside those of {', '.join(whole)}, taken whole before it"
    ways = [f"change the 'where' of {takers[0]}"] if takers else []
    if part.where:
        ways += [] if takers else ["change its 'where'"]
        ways += ["put it first"] if takers or beside else []
    fix = ", ".join([*ways, "or set its weight to 0"]) if ways else "set its weight to 0"
    if not takers:
        return f"there is no kept {wanted}{beside}; {fix}"
    told = [f"mixture.weights.{name} ({shares[name]:,})" for name in takers[:_TAKERS_NAMED]]
    told += [f"{len(takers) - _TAKERS_NAMED} more"] if takers[_TAKERS_NAMED:] else []
    takes = "takes" if len(takers) == 1 else "take"
    return f"{' and '.join(told)}, before it, {takes} every kept {wanted}{beside}; {fix}"


def _taken_of(name: str, earlier: str) -> str:
    return f"of {name} in {earlier}"


def parts(documents: Manifest, named: Manifest | None, chosen: Mapping[str, Choices]) -> list[Part]:
    """The files of documents, in their order, with what tells their parts of the mixture."""
    tables = {unit_name(file): file for file in named.files} if named else {}
    return [_part(documents, file, named, tables, chosen) for file in documents.files]


def _part(
    documents: Manifest,
    file: OutputFile,
    named: Manifest | None,
    tables: Mapping[str, OutputFile],
    chosen: Mapping[str, Choices],
) -> Part:
    source, unit, path = file.facts["source"], unit_name(file), documents.path(file)
    first, where = chosen.get(source, ((source, ""),))[0]
    if not where:
        held = ({first: file.rows}, {first: file.facts["text_bytes"]})
        return Part(unit, source, path, (file.sha256,), file.bytes, first, None, *held)
    assert named is not None, f"{source} needs the stage 'components'"
    table = tables[unit]
    inputs = (file.sha256, table.sha256)
    held = (table.facts["documents"], table.facts["text_bytes"])
    return Part(unit, source, path, inputs, file.bytes, None, named.path(table), *held)


def part_batches(part: Part, columns: Sequence[str]) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(part of the mixture, batch) of a file's documents, in its order; those of none are left out.

    `columns` must hold doc_id. Raises DataError where the documents are not those of the table.
    """
    if part.table is None:
        assert part.component is not None, f"{part.path} is of no part of the mixture"
        for batch in read_batches(part.path, columns):
            yield part.component, batch
        return
    table, start = read_table(part.table), 0
    for batch in read_batches(part.path, columns):
        rows = table.slice(start, batch.num_rows).combine_chunks()
        start += batch.num_rows
        if not pa.chunked_array([batch.column("doc_id")]).equals(rows.column("doc_id")):
            raise _out_of_step(part, f"row {start - batch.num_rows:,} on")
        names = np.array(rows.column("component").to_pylist(), dtype=object)
        for name in sorted(Counter(name for name in names if name is not None)):
            yield name, batch.filter(pa.array(names == name))
    if start < table.num_rows:
        raise _out_of_step(part, f"row {start:,} on, where its documents end")


def _out_of_step(part: Part, place: str) -> DataError:
    return DataError(
        f"{part.path} and {part.table} are not of the same documents, from {place}; build again "
        "with --redo documents --redo components"
    )


def _columns(where: str) -> frozenset[str]:
    return read_condition(where, COLUMN_TYPES).columns
