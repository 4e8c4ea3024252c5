"""Saves checkpoints while training goes on, whole or not at all, and deletes old ones.

A save waits only until this process's part of the state is copied to host memory; a thread writes
it (train.writing). When all processes have written and synced theirs, they finish it together:
torch's metadata, the index of the optimizer's state, run.json with the size and hash of every file,
and last, in one rename, the pointer. A folder without run.json is never taken for a checkpoint.
"""

import queue
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from megatron.core import parallel_state
from megatron.core.dist_checkpointing.core import CheckpointingConfig, save_config
from megatron.core.dist_checkpointing.state_dict_utils import save_preprocess
from megatron.core.dist_checkpointing.strategies import filesystem_async
from megatron.core.dist_checkpointing.strategies.async_utils import AsyncRequest
from megatron.core.dist_checkpointing.strategies.common import COMMON_STATE_FNAME
from megatron.core.dist_checkpointing.strategies.fully_parallel import (
    FullyParallelSaveStrategyWrapper,
)
from megatron.core.dist_checkpointing.strategies.torch import TorchDistSaveShardedStrategy
from megatron.core.utils import unwrap_model

from corpus.errors import CheckpointError
from corpus.on_disk import flush
from train import agreed, checkpoint, shares, stored_state, writing
from train.config import TrainConfig
from train.durable import put
from train.identity import RUN
from train.integrity import abandoned, steps
from train.parallel import is_main
from train.proof import settled
from train.watch import Row

T = TypeVar("T")


@dataclass(frozen=True)
class _UnderWay:
    step: int
    folder: Path
    facts: dict[str, Any]  # for run.json
    plan: "_Plan"
    part: writing.Part
    content: stored_state.Content  # of this process's file of the optimizer's state
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
        self._tried(folder, lambda: agreed.by_main(lambda: _emptied(folder)))
        # megatron-core starts a manager process, which imports torch anew, for a queue that a save
        # within this process does not need.
        filesystem_async._results_queue = queue.Queue()
        sharded, common = save_preprocess(checkpoint.state(training))
        plan = _Plan("torch_dist", 1)
        self._tried(folder, lambda: agreed.by_main(lambda: _put_common(common, plan, folder)))
        # Replicas hold the same weights: each writes a part of them.
        replicas = parallel_state.get_data_parallel_group(with_context_parallel=True)
        request = FullyParallelSaveStrategyWrapper(plan, replicas).async_save(sharded, folder)
        own = [one for one in shares.held(training.model, training.optimizer) if one.is_stored_here]
        path = folder / stored_state.file_name(torch.distributed.get_rank())

        def start() -> writing.Part:
            return writing.start(request, _live(training), path, shares.tensors(own))

        part = self._tried(folder, lambda: agreed.by_each(start))
        plan.forget_tensors()
        save_s = time.perf_counter() - began
        self._under_way = _UnderWay(
            step, folder, facts, plan, part, shares.content(own), began, save_s
        )
        if not self._config.async_save:
            self.finish()

    def poll(self) -> None:
        """Finishes the save under way where all processes have written theirs."""
        if self._under_way is None:
            return
        if agreed.all_done(self._under_way.part.is_done()):
            self.finish()

    def finish(self) -> None:
        """Waits for the save under way, if any, and makes it the one to resume from.

        Raises CheckpointError, on all processes alike, where one could not write.
        """
        save, self._under_way = self._under_way, None
        if save is None:
            return
        began = time.perf_counter()
        work = f"writing {save.folder.name}"
        agreed.wait_for_all(save.part.is_done, work, self._config.disk_timeout_s)
        self._tried(save.folder, lambda: agreed.by_each(save.part.require_written))
        # The main process alone needs the rest: kilobytes of each, of thousands of processes.
        parts: list[Any] = [None] * torch.distributed.get_world_size() if is_main() else []
        mine = (save.part.sums, save.part.written(), save.content)
        torch.distributed.gather_object(mine, parts or None, dst=0)
        self._tried(save.folder, lambda: agreed.by_main(lambda: self._commit(save, parts)))
        finished = time.perf_counter()
        stood = save.save_s + finished - began
        times = {"save_s": round(stood, 6), "write_s": round(finished - save.began, 6)}
        self._tell({"event": "save", "step": save.step, **times})

    def close(self) -> None:
        """Gives up the save under way, if any; what it wrote is not taken for a checkpoint."""
        if self._under_way:
            self._under_way.part.give_up()

    def _commit(self, save: _UnderWay, parts: list[Any]) -> None:
        files = {name: one for sums, _, _ in parts for name, one in sums.items()}
        save.plan.put_metadata([written for _, written, _ in parts])
        contents = {stored_state.file_name(rank): one for rank, (_, _, one) in enumerate(parts)}
        put(save.folder / stored_state.INDEX, stored_state.index(contents))
        for path in save.folder.iterdir():
            if path.name not in files:  # what megatron-core and torch wrote at the end
                flush(path)
                files[path.name] = writing.sum_of(path)
        flush(save.folder)
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
        for step, folder in [*older, *abandoned(self._config.checkpoints, newest)]:
            if step not in spared or folder.name.startswith("abandoned-"):
                (folder / RUN).unlink(missing_ok=True)  # from here on it is not whole
                shutil.rmtree(folder, ignore_errors=True)

    def _tried(self, folder: Path, action: Callable[[], T]) -> T:
        try:
            return action()
        except CheckpointError as error:
            raise self._failed(folder, str(error)) from error

    def _failed(self, folder: Path, reason: str) -> CheckpointError:
        # Collective, as all processes have the same reason.
        def give_up() -> tuple[int, Path] | None:
            shutil.rmtree(folder, ignore_errors=True)  # a full disk needs the room
            return checkpoint.latest(self._config.checkpoints)

        last = agreed.by_main(give_up)
        kept = f"step {last[0]} is the last whole one" if last else "there is none before it"
        reason = " ".join(reason.split())[:300]
        return CheckpointError(
            f"{folder.name} was not saved ({reason}); {kept}; mend the disk and start the same "
            "command again to resume"
        )


