"""Are a checkpoint's files those that were written: sizes and hashes, before anything is loaded.

A file cut short or with one bit turned would otherwise be found out by a crash of the reader, or
not at all.
"""

import json
from pathlib import Path
from typing import Any

import torch

from corpus.errors import CheckpointError
from train.identity import RUN
from train.writing import sum_of


def steps(checkpoints: Path) -> list[tuple[int, Path]]:
    """Steps and folders of all that is there, whole or not, in order."""
    return [(int(f.name.removeprefix("step-")), f) for f in sorted(checkpoints.glob("step-*"))]


def require_sound(folder: Path) -> None:
    """Raises CheckpointError that names a damaged file and the newest older checkpoint that is
    sound. A collective: each process reads its part of the files."""
    fault = damage(folder)
    if fault is None:
        return
    older = [other for other in steps(folder.parent) if other[1].name < folder.name]
    way_out = "no older one is sound; restore it, or delete the checkpoints to start anew"
    for step, other in reversed(older):
        if (other / RUN).exists() and damage(other) is None:
            way_out = f"restore it, or resume from step {step}, which is sound: resume_from={step}"
            break
    raise CheckpointError(f"{fault}; {way_out} (train.resume_from)")


def damage(folder: Path) -> str | None:
    """What is wrong with a checkpoint's files, None where nothing is; one that was written before
    hashes were kept is not looked into. A collective."""
    stored = json.loads((folder / RUN).read_text(encoding="utf-8")).get("files", {})
    ranks, rank = torch.distributed.get_world_size(), torch.distributed.get_rank()
    mine = sorted(stored)[rank::ranks]
    faults: list[str | None] = [None] * ranks
    own = next(filter(None, (_fault(folder / name, stored[name]) for name in mine)), None)
    torch.distributed.all_gather_object(faults, own)
    return next(filter(None, faults), None)


def _fault(path: Path, stored: dict[str, Any]) -> str | None:
    if not path.exists():
        return f"{path} is missing"
    size = path.stat().st_size
    if size != stored["bytes"]:
        return f"{path} is damaged: {size} bytes, {stored['bytes']} were written"
    if sum_of(path) != stored:
        return f"{path} is damaged: its {size} bytes are not those that were written"
    return None
