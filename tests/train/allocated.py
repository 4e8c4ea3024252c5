"""Bytes of tensors, as they are made, emptied and let go."""

import weakref
from collections.abc import Iterable
from typing import Any, Self
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Allocated(TorchDispatchMode):
    """What the tensors made within it take: `now`, and `peak`, the most there was at once.

    known: tensors that were there before and do not count. block: what a tensor's bytes are
    rounded up to.
    """

    def __init__(self, known: Iterable[torch.Tensor] = (), block: int = 1) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.is_within_kernel = False  # what is made meanwhile is no peak of its own
        self._block = block
        self._known = {id(storage): storage for storage in (t.untyped_storage() for t in known)}
        self._sizes: dict[int, int] = {}

    def __enter__(self) -> Self:
        resize = torch.UntypedStorage.resize_

        def resize_and_count(storage: torch.UntypedStorage, size: int) -> torch.UntypedStorage:
            resize(storage, size)
            self._set(id(storage), size)
            return storage

        self._patch = mock.patch.object(torch.UntypedStorage, "resize_", resize_and_count)
        self._patch.start()
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        self._patch.stop()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self._take(tensor.untyped_storage())
        return out

    def _take(self, storage: torch.UntypedStorage) -> None:
        if id(storage) not in self._sizes and id(storage) not in self._known:
            weakref.finalize(storage, self._set, id(storage), None)
            self._set(id(storage), storage.nbytes())

    def _set(self, key: int, size: int | None) -> None:
        self.now -= self._sizes.pop(key, 0)
        if size is not None:
            self._sizes[key] = -(-size // self._block) * self._block
            self.now += self._sizes[key]
        if not self.is_within_kernel:
            self.peak = max(self.peak, self.now)
