"""The documents behind a refused batch: whose loss it was."""

import math
from typing import Any

import torch
from megatron.core import parallel_state

from corpus.errors import AltiplanoError
from train.data import Loader
from train.parallel import is_main
from train.spans import spans
from train.streams import TokenStream, manifest_files

MOST = 64  # documents that are named; `altiplano why-token` has all of a step


def suspects(loader: Loader, manifest: str, batch: int, row_losses: list[float]) -> dict[str, Any]:
    """The rows of batch `batch` (from 0) that are at fault and their documents, fit for JSON.

    Rows are those whose loss is not finite, else the one with the highest. row_losses: of this
    replica's rows, on the last pipeline stage only. A collective; on all processes but the main one
    the result is empty.
    """
    ranks: list[Any] = [None] * torch.distributed.get_world_size()
    mine = (parallel_state.get_data_parallel_rank(), row_losses)
    torch.distributed.all_gather_object(ranks, mine)
    if not is_main():
        return {}
    by_rank: dict[int, list[float]] = {}
    for rank, losses in ranks:
        if losses:  # context parallel processes have parts of the same sequences
            before = by_rank.get(rank, losses)
            by_rank[rank] = [_worse(*two) for two in zip(before, losses, strict=True)]
    return {
        "rows": (rows := _rows(by_rank)),
        **_documents(loader, manifest, batch, rows),
    }


def _worse(one: float, other: float) -> float:
    return max(one, other) if math.isfinite(one) else one


def _rows(by_rank: dict[int, list[float]]) -> list[int]:
    # A replica has as many rows on end as it has losses (data.rank_rows).
    losses = [loss for _, own in sorted(by_rank.items()) for loss in own]
    bad = [row for row, loss in enumerate(losses) if not math.isfinite(loss)]
    return bad or [max(range(len(losses)), key=lambda row: losses[row])]


def _documents(loader: Loader, manifest: str, batch: int, rows: list[int]) -> dict[str, Any]:
    stream = TokenStream(manifest, manifest_files(manifest), loader.sources, "train")
    positions = loader.locate(batch)
    found = []
    try:
        for row in rows:
            for span in spans(stream, int(positions[row]), loader.seq_length + 1):
                source = stream.files[stream.locate(int(positions[row]))[0]].source
                place = {"shard": span.shard, "document": span.document}
                tokens = list(span.tokens)
                doc = {"row": row, "source": source, "doc_id": span.doc_id}
                found.append({**doc, **place, "tokens": tokens})
    except AltiplanoError as error:  # to name them must not end a run that is to go on
        return {"documents": found[:MOST], "documents_error": str(error)}
    return {"documents": found[:MOST], "num_documents": len(found)}
