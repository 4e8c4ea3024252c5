"""CCNet's removal of repeated lines (arXiv:1911.00359, section 3.1), batch by batch.

A line is the first 8 bytes of the SHA-1 of its normalised form. What occurs in two documents of a
group of shards is navigation, a footer or a copied text. A line repeated inside one document only
keeps its first copy there.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.counts import Counts
from corpus.dedup.characters import dedup_table
from corpus.dedup.line_table import LineTable, SharedLines, read_only
from corpus.dedup.normalize import normalize_for_dedup
from corpus.errors import ConfigError
from corpus.kernels.line_removal import directory, join_lines, keep_lines, spare_blank
from corpus.kernels.lines import count_lines, hash_lines
from corpus.ragged import utf8_bytes
from corpus.schema import DEDUPED

Policy = Literal["all_removed", "keep_first"]
_Defect = Literal["exact", "fixed"]
# Of texts, the hashes of what is compared of them, text after text, and how many each has.
Hashed = Callable[[pa.Array], tuple[np.ndarray, np.ndarray]]
_NONE = np.empty(0, np.uint64)


@dataclass(frozen=True)
class LineDedupConfig:
    """Over which shards lines are compared, and what becomes of one that is seen again.

    `group_shards` shards in name order form a group (cc_net's published setting is 50); 0 compares
    over the whole input. `policy`: `all_removed` removes such a line everywhere, as cc_net does;
    `keep_first` leaves it in the document of the smallest doc_id of the group, at its first place
    there. The others are cc_net's defects: `exact` does as it does, `fixed` does not.
    `zero_hash`: a line whose hash is 0 is lost. `blank_lines`: blank lines are compared as well,
    so that paragraphs lose what parts them.
    """

    enabled: bool = True
    group_shards: int = 0
    policy: Policy = "all_removed"
    zero_hash: _Defect = "exact"
    blank_lines: _Defect = "exact"

    def __post_init__(self) -> None:
        if self.group_shards < 0:
            raise ConfigError(
                f"group_shards={self.group_shards} must be >= 0; 0 is the whole input"
            )


_AS_CCNET = LineDedupConfig()


class SeenLines:
    """The lines of a shard that its group has seen again, ready to be looked up.

    `hashes` [S] uint64 ascending; `keepers` [S] uint64, under `keep_first`, are the doc_ids that
    keep each line.
    """

    def __init__(self, hashes: np.ndarray, keepers: np.ndarray | None = None) -> None:
        self.hashes = read_only(hashes)
        self.keepers = read_only(_NONE if keepers is None else keepers)
        self.directory = directory(self.hashes, max(len(hashes).bit_length() - 2, 1))

    def kept(self, hashes: np.ndarray, text_lines: np.ndarray, doc_ids: pa.Array) -> np.ndarray:
        """[lines] bool: which of the lines `text_lines[i]:text_lines[i + 1]` of text i stay."""
        return keep_lines(
            hashes, text_lines, doc_ids.to_numpy(), self.hashes, self.directory, self.keepers
        )


def _hashed_lines(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    lines = _Lines(texts)
    return lines.hashes, lines.in_texts


def document_line_hashes(text: str) -> np.ndarray:
    """The [lines] uint64 hashes of a text split at newlines; blank lines are hashed as well."""
    return line_hashes(pa.array([text], pa.large_string()))


def line_hashes(texts: pa.Array) -> np.ndarray:
    """The [lines] uint64 hashes of an array of texts, text after text."""
    return _Lines(texts).hashes


def shard_hashes(
    batches: Iterable[pa.RecordBatch],
    policy: Policy = "all_removed",
    hashed: Hashed = _hashed_lines,
) -> SharedLines:
    """What one shard tells the others about its lines, or about what else `hashed` makes of texts.

    Takes the shard's documents in batches of any size. Returns its distinct line hashes, ascending,
    whether two documents of the shard have each (repeats inside one do not count) and, under
    `keep_first`, the smallest doc_id that has it. An empty text has no line.
    """
    keyed = policy == "keep_first"
    table = LineTable(keyed)
    documents = 0
    for batch in batches:
        lengths = pc.fill_null(pc.binary_length(batch.column("text")), 0).to_numpy()
        written = batch if lengths.all() else batch.filter(pa.array(lengths > 0))
        hashes, in_texts = hashed(written.column("text"))
        owner = np.arange(documents + 1, documents + 1 + written.num_rows, dtype=np.uint32)
        ids = written.column("doc_id").to_numpy()
        table.add(
            hashes,
            np.repeat(owner, in_texts),
            first=np.repeat(ids, in_texts) if keyed else None,
        )
        documents += written.num_rows
    return table.lines()


def remove_lines(
    batch: pa.RecordBatch,
    seen: SeenLines,
    counts: Counts,
    config: LineDedupConfig = _AS_CCNET,
) -> pa.RecordBatch:
    """Takes a batch of DOCUMENT to DEDUPED, without the lines seen again in other documents.

    A document of which no text is left is dropped and counted under "no line left"; lines and
    characters before and after are counted for all.
    """
    lines = _Lines(batch.column("text"))
    kept = seen.kept(lines.hashes, lines.text_lines, batch.column("doc_id"))
    if config.zero_hash == "exact":
        kept &= lines.hashes != 0
    if config.blank_lines == "fixed":
        lines.spare_blank(kept)
    stays, text, offsets, line_ids, id_offsets, characters = join_lines(
        lines.data, lines.offsets, lines.text_lines, lines.starts, kept, dedup_table()
    )
    counts.add("lines_in", len(kept))
    counts.add("lines_out", len(line_ids))
    counts.add("chars_in", int(characters[:, 0].sum()))
    counts.add("chars_out", int(characters[:, 1].sum()))
    urls = batch.column("url")
    for row in np.flatnonzero(~stays):
        counts.skip("no line left", urls[int(row)].as_py())
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    new = {
        "text": pa.Array.from_buffers(pa.large_string(), len(offsets) - 1, buffers),
        "line_ids": pa.ListArray.from_arrays(
            pa.array(id_offsets.astype(np.int32)), pa.array(line_ids)
        ),
        "original_nlines": pa.array(lines.in_texts[stays], pa.int32()),
        "original_length": pa.array(characters[stays, 0], pa.int32()),
    }
    mask = pa.array(stays)
    columns = [new[f.name] if f.name in new else batch.column(f.name).filter(mask) for f in DEDUPED]
    return pa.RecordBatch.from_arrays(columns, schema=DEDUPED)


class _Lines:
    """All lines of an array of texts, text after text, as the kernels give them."""

    def __init__(self, texts: pa.Array) -> None:
        self.data, offsets = utf8_bytes(texts)
        self.offsets = read_only(offsets)
        self.text_lines = count_lines(self.data, self.offsets)
        self.in_texts = np.diff(self.text_lines)
        self.starts, self.hashes, in_context = hash_lines(
            self.data, self.offsets, self.text_lines, dedup_table()
        )
        for line in np.flatnonzero(in_context).tolist():
            self.hashes[line] = form_hash(normalize_for_dedup(self._text(line)))

    def spare_blank(self, kept: np.ndarray) -> None:
        """Keeps every line of white space alone as well."""
        where = (self.data, self.offsets, self.text_lines, self.starts, dedup_table())
        spare_blank(kept, self.hashes, form_hash(""), *where)

    def _text(self, line: int) -> str:
        text = int(np.searchsorted(self.text_lines, line, side="right")) - 1
        start, end = int(self.starts[line]), int(self.offsets[text + 1])
        if line + 1 < self.text_lines[text + 1]:
            end = int(self.starts[line + 1]) - 1
        return self.data[start:end].tobytes().decode("utf-8", "surrogatepass")


def form_hash(form: str) -> np.uint64:
    """The first 8 bytes of the SHA-1 of the form that a line, or other text, is compared in."""
    raw = form.encode("utf-8", "surrogatepass")
    digest = hashlib.sha1(raw, usedforsecurity=False).digest()
    return np.uint64(int.from_bytes(digest[:8], "little"))
