"""`altiplano why-token RUN STEP [RANK]`: which documents a training step was made of, and whence.

Batches are a pure function of the step, a shard's offsets lead from a token to its document, and
the build's tables from there to what was measured, decided and read: nothing had to be logged.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from corpus import storage
from corpus.batches import unit_name
from corpus.config import load
from corpus.errors import ConfigError, DataError
from corpus.manifest import MANIFEST_NAME, Manifest
from corpus.schema import DECISION, DOCUMENT, LEDGER
from jobs.report.data import Run, read_run
from jobs.report.lookup import find_rows, read_rows
from tokenizer.shards import ShardFile
from train.config import TrainConfig, data_parallel_size
from train.data import Loader, rank_rows
from train.spans import Span, spans
from train.streams import TokenStream, manifest_files

_RECORD = [name for name in DOCUMENT.names if name not in ("text", "doc_id", "source")]


@dataclass(frozen=True)
class Piece(Span):
    """What of a document is in a sequence, and what the build knows of the document."""

    source: str | None = None  # as the build names it; None where its tables are not there
    record: dict[str, Any] | None = None  # url, origin (file#position) and what else was stated
    ledger: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None


@dataclass(frozen=True)
class Sample:
    """One sequence of the step's batch."""

    row: int  # in the global batch
    drawn_from: str  # the mixture's source
    pieces: list[Piece]


@dataclass(frozen=True)
class Answer:
    step: int
    steps: int
    rank: int | None
    ranks: int
    tokens: int  # a sequence: those it is trained on and one to begin with
    samples: list[Sample]
    without_tables: str | None  # why there are no ledger rows, if there are none

    def to_tree(self) -> dict[str, Any]:
        return asdict(self)


def why(folder: str, step: int, rank: int | None = None, ranks: int | None = None) -> Answer:
    """The documents of a step, counted from 1 as in metrics.jsonl, or of what one rank read of it.

    `folder` is a build's output or a training's. Ranks are data parallel ones, as many as the
    config says unless given. Raises ConfigError for a step or rank there is none of, DataError
    where nothing was trained, ShardError for a damaged shard.
    """
    training, manifest = _training(folder)
    steps, batch = training.schedule.steps, training.schedule.batch_sequences
    if not 1 <= step <= steps:
        raise ConfigError(f"step {step} is none of the run's; choose 1 to {steps}")
    if ranks is None:
        ranks = data_parallel_size(training, training.parallel.world_size)
    if ranks < 1:
        raise ConfigError(f"{ranks} ranks: choose 1 or more (--ranks)")
    if batch % ranks:
        raise ConfigError(f"{ranks} ranks do not divide a batch of {batch} sequences (--ranks)")
    if rank is not None and not 0 <= rank < ranks:
        choice = f"0 to {ranks - 1}" if ranks > 1 else "0"
        raise ConfigError(f"rank {rank} is none of {ranks}; choose {choice} (or --ranks)")
    rows = slice(0, batch) if rank is None else rank_rows(batch, rank, ranks)
    length = training.shape.seq_length
    loader = Loader(manifest, training.weights, length, batch, training.seed)
    stream = TokenStream(manifest, manifest_files(manifest), loader.sources, "train")
    positions = loader.locate(_batch(folder, step) - 1, rows).tolist()
    found = [
        [Piece(**vars(span)) for span in spans(stream, position, length + 1)]
        for position in positions
    ]
    missing = None
    try:
        _name(read_run(storage.parent(storage.parent(manifest))), found)
    except DataError as error:
        missing = str(error)
    samples = [
        Sample(row, _file_at(stream, position).source, pieces)
        for row, position, pieces in zip(
            range(rows.start, rows.stop), positions, found, strict=True
        )
    ]
    return Answer(step, steps, rank, ranks, length + 1, samples, missing)


def _training(folder: str) -> tuple[TrainConfig, str]:
    """The training of a build's output or of its own folder, and the manifest of its shards."""
    for place in (storage.join(folder, "train"), folder):
        config = storage.join(place, "config.json")
        if storage.exists(config):
            training = load(TrainConfig, config)
            beside = storage.join(folder, "shards", MANIFEST_NAME)
            return training, beside if storage.exists(beside) else training.manifest
    raise DataError(f"nothing was trained in {folder}; give the output of a build or a training")


def _batch(folder: str, step: int) -> int:
    """The batch a step took, from 1: its own number unless batches before it were left out."""
    for place in (storage.join(folder, "train"), folder):
        metrics = storage.join(place, "metrics.jsonl")
        if storage.exists(metrics):
            for line in storage.read_bytes(metrics).decode().split("\n")[:-1]:
                row = json.loads(line)
                if row["step"] == step and "event" not in row:
                    return row.get("batch", step)
    return step


def _file_at(stream: TokenStream, position: int) -> ShardFile:
    return stream.files[stream.locate(position)[0]]


def _name(run: Run, samples: list[list[Piece]]) -> None:
    """Puts what the build's tables know of each document into its pieces, in place."""
    wanted: dict[str, set[int]] = {}
    for pieces in samples:
        for piece in pieces:
            wanted.setdefault(piece.shard, set()).add(piece.doc_id)
    known: dict[int, dict[str, Any]] = {}
    for shard, ids in wanted.items():
        # A shard's name begins with the unit of the first file of documents in it.
        unit = storage.base_name(shard).rsplit("-", 3)[0]
        found = _rows(run.documents, ids, unit, ["doc_id", "source", *_RECORD])
        for source in sorted({row["source"] for row, _ in found.values()}):
            tables = next((s for s in run.sources if s.name == source), None)
            mine = {i: unit for i, (row, unit) in found.items() if row["source"] == source}
            at = min(mine.values())
            ledger = _rows(tables.ledger if tables else None, set(mine), at, LEDGER.names)
            decided = _rows(tables.decisions if tables else None, set(mine), at, DECISION.names)
            for doc_id in mine:
                row = found[doc_id][0]
                known[doc_id] = {
                    "source": source,
                    "record": {name: row[name] for name in _RECORD if row.get(name) is not None},
                    "ledger": ledger.get(doc_id, (None,))[0],
                    "decision": decided.get(doc_id, (None,))[0],
                }
    for pieces in samples:
        pieces[:] = [_with(piece, known.get(piece.doc_id, {})) for piece in pieces]


def _with(piece: Piece, known: dict[str, Any]) -> Piece:
    return Piece(**{**vars(piece), **known})


def _rows(
    stage: Manifest | None, ids: set[int], unit: str, columns: Sequence[str]
) -> dict[int, tuple[dict[str, Any], str]]:
    """Rows of a stage by document, each with its unit; looked for from the file of a unit on."""
    found: dict[int, tuple[dict[str, Any], str]] = {}
    files = list(stage.files) if stage else []
    at = next((n for n, file in enumerate(files) if unit_name(file) == unit), 0)
    for file in [*files[at:], *files[:at]]:
        if len(found) == len(ids):
            break
        assert stage is not None
        path = stage.path(file)
        rows = list(find_rows(path, "doc_id", ids - found.keys()))
        for row in read_rows(path, rows, columns) if rows else ():
            found[row["doc_id"]] = (row, unit_name(file))
    return found