class _Plan(TorchDistSaveShardedStrategy):
    """megatron-core's way of saving, up to where each process knows what it is to write.

    It ends a save by steps that are collectives with writing between them, of the main process
    alone: an error there would leave the others waiting. So that writing is done by us.
    """

    def put_metadata(self, written: list[Any]) -> None:
        """torch's `.metadata`, from what all processes wrote. Of the main process alone."""
        self._writer.finish(self._metadata, written)

    def forget_tensors(self) -> None:
        """Lets go of what has been copied."""
        self._writer.write_buckets = None

    def _get_save_and_finalize_callbacks(self, writer: Any, save_state_dict_ret: Any) -> Any:
        self._writer, self._metadata = writer, save_state_dict_ret[1]
        request: AsyncRequest = super()._get_save_and_finalize_callbacks(
            writer, save_state_dict_ret
        )
        return request


def _put_common(common: dict[str, Any], plan: _Plan, folder: Path) -> None:
    # What is not sharded, and the name of the format, as megatron-core's readers expect them.
    torch.save(common, folder / COMMON_STATE_FNAME)
    save_config(CheckpointingConfig(plan.backend, plan.version), str(folder))


def _live(training: checkpoint.Training) -> set[int]:
    # Where the weights are, which a step changes in place.
    inner = unwrap_model(training.model)  # data parallel's `buffers` are something else
    tensors = [t for part in inner for t in (*part.parameters(), *part.buffers())]
    return {tensor.untyped_storage().data_ptr() for tensor in tensors}


def _emptied(folder: Path) -> None:
    (folder / RUN).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)  # what a killed save left
    folder.mkdir(parents=True)
