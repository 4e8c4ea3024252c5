"""The loader as a torch dataset, for a trainer that has a DataLoader of its own."""

import torch

from train.data import Loader


class StepBatches(torch.utils.data.Dataset[torch.Tensor]):
    """Item i is the batch of step first + i, [rows, seq_length + 1] int64, of steps up to `stop`.

    For `DataLoader(dataset, batch_size=None, num_workers=N)`: an item is a batch already, and they
    are to be taken in order. Workers map the shards they meet once more each; train.prefetch, which
    our trainer uses, does with a thread.
    """

    def __init__(self, loader: Loader, rows: slice, first: int, stop: int):
        self._loader, self._rows, self._steps = loader, rows, range(first, stop)

    def __len__(self) -> int:
        return len(self._steps)

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.from_numpy(self._loader.batch(self._steps[index], self._rows))
