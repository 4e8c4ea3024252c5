"""Are a checkpoint's files those that were written: sizes and hashes, before anything is loaded.

A file cut short or with one bit turned would otherwise be found out by a crash of the reader, or
not at all.
"""

import heapq
import re
from pathlib import Path
from typing import Any

import torch

from corpus.errors import CheckpointError
from train import agreed
from train.identity import RUN, facts
from train.writing import sum_of


def steps(checkpoints: Path) -> list[tuple[int, Path]]:
    """Steps and folders of all that is there, whole or not, in order."""
    return _numbered(checkpoints, "step-")


def abandoned(checkpoints: Path, up_to: int) -> list[tuple[int, Path]]:
    """Those put aside when the run went back, up to a step."""
    return [one for one in _numbered(checkpoints, "abandoned-step-") if one[0] <= up_to]


def require_described(folder: Path, limit_s: float, gone_back_to: int | None = None) -> None:
    """Raises CheckpointError as require_sound does where a checkpoint's own description, run.json
    and torch's .metadata, is missing or no JSON. A collective, and quick where nothing is.

    limit_s: for reading an older one, which is to be proposed.
    """
    fault = agreed.by_main(lambda: _described(folder))[0]
    _require_none(fault, folder, limit_s, gone_back_to)


def require_sound(folder: Path, limit_s: float, gone_back_to: int | None = None) -> None:
    """Raises CheckpointError that names a damaged file and the newest older checkpoint that is
    sound. A collective: each process reads its part of the files, in the time limit.

    gone_back_to: the step that the run, as its pointer says, has gone back to already.
    """
    _require_none(damage(folder, limit_s), folder, limit_s, gone_back_to)


def advice(step: int, gone_back_to: int | None) -> str:
    """How a run goes on from `step`: it goes back there once, and again only without a pointer."""
    again = ", once latest.json, which says it went back there, is deleted"
    again = again if step == gone_back_to else ""
    return f"resume_from={step}{again} (train.resume_from)"


def _require_none(
    fault: str | None, folder: Path, limit_s: float, gone_back_to: int | None
) -> None:
    if fault is None:
        return

    def whole_ones() -> list[tuple[int, Path]]:
        older = [other for other in steps(folder.parent) if other[1].name < folder.name]
        return [(step, other) for step, other in older if (other / RUN).exists()]

    way_out = "no older one is sound; restore it, or delete the checkpoints to start anew"
    for step, other in reversed(agreed.by_main(whole_ones)):
        if damage(other, limit_s) is None:
            way_out = f"restore it, or resume from step {step}, which is sound: "
            way_out += advice(step, gone_back_to)
            break
    raise CheckpointError(f"{fault}; {way_out}")


def damage(folder: Path, limit_s: float) -> str | None:
    """What is wrong with a checkpoint's files, None where nothing is; one that was written before
    hashes were kept is not looked into. A collective."""
    fault, stored = agreed.by_main(lambda: _described(folder))
    if fault is not None:
        return fault
    ranks, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
    mine = _shares({name: one["bytes"] for name, one in stored.items()}, ranks)[rank]
    own = agreed.by_each_meanwhile(
        lambda: [_fault(folder / name, stored[name]) for name in mine],
        f"checking {folder.name}",
        limit_s,
    )
    faults: list[str | None] = [None] * ranks
    torch.distributed.all_gather_object(faults, next(filter(None, own), None))
    return next(filter(None, faults), None)


def _described(folder: Path) -> tuple[str | None, dict[str, Any]]:
    """What is wrong with run.json or .metadata, and the files that run.json knows of."""
    try:
        files = facts(folder).get("files", {})
    except CheckpointError as error:
        return str(error), {}
    metadata = folder / ".metadata"
    return (None if metadata.exists() else f"{metadata} is missing"), files


def _numbered(checkpoints: Path, prefix: str) -> list[tuple[int, Path]]:
    # A copy someone made beside them, step-00000100-old, is none of them.
    form = re.compile(re.escape(prefix) + r"(\d{8,})")
    found = [(form.fullmatch(folder.name), folder) for folder in checkpoints.glob(f"{prefix}*")]
    return sorted((int(match[1]), folder) for match, folder in found if match)


def _shares(sizes: dict[str, int], count: int) -> list[list[str]]:
    # As even as can be by bytes: the largest first, each to who has least.
    shares: list[list[str]] = [[] for _ in range(count)]
    loads = [(0, number) for number in range(count)]  # a heap
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        load, number = heapq.heappop(loads)
        shares[number].append(name)
        heapq.heappush(loads, (load + sizes[name], number))
    return shares


def _fault(path: Path, stored: dict[str, Any]) -> str | None:
    if not path.exists():
        return f"{path} is missing"
    size = path.stat().st_size
    if size != stored["bytes"]:
        return f"{path} is damaged: {size} bytes, {stored['bytes']} were written"
    if sum_of(path) != stored:
        return f"{path} is damaged: its {size} bytes are not those that were written"
    return None
