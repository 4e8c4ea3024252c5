"""The training loss of a step by the source its sequences are of."""

import numpy as np
from megatron.core import parallel_state

from train import forward
from train.data import Loader, rank_rows


def by_source(loader: Loader, batch: int, row_losses: list[float]) -> dict[str, float]:
    """Nats a token, the mean over the sequences of each source that batch `batch` (from 0) has.

    row_losses: of this replica's rows, in order; empty but on the last pipeline stage. A collective
    of all processes; {} where there is but one source, whose loss is the step's.
    """
    if len(loader.sources) < 2:
        return {}
    sources = loader.sources_of(batch)
    rank = parallel_state.get_data_parallel_rank()
    replicas = parallel_state.get_data_parallel_world_size()
    mine = sources[rank_rows(loader.batch_size, rank, replicas)]
    sums = np.zeros(len(loader.sources))
    if row_losses:
        np.add.at(sums, mine, row_losses)
    # Context-parallel processes each have the mean over their part of the sequence.
    sums /= parallel_state.get_context_parallel_world_size()
    totals = forward.sum_over_replicas(sums.tolist())
    counts = np.bincount(sources, minlength=len(sums)).tolist()
    found = zip(loader.sources, totals, counts, strict=True)
    return {name: total / count for name, total, count in found if count}
