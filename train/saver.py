"""Saves checkpoints while training goes on, whole or not at all, and deletes old ones.

A save waits only until this process's part of the state is copied to host memory; a thread writes
it (train.writing). When all processes have written and synced theirs, they finish it together:
torch's metadata, run.json with the size and hash of every file, and last, in one rename, the
pointer. A folder that latest.json does not name is never read.
"""

import queue
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from megatron.core import dist_checkpointing, parallel_state
from megatron.core.dist_checkpointing.serialization import get_default_save_sharded_strategy
from megatron.core.dist_checkpointing.strategies import filesystem_async
from megatron.core.dist_checkpointing.strategies.async_utils import AsyncRequest
from megatron.core.dist_checkpointing.strategies.fully_parallel import (
    FullyParallelSaveStrategyWrapper,
)
from megatron.core.utils import unwrap_model

from corpus.errors import CheckpointError
from train import checkpoint, writing
from train.config import TrainConfig
from train.durable import put, sync
from train.identity import RUN
from train.integrity import steps
from train.parallel import device, is_main
from train.proof import settled
from train.watch import Row


@dataclass(frozen=True)
class _UnderWay:
    step: int
    folder: Path
    facts: dict[str, Any]  # for run.json
    request: AsyncRequest
    part: writing.Part
    began: float
    save_s: float  # that training stood still for it


class Saver:
    """A run's saves, at most one of them under way. All methods but `close` are collective."""

    def __init__(self, config: TrainConfig, tell: Callable[[Row], None]):
        """tell: takes the event of each save that was finished."""
        self._config, self._tell = config, tell
        self._under_way: _UnderWay | None = None

    def begin(self, training: checkpoint.Training, step: int, facts: dict[str, Any]) -> None:
        """Saves the state of a step; the save before it is finished first.

        Raises CheckpointError, on all processes alike, where one could not write.
        """
        self.finish()
        began = time.perf_counter()
        folder = self._config.checkpoints / f"step-{step:08d}"
        self._by_main(lambda: _emptied(folder), folder)
        # megatron-core starts a manager process, which imports torch anew, for a queue that a save
        # within this process does not need.
        filesystem_async._results_queue = queue.Queue()
        try:
            request = dist_checkpointing.save(
                checkpoint.state(training, is_loading=False),
                str(folder),
                _spread_over_replicas(),
                async_sharded_save=True,
            )
        except (OSError, RuntimeError) as error:  # what is not sharded is written by the main one
            raise self._failed(folder, f"{folder}: {error}") from error
        assert request is not None
        part = writing.start(request, _live(training))
        save_s = time.perf_counter() - began
        self._under_way = _UnderWay(step, folder, facts, request, part, began, save_s)
        if not self._config.async_save:
            self.finish()

    def poll(self) -> None:
        """Finishes the save under way where all processes have written theirs."""
        if self._under_way is None:
            return
        waiting = torch.tensor([int(not self._under_way.part.is_done())], device=device())
        torch.distributed.all_reduce(waiting, op=torch.distributed.ReduceOp.MAX)
        if not waiting.item():
            self.finish()

    def finish(self) -> None:
        """Waits for the save under way, if any, and makes it the one to resume from.

        Raises CheckpointError, on all processes alike, where one could not write.
        """
        save, self._under_way = self._under_way, None
        if save is None:
            return
        began = time.perf_counter()
        save.part.wait()
        parts: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(parts, (save.part.failure, save.part.sums))
        failures = [failure for failure, _ in parts if failure]
        if failures:
            raise self._failed(save.folder, failures[0])
        writing.deliver(save.request, save.part)
        try:
            for last_step in save.request.finalize_fns:
                last_step()
        except (OSError, RuntimeError) as error:
            raise self._failed(save.folder, f"{save.folder}: {error}") from error
        files = {name: one for _, sums in parts for name, one in sums.items()}
        self._by_main(lambda: self._commit(save, files), save.folder)
        finished = time.perf_counter()
        stood = save.save_s + finished - began
        times = {"save_s": round(stood, 6), "write_s": round(finished - save.began, 6)}
        self._tell({"event": "save", "step": save.step, **times})

    def close(self) -> None:
        """Gives up the save under way, if any; what it wrote is not taken for a checkpoint."""
        if self._under_way:
            self._under_way.part.give_up()

    def _commit(self, save: _UnderWay, files: dict[str, Any]) -> None:
        for path in save.folder.iterdir():
            if path.name not in files:  # what megatron-core and torch wrote at the end
                sync(path)
                files[path.name] = writing.sum_of(path)
        sync(save.folder)
        proof = settled(save.facts["proof"])
        put(save.folder / RUN, {"step": save.step, **save.facts, "proof": proof, "files": files})
        checkpoint.point_at(self._config, save.step, save.folder)
        self._delete_old(save.step)

    def _delete_old(self, newest: int) -> None:
        keep, every = self._config.keep_checkpoints, self._config.keep_every
        older = [found for found in steps(self._config.checkpoints) if found[0] < newest]
        whole = [(step, folder) for step, folder in older if (folder / RUN).exists()]
        spared = {step for step, _ in whole[max(0, len(whole) - keep + 1) :]}
        spared |= {step for step, _ in whole if every and step % every == 0}
        for step, folder in older:
            if step not in spared:
                (folder / RUN).unlink(missing_ok=True)  # from here on it is not whole
                shutil.rmtree(folder, ignore_errors=True)

    def _by_main(self, action: Callable[[], None], folder: Path) -> None:
        # Does it on the main process; an error there is all processes' error.
        failure: list[str | None] = [None]
        if is_main():
            try:
                action()
            except OSError as error:
                failure[0] = f"{error.filename or folder}: {error}"
        torch.distributed.broadcast_object_list(failure, src=0)
        if failure[0]:
            raise self._failed(folder, failure[0])

    def _failed(self, folder: Path, reason: str) -> CheckpointError:
        last = checkpoint.latest(self._config.checkpoints)
        kept = f"step {last[0]} is the last whole one" if last else "there is none before it"
        if is_main():
            shutil.rmtree(folder, ignore_errors=True)  # a full disk needs the room
        reason = " ".join(reason.split())[:300]
        return CheckpointError(
            f"{folder.name} was not saved ({reason}); {kept}; mend the disk and start the same "
            "command again to resume"
        )


def _spread_over_replicas() -> FullyParallelSaveStrategyWrapper:
    # Replicas hold the same weights: each writes a part of them.
    replicas = parallel_state.get_data_parallel_group(with_context_parallel=True)
    return FullyParallelSaveStrategyWrapper(get_default_save_sharded_strategy(), replicas)


def _live(training: checkpoint.Training) -> set[int]:
    # Where the tensors are that a step changes in place.
    inner = unwrap_model(training.model)  # data parallel's `buffers` are something else
    tensors = [t for part in inner for t in (*part.parameters(), *part.buffers())]
    for optimizer in training.optimizer.chained_optimizers:
        tensors += [param for group in optimizer.param_groups for param in group["params"]]
        for state in optimizer.optimizer.state.values():
            tensors += [value for value in state.values() if isinstance(value, torch.Tensor)]
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


def _emptied(folder: Path) -> None:
    (folder / RUN).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)  # what a killed save left
    folder.mkdir(parents=True)
