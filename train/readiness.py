"""What processes do before they are a group, and waiting until all of them have done it.

A group's messages have a time limit, after which a peer counts as dead; reading terabytes of shards
may take longer. So nothing of the group is under way meanwhile: each process looks into the run's
key-value store every second, which also keeps its connection from being dropped as idle.
"""

import functools
import os
import time
from collections.abc import Callable
from datetime import timedelta

import torch

from corpus.errors import AltiplanoError, ShardError

_LOOK_S = 1.0
_JOIN = timedelta(minutes=10)  # for all processes to start
_READY, _FAILED = "altiplano/ready", "altiplano/failed"


def when_all_are_ready(prepare: Callable[[], None]) -> None:
    """Runs `prepare` and returns when every process of the run has, however long that takes.

    Raises what it raised here, and ShardError with the same line in the other processes.
    """
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        prepare()
        return
    try:
        store = _store()
        try:
            prepare()
        except AltiplanoError as error:
            store.set(_FAILED, str(error))
            time.sleep(2 * _LOOK_S)  # the first process keeps the store: let the others look
            raise
        store.add(_READY, 1)
        while store.add(_READY, 0) < world_size:
            if store.check([_FAILED]):
                raise ShardError(store.get(_FAILED).decode())
            time.sleep(_LOOK_S)
    except torch.distributed.DistError as error:
        said = str(error).splitlines()[0]
        raise ShardError(
            f"another process was gone before all had checked the shards ({said}); see what it says"
        ) from None


@functools.cache
def _store() -> torch.distributed.Store:
    """The store that the group will meet in, too; the first process keeps it to its own end."""
    store, _, _ = next(torch.distributed.rendezvous("env://", timeout=_JOIN))
    return store
