"""A measured pair: our work and a peer's on the same input, timed turn and turn about."""

import time
from collections.abc import Callable, Sequence
from tempfile import TemporaryDirectory
from typing import NamedTuple


class Case(NamedTuple):
    """What a source's bench gives: the same documents through ours and through the peer."""

    peer: str  # the library or tool, with its version
    bytes: int  # of raw input, unpacked
    documents: int
    ours: Callable[[], object]
    theirs: Callable[[], object]
    folder: TemporaryDirectory[str] | None = None  # what both read, removed when they are done


def seconds(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The least CPU seconds of each work over the rounds, in which they take turns."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for index, work in enumerate(works):
            start = time.process_time()
            work()
            best[index] = min(best[index], time.process_time() - start)
    return best
