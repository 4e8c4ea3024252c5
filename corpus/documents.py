"""Stage 5: the corpus itself, every kept document of every source with what CCNet publishes of it.

One file for each file of text before it, all in one folder, `documents/`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema
from corpus.batches import counted, read_batches, read_table, unit_name
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.stage import Stage


@dataclass(frozen=True)
class SourceTables:
    """The manifests of one source that its documents are joined from, file by file."""

    text: Manifest
    ledger: Manifest
    decisions: Manifest


def stage(sources: Mapping[str, SourceTables]) -> Stage:
    units = []
    for source, tables in sources.items():
        files = zip(tables.text.files, tables.ledger.files, tables.decisions.files, strict=True)
        for text, ledger, decisions in files:
            paths = (
                tables.text.path(text),
                tables.ledger.path(ledger),
                tables.decisions.path(decisions),
            )
            shas = (text.sha256, ledger.sha256, decisions.sha256)
            units.append(Unit(unit_name(text), shas, (source, *paths)))
    return Stage(
        name="documents", config={}, units=units, modules=("corpus.documents",), work=keep_shard
    )


def keep_shard(unit: Unit, output: Output) -> None:
    """Writes the kept documents of one shard."""
    source, text_path, ledger_path, decisions_path = unit.payload
    ledger = read_table(ledger_path, ["doc_id", "language", "language_score", "perplexity"])
    decisions = read_table(decisions_path, ["doc_id", "keep", "bucket", "num_bytes"])
    assert ledger.column("doc_id").equals(decisions.column("doc_id")), "rows out of step"
    annotations = ledger.append_column("bucket", decisions.column("bucket"))
    kept = counted(_kept(text_path, annotations, decisions.column("keep")), output.counts)
    sizes = decisions.column("num_bytes").filter(decisions.column("keep"))
    facts = {"source": source, "text_bytes": pc.sum(sizes).as_py() or 0}
    output.write_table(kept, schema.KEPT, facts)


def _kept(text_path: str, annotations: pa.Table, keep: pa.ChunkedArray) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in read_batches(text_path):
        rows = annotations.slice(start, batch.num_rows).combine_chunks()
        mask = keep.slice(start, batch.num_rows).combine_chunks()
        start += batch.num_rows
        assert batch.column("doc_id").equals(_only_chunk(rows, "doc_id")), "rows out of step"
        columns = []
        for field in schema.KEPT:
            if field.name in batch.schema.names:
                columns.append(batch.column(field.name))
            elif field.name in rows.column_names:
                columns.append(_only_chunk(rows, field.name))
            else:  # a source without line dedup
                columns.append(pa.nulls(batch.num_rows, field.type))
        joined = pa.RecordBatch.from_arrays(columns, schema=schema.KEPT)
        yield joined.filter(pc.fill_null(mask, False))


def _only_chunk(table: pa.Table, name: str) -> pa.Array:
    return table.column(name).combine_chunks()
