"""Checkpoints that any layout of processes can resume, and that exist whole or not at all.

megatron-core's distributed format in its `fully_reshardable` form: model and optimizer state are
stored by global tensor, so a run saved with one tp, pp and dp resumes with another. Nothing random
is left after the weights are drawn (no dropout; batches are a function of the step), so the step
number is all the other state there is. `latest.json` is put last, in one rename: a folder it does
not name is never read, and the next save there starts from an empty one.
"""

import json
import os
import queue
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from megatron.core import dist_checkpointing, parallel_state
from megatron.core.dist_checkpointing.strategies import filesystem_async
from megatron.core.optimizer import MegatronOptimizer
from megatron.core.transformer.module import MegatronModule
from megatron.core.utils import unwrap_model
from torch.distributed.checkpoint.api import CheckpointException

from corpus.errors import CheckpointError, ConfigError
from tokenizer.encode import Encoder
from train import imported, mixture
from train.config import TrainConfig
from train.parallel import is_main
from train.presets import Shape

POINTER = "latest.json"
RUN = "run.json"


@dataclass(frozen=True)
class Identity:
    """What must be equal for a checkpoint to continue a run."""

    shape: Shape
    seed: int
    data: str  # fingerprint of the token shards
    tokenizer: str  # SHA-256 of its model


@dataclass(frozen=True)
class Training:
    """The live parts that a checkpoint holds."""

    model: MegatronModule  # as wrapped for training
    optimizer: MegatronOptimizer


def latest(checkpoints: Path) -> tuple[int, Path] | None:
    """Step and folder of the last complete checkpoint; None where there is none yet.

    Raises CheckpointError where the pointer names what is not there.
    """
    pointer = checkpoints / POINTER
    if not pointer.exists():
        return None
    try:
        named = json.loads(pointer.read_text(encoding="utf-8"))
        step, folder = int(named["step"]), checkpoints / str(named["folder"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{pointer} is damaged ({error}); write the step and folder of a whole checkpoint "
            "into it or delete the folder to start anew"
        ) from None
    if not (folder / RUN).exists() or not (folder / ".metadata").exists():
        raise CheckpointError(
            f"{pointer} names {folder.name}, which is not whole; restore it, or delete "
            f"{checkpoints} to start anew"
        )
    return step, folder


def save(training: Training, identity: Identity, config: TrainConfig, step: int) -> None:
    """Writes the checkpoint of a step and then points at it; a collective of all processes."""
    folder = config.checkpoints / f"step-{step:08d}"
    if is_main():
        shutil.rmtree(folder, ignore_errors=True)  # what a killed save left
        folder.mkdir(parents=True)
    torch.distributed.barrier()
    # megatron-core starts a manager process, which imports torch anew, for a queue that a save
    # within this process does not need.
    filesystem_async._results_queue = queue.Queue()
    dist_checkpointing.save(_state(training, is_loading=False), str(folder))
    torch.distributed.barrier()
    if is_main():
        _put(folder / RUN, {"step": step, **asdict(identity), **_consumed(config, step)})
        _put(config.checkpoints / POINTER, {"step": step, "folder": folder.name})
        for old in sorted(config.checkpoints.glob("step-*"))[: -config.keep_checkpoints]:
            if old.name < folder.name:
                shutil.rmtree(old, ignore_errors=True)
    torch.distributed.barrier()


def load(training: Training, identity: Identity, config: TrainConfig) -> int:
    """Puts the latest checkpoint into model and optimizer; returns its step, 0 where none is.

    Raises CheckpointError where it is of another model, seed, data or tokenizer, was trained on
    other samples than the config's up to its step, or cannot be read.
    """
    found = latest(config.checkpoints)
    if found is None:
        return 0
    step, folder = found
    _check_identity(folder, identity)
    _check_consumed(folder, config, step)
    try:
        if imported.is_imported(folder):
            imported.load(training.model, training.optimizer, folder)
            return step
        state = dist_checkpointing.load(_state(training, is_loading=True), str(folder))
    except (Exception, CheckpointException) as error:  # torch's is no Exception
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{folder} cannot be read ({type(error).__name__}: {reason}); point "
            f"{POINTER} at an older one or delete {config.checkpoints} to start anew"
        ) from error
    unwrap_model(training.model).load_state_dict(state["model"])
    training.optimizer.load_state_dict(state["optimizer"])
    return step


