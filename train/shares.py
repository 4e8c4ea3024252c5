"""What of the optimizer's state this process holds, and its way to a checkpoint and back.

ZeRO-1 gives each process flat ranges of its model's parameters to update; masters and moments exist
there and nowhere else. So each process writes its own ranges and reads its own back, and sends the
others none of them: 12 bytes a parameter, divided by all of them (train.stored_state).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from megatron.core.dist_checkpointing.mapping import (
    ShardedTensor,
    ShardedTensorFactory,
    is_main_replica,
)
from megatron.core.optimizer import MegatronOptimizer
from megatron.core.optimizer.distrib_optimizer import DistributedOptimizer
from megatron.core.transformer.module import MegatronModule
from megatron.core.utils import unwrap_model

from train.boxes import Box, of_range
from train.stored_state import STATES, Content, Stored


@dataclass(frozen=True)
class Share:
    """The flat range of one parameter that this process updates."""

    param: torch.Tensor
    optimizer: DistributedOptimizer
    numbers: int
    boxes: list[tuple[str, Box, int]]  # of the global tensor by its key, from which number on
    shapes: dict[str, tuple[int, ...]]
    is_stored_here: bool  # tensor parallel processes have the gains of norms each; one stores them

    def states(self) -> dict[str, torch.Tensor]:
        """Its numbers [numbers], fp32, of each of STATES, where they are."""
        held = self.optimizer._get_main_param_and_optimizer_states(self.param)
        # Transformer Engine's Adam makes its moments at the first step.
        return {
            name: held[name] if name in held else torch.zeros_like(held["param"]) for name in STATES
        }


def held(model: list[MegatronModule], optimizer: MegatronOptimizer) -> list[Share]:
    """The shares of a model's parts as wrapped for training, in the order of the buffers."""
    sharded = {
        id(one.data): one
        for part in unwrap_model(model)
        for one in part.sharded_state_dict().values()
        if isinstance(one, (ShardedTensor, ShardedTensorFactory))
    }
    return [
        _share(param, part, found["param"].start, found["param"].end, sharded[id(param)])
        for part in optimizer.chained_optimizers
        for buffer in part.gbuf_ranges
        for buckets in buffer.values()
        for bucket in buckets
        for param, found in bucket["param_map"].items()
    ]


def content(shares: list[Share]) -> Content:
    """What this process's file has, where it is of `numbers` of these shares."""
    boxes: list[tuple[str, Box, int]] = []
    shapes: dict[str, tuple[int, ...]] = {}
    numbers = 0
    for share in shares:
        boxes += [(key, box, numbers + begin) for key, box, begin in share.boxes]
        shapes |= share.shapes
        numbers += share.numbers
    return Content(numbers, boxes, shapes)


def tensors(shares: list[Share]) -> list[torch.Tensor]:
    """The numbers of this process's file, one tensor after the other."""
    states = [share.states() for share in shares]
    return [one[name].detach() for name in STATES for one in states]


@torch.no_grad()
def load(shares: list[Share], folder: Path) -> None:
    """Puts what a checkpoint has of these shares into the optimizer, which has room for it.

    Raises CheckpointError where it does not have all of them, or cannot be read.
    """
    with Stored(folder) as stored:
        for share in shares:
            for name, state in share.states().items():
                found = np.empty(share.numbers, np.float32)
                for key, box, begin in share.boxes:
                    part = found[begin : begin + box.size].reshape(box.shape)
                    stored.read(name, key, box, part)
                state.copy_(torch.from_numpy(found))


def _share(
    param: torch.Tensor,
    optimizer: DistributedOptimizer,
    start: int,
    end: int,
    sharded: ShardedTensor | ShardedTensorFactory,
) -> Share:
    boxes, shapes = [], {}
    for one, first in _parts(sharded):
        shape = (1,) * one.prepend_axis_num + tuple(one.local_shape)
        begin, stop = max(start, first), min(end, first + one.data.numel())
        place = begin - start
        for box in of_range(shape, begin - first, stop - first):
            boxes.append((one.key, box.moved(one.global_offset), place))
            shapes[one.key] = tuple(one.global_shape)
            place += box.size
    covered = sum(box.size for _, box, _ in boxes)
    assert covered == end - start, f"{sharded.key}: {covered} of {end - start} numbers are in boxes"
    # Its last coordinate tells replicas apart, which hold other ranges each.
    return Share(
        param, optimizer, end - start, boxes, shapes, is_main_replica(sharded.replica_id[:-1])
    )


def _parts(sharded: ShardedTensor | ShardedTensorFactory) -> Iterator[tuple[ShardedTensor, int]]:
    """The boxes that a parameter is of global tensors, and from which of its numbers on.

    A factory's parts are views of the parameter: SwiGLU's gate and up, one after the other.
    """
    built = sharded.build() if isinstance(sharded, ShardedTensorFactory) else [sharded]
    for one in built:
        assert one.data.is_contiguous(), f"{one.key} is in no one piece of its parameter"
        yield one, one.data.storage_offset() - sharded.data.storage_offset()
