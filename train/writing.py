"""One process's part of a checkpoint: copied to host memory, then written by a thread.

megatron-core writes in a forked process, which is not safe where CUDA is in use, or in a spawned
one, which has to be sent the whole state first. A thread needs neither: copying, hashing and
writing of large tensors hold no interpreter lock for long.
"""

import hashlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import torch
from megatron.core.dist_checkpointing.strategies.async_utils import AsyncRequest
from torch.distributed.checkpoint import filesystem

# A file of this process: its path, its name, and what goes into it, (bytes, tensors), each with
# the item of torch's save plan that it is.
Bucket = tuple[str, str, tuple[list[Any], list[Any]]]


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

    def written(self) -> list[Any]:
        """What torch's metadata needs of all of this process's files."""
        return [item for items in self.results.values() for item in items]

    def wait(self) -> None:
        if self._thread:
            self._thread.join()

    def give_up(self) -> None:
        """Ends the writing where it is."""
        self._given_up.set()
        self.wait()

    def _write(self, buckets: list[Bucket], transforms: Any) -> None:
        for number, (path, name, content) in enumerate(buckets):
            stream = _Hashed()
            try:
                with open(path, "wb") as stream.raw:
                    self.results[number] = self._items(stream, name, content, transforms)
                    stream.flush()
                    os.fsync(stream.raw.fileno())
            except Exception as error:
                # torch tells of a full disk without saying so; the stream knows the reason.
                self.failure = f"{path}: {stream.failure or error}"
                return
            self.sums[name] = {"bytes": stream.size, "sha256": stream.digest.hexdigest()}

    def _items(
        self, stream: "_Hashed", name: str, content: tuple[list[Any], list[Any]], transforms: Any
    ) -> list[Any]:
        form = filesystem.SerializationFormat.TORCH_SAVE
        write: Any = filesystem._write_item  # asks for a whole IOBase and uses what _Hashed has
        results = []
        for item, data in (*content[0], *content[1]):
            if self._given_up.is_set():
                raise InterruptedError("the run ended")
            results.append(write(transforms, stream, data, item, name, form))
        return results


def start(request: AsyncRequest, live: set[int]) -> Part:
    """Copies what the request is to write, so that training may go on, and begins to write it.

    live: addresses of the host memory that training goes on to change; megatron-core has made
    copies of the rest, which need no other.
    """
    part = Part()
    if request.async_fn is None:
        return part
    transforms = request.async_fn.args[0][0]  # of FileSystemWriter, bound by megatron-core
    copies = _copied(request.async_fn_args[1], live)
    part._thread = threading.Thread(
        target=part._write, args=(copies, transforms), name="checkpoint", daemon=True
    )
    part._thread.start()
    return part


def sum_of(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file, as they are kept of every file of a checkpoint."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}


def _copied(buckets: list[Bucket], live: set[int]) -> list[Bucket]:
    def copy(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_cuda:
            return tensor.to("cpu", non_blocking=True)  # to memory that torch pins for it
        return tensor.clone() if tensor.untyped_storage().data_ptr() in live else tensor

    copies = []
    for path, name, (objects, tensors) in buckets:
        mine = [(item, copy(tensor)) for item, tensor in tensors]
        copies.append((path, name, (objects, mine)))
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return copies


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