def shape_of(folder: Path) -> Shape:
    """The model's sizes as a checkpoint states them; CheckpointError where it does not."""
    try:
        return Shape(**json.loads((folder / RUN).read_text(encoding="utf-8"))["shape"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder} is no whole checkpoint ({error}); give a folder that holds {RUN}"
        ) from None


def tokenizer_of(folder: Path) -> str | None:
    """SHA-256 of the tokenizer a checkpoint was trained with; None in those that do not state it.

    For a folder that shape_of accepts.
    """
    return json.loads((folder / RUN).read_text(encoding="utf-8")).get("tokenizer")


def check_tokenizer(
    name: str, encoder: Encoder, shape: Shape, trained_with: str | None, place: str
) -> None:
    """Raises ConfigError where an encoder, of the file `name`, is not the model's.

    trained_with: SHA-256 of the model's tokenizer; where it is None, sizes are all to go by.
    """
    fix = f"give the tokenizer it was trained with ({place})"
    if trained_with not in (None, encoder.hash):
        raise ConfigError(
            f"{name} is tokenizer {encoder.hash[:16]}, the model's is {trained_with[:16]}; {fix}"
        )
    if encoder.vocab_size != shape.vocab:
        raise ConfigError(f"{name} has {encoder.vocab_size} pieces, the model {shape.vocab}; {fix}")


def _state(training: Training, is_loading: bool) -> dict[str, Any]:
    metadata = {
        "distrib_optim_sharding_type": "fully_reshardable",
        "chained_optim_avoid_prefix": True,
        "dp_cp_group": parallel_state.get_data_parallel_group(with_context_parallel=True),
    }
    model = unwrap_model(training.model).sharded_state_dict(metadata=metadata)
    optimizer = training.optimizer.sharded_state_dict(model, is_loading, metadata=metadata)
    return {"model": model, "optimizer": optimizer}


def _check_identity(folder: Path, identity: Identity) -> None:
    stored = json.loads((folder / RUN).read_text(encoding="utf-8"))
    for key, wanted in asdict(identity).items():
        if key == "tokenizer" and key not in stored:
            continue  # it was not always stored
        if key in ("seed", "data") and imported.IMPORTED in stored:
            continue  # it was trained elsewhere
        if stored.get(key) != wanted:
            raise CheckpointError(
                f"{folder} is of {key}={stored.get(key)}, the config says {wanted}; choose "
                "another output folder or the config the checkpoint was made with"
            )


def _consumed(config: TrainConfig, step: int) -> dict[str, Any]:
    # What, with the identity, says which samples were trained on. Later weights may change.
    batch, past = config.schedule.batch_sequences, mixture.past(config.weights, step)
    return {"batch_sequences": batch, "mixture": [[first, shares] for first, shares in past]}


def _check_consumed(folder: Path, config: TrainConfig, step: int) -> None:
    stored = json.loads((folder / RUN).read_text(encoding="utf-8"))
    for key, wanted in _consumed(config, step).items():
        if key in stored and stored[key] != wanted:  # it was not always stored
            name = {"mixture": "weights"}.get(key, key)
            raise CheckpointError(
                f"{folder} was trained with {name} {_flat(stored[key])} up to its step {step}, the "
                f"config says {_flat(wanted)}; give the past as it was and change weights from "
                f"step {step} on (train.{name})"
            )


def _flat(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    segments = ("{" + ", ".join(f"{k}: {v}" for k, v in s.items()) + "}" for _, s in value)
    return ", ".join(f"from {value[n][0]} {shares}" for n, shares in enumerate(segments))


def _put(path: Path, tree: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(tree, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)
