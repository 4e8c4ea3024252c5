"""Batches made ahead of the step that takes them, in a thread of their own.

The loader's kernels hold no interpreter lock, so one thread beside the step keeps up with any GPU,
page faults of a cold disk included; worker processes would map every shard once more each.
"""

import time
from collections import deque
from collections.abc import Collection
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import torch

from train.data import Loader


class Prefetch:
    """A rank's batches of steps on end, the next few of them under way; close it when done.

    waited_s: how long the last `take` had to wait.
    """

    def __init__(
        self,
        loader: Loader,
        rows: slice,
        first: int,
        stop: int,
        ahead: int,
        skipped: Collection[int] = (),
    ):
        """Batches first to stop - 1, but for those skipped."""
        self._loader, self._rows, self._skipped = loader, rows, frozenset(skipped)
        self._next, self._stop = first, stop
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
        self._under_way: deque[Future[torch.Tensor]] = deque()
        self._pinned = torch.cuda.is_available()
        self.waited_s = 0.0
        for _ in range(ahead):
            self._begin_next()

    def take(self) -> torch.Tensor:
        """The batch of the next step, [rows, seq_length + 1] int64, in pinned memory with CUDA.

        Raises what the loader raised. Not to be called for more steps than there are.
        """
        began = time.perf_counter()
        batch = self._under_way.popleft().result()
        self.waited_s = time.perf_counter() - began
        self._begin_next()
        return batch

    def close(self) -> None:
        """Ends the thread; batches not begun are not made."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin_next(self) -> None:
        while self._next in self._skipped:
            self._next += 1
        if self._next < self._stop:
            self._under_way.append(self._thread.submit(self._make, self._next))
            self._next += 1

    def _make(self, step: int) -> torch.Tensor:
        if not self._pinned:
            return torch.from_numpy(self._loader.batch(step, self._rows))
        # PyTorch hands a pinned buffer on only when copies from it to the device are done.
        rows = len(range(*self._rows.indices(self._loader.batch_size)))
        shape = (rows, self._loader.seq_length + 1)
        batch = torch.empty(shape, dtype=torch.int64, pin_memory=True)
        self._loader.batch(step, self._rows, out=batch.numpy())
        return batch
