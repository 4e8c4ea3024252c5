"""One process's part of a checkpoint: copied to host memory, then written by a thread.

megatron-core writes in a forked process, which is not safe where CUDA is in use, or in a spawned
one, which has to be sent the whole state first. A thread needs neither: copying, hashing and
writing of large tensors hold no interpreter lock for long.

The weights go into torch's files, the optimizer's state (train.shares) into one of raw numbers. Its
copy is in blocks: each is let go of when it is written, and CUDA's pinned memory, which torch
rounds up to a power of two and keeps, is neither wasted nor made anew at the next save.
"""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import torch
from megatron.core.dist_checkpointing.strategies.async_utils import AsyncRequest
from torch.distributed.checkpoint import filesystem

from corpus.errors import CheckpointError

# A file of this process: its path, and what goes into it, (bytes, tensors), each with the item of
# torch's save plan that it is.
Bucket = tuple[str, tuple[list[Any], list[Any]]]

BLOCK = 1 << 26  # bytes
_END_S = 10.0  # for the block being written when the run ends


@dataclass
class Part:
    """What this process writes, while a thread does it and when it is done."""

    # What torch's metadata needs of each file, by number of bucket; FileSystemWriter's form.
    results: dict[int, list[Any]] = field(default_factory=dict)
    sums: dict[str, dict[str, Any]] = field(default_factory=dict)  # name -> {bytes, sha256}
    failure: str | None = None  # why it was not written, where
    _given_up: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def is_done(self) -> bool:
        return self._thread is None or not self._thread.is_alive()

    def require_written(self) -> None:
        """Raises CheckpointError where this process could not write."""
        if self.failure:
            raise CheckpointError(self.failure)

    def written(self) -> list[Any]:
        """What torch's metadata needs of all of this process's files."""
        return [item for items in self.results.values() for item in items]

    def give_up(self) -> None:
        """Ends the writing where it is; one that hangs is left to end with the process."""
        self._given_up.set()
        if self._thread:
            self._thread.join(_END_S)

    def _write(self, buckets: list[Bucket], transforms: Any, raw: "_Raw") -> None:
        files: list[tuple[Path, Callable[[_Hashed], None]]] = [
            (Path(path), partial(self._put_items, number, content, transforms))
            for number, (path, content) in enumerate(buckets)
        ]
        files.append((raw.path, partial(self._put_blocks, raw.blocks)))
        for path, put in files:
            stream = _Hashed()
            try:
                with path.open("wb") as stream.raw:
                    put(stream)
                    stream.flush()
                    os.fsync(stream.raw.fileno())
            except Exception as error:
                # torch tells of a full disk without saying so; the stream knows the reason.
                self.failure = f"{path}: {stream.failure or error}"
                return
            self.sums[path.name] = {"bytes": stream.size, "sha256": stream.digest.hexdigest()}

    def _put_items(
        self,
        number: int,
        content: tuple[list[Any], list[Any]],
        transforms: Any,
        stream: "_Hashed",
    ) -> None:
        form = filesystem.SerializationFormat.TORCH_SAVE
        write: Any = filesystem._write_item  # asks for a whole IOBase and uses what _Hashed has
        self.results[number] = []
        for item, data in (*content[0], *content[1]):
            self._require_wanted()
            name = Path(stream.raw.name).name
            self.results[number].append(write(transforms, stream, data, item, name, form))

    def _put_blocks(self, blocks: deque[torch.Tensor], stream: "_Hashed") -> None:
        while blocks:
            self._require_wanted()
            stream.write(blocks.popleft().numpy().data)

    def _require_wanted(self) -> None:
        if self._given_up.is_set():
            raise InterruptedError("the run ended")


@dataclass(frozen=True)
class _Raw:
    """A file of tensors' bytes, one after the other, cut into blocks."""

    path: Path
    blocks: deque[torch.Tensor]


def start(request: AsyncRequest, live: set[int], path: Path, tensors: list[torch.Tensor]) -> Part:
    """Copies what is to be written, so that training may go on, and begins to write it.

    request: megatron-core's, for the weights. live: addresses of the host memory that training goes
    on to change; megatron-core has made copies of the rest, which need no other. path, tensors: a
    file, and those whose bytes it gets, one after the other.
    """
    part, buckets, transforms = Part(), [], None
    if request.async_fn is not None:
        transforms = request.async_fn.args[0][0]  # of FileSystemWriter, bound by megatron-core
        buckets = _copied(request.async_fn_args[1], live)
    raw = _Raw(path, _in_blocks(tensors))
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # copies to the host are under way
    part._thread = threading.Thread(
        target=part._write, args=(buckets, transforms, raw), name="checkpoint", daemon=True
    )
    part._thread.start()
    return part


def sum_of(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, as they are kept of every file of a checkpoint."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _copied(buckets: list[Any], live: set[int]) -> list[Bucket]:
    # megatron-core's buckets have a name besides.
    def copy(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_cuda:
            return tensor.to("cpu", non_blocking=True)  # to memory that torch pins for it
        return tensor.clone() if tensor.untyped_storage().data_ptr() in live else tensor

    copies = []
    for path, _, (objects, tensors) in buckets:
        mine = [(item, copy(tensor)) for item, tensor in tensors]
        copies.append((path, (objects, mine)))
    return copies


def _in_blocks(tensors: list[torch.Tensor]) -> deque[torch.Tensor]:
    """The tensors' bytes, copied to host memory; all blocks but the last are of the same size."""
    left = sum(tensor.nbytes for tensor in tensors)
    blocks: deque[torch.Tensor] = deque()
    room = torch.empty(0, dtype=torch.uint8)  # of the last block, what is not filled
    for tensor in tensors:
        rest = tensor.reshape(-1).view(torch.uint8)
        while len(rest):
            if not len(room):
                size = min(BLOCK, left)
                room = torch.empty(size, dtype=torch.uint8, pin_memory=torch.cuda.is_available())
                blocks.append(room)
                left -= size
            count = min(len(room), len(rest))
            room[:count].copy_(rest[:count], non_blocking=True)
            room, rest = room[count:], rest[count:]
    return blocks


class _Hashed:
    """A file that knows the hash of what was put into it, and why it would take no more."""

    raw: BinaryIO

    def __init__(self) -> None:
        self.digest, self.size = hashlib.sha256(), 0
        self.failure: OSError | None = None

    def write(self, data: Any) -> int:
        self.digest.update(data)
        try:
            count = self.raw.write(data)
        except OSError as error:
            self.failure = error
            raise
        self.size += count
        return count

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        try:
            self.raw.flush()
        except OSError as error:
            self.failure = error
            raise
