"""Checkpoints that any layout of processes can resume, and that exist whole or not at all.

Weights in megatron-core's distributed format, masters and moments in one of ours (train.shares):
both by global tensor, so a run saved with one tp, pp and dp resumes with another. Nothing random is
left after the weights are drawn (no dropout; batches are a function of the step), so the step
number is all the other state there is. train.saver writes them.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from megatron.core import dist_checkpointing
from megatron.core.optimizer import MegatronOptimizer
from megatron.core.transformer.module import MegatronModule
from megatron.core.utils import unwrap_model
from torch.distributed.checkpoint.api import CheckpointException

from corpus.errors import CheckpointError, ConfigError
from tokenizer.encode import Encoder
from train import agreed, imported, integrity, optim, shares, stored_state
from train.config import TrainConfig
from train.durable import put
from train.identity import RUN, Identity, check_consumed, check_identity, check_steps, facts
from train.presets import Shape

POINTER = "latest.json"
LEFT_OUT = "left_out.json"  # batches that are not to be learnt from


@dataclass(frozen=True)
class Training:
    """The live parts that a checkpoint holds."""

    model: list[MegatronModule]  # its parts here, as wrapped for training; one without vpp
    optimizer: MegatronOptimizer


def latest(checkpoints: Path) -> tuple[int, Path] | None:
    """Step and folder of the last complete checkpoint; None where there is none yet.

    Raises CheckpointError where the pointer names what is not there.
    """
    found = _pointed(checkpoints)
    if found is None:
        return None
    if not _is_whole(found.folder):
        raise CheckpointError(
            f"{checkpoints / POINTER} names {found.folder.name}, which is not whole; restore it, "
            f"or delete {checkpoints} to start anew"
        )
    return found.step, found.folder


def chosen(config: TrainConfig) -> tuple[int, Path] | None:
    """The checkpoint to go on from: the last, or the one the config goes back to.

    Once a run has gone back the pointer says so, and the same command started again goes on from
    the last, which may be damaged since (integrity.require_described). Raises CheckpointError
    where the one of the config is not there or not whole.
    """
    wanted = config.resume_from
    if wanted is None or _went_back(config):
        found = _pointed(config.checkpoints)
        return (found.step, found.folder) if found else None
    folder = config.checkpoints / f"step-{wanted:08d}"
    if _is_whole(folder):
        return wanted, folder
    raise CheckpointError(
        f"resume_from={wanted}: {folder} is no whole checkpoint; choose "
        f"{_choices(config.checkpoints)} (train.resume_from)"
    )


def point_at(config: TrainConfig, step: int, folder: Path) -> None:
    """Makes a whole checkpoint the one to resume from. Of the main process alone."""
    pointer: dict[str, Any] = {"step": step, "folder": folder.name}
    if config.resume_from is not None:
        pointer["resume_from"] = config.resume_from
    put(config.checkpoints / POINTER, pointer)


def go_back(config: TrainConfig, step: int) -> None:
    """Has the run go on from `step` where the config goes back to it, and it has not yet; later
    checkpoints are put aside, as abandoned-step-*, until the run has come past them. Of the main
    process alone."""
    if step != config.resume_from or _went_back(config):
        return
    (config.checkpoints / LEFT_OUT).unlink(missing_ok=True)
    for later, folder in integrity.steps(config.checkpoints):
        if later > step:
            aside = folder.with_name(f"abandoned-{folder.name}")
            shutil.rmtree(aside, ignore_errors=True)
            folder.rename(aside)
    point_at(config, step, config.checkpoints / f"step-{step:08d}")


def put_left_out(config: TrainConfig, batches: list[int]) -> None:
    """Keeps which batches (from 0) the run leaves out, at once: a kill before the next save must
    not undo it. Of the main process alone."""
    config.checkpoints.mkdir(parents=True, exist_ok=True)
    put(config.checkpoints / LEFT_OUT, {"skipped": batches})


def left_out(config: TrainConfig, first: int) -> list[int]:
    """The batches, from `first` on, that the run had left out when it ended."""
    path = config.checkpoints / LEFT_OUT
    if not path.exists():
        return []
    try:
        skipped = [int(batch) for batch in json.loads(path.read_text(encoding="utf-8"))["skipped"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}); restore it, or delete it: the checkpoint knows of the "
            "batches left out before it, those after it are tried again"
        ) from None
    return [batch for batch in skipped if batch >= first]


def spoilt(config: TrainConfig, step: int) -> tuple[str, str]:
    """What to say where figures of the weights after `step` are not finite, and the way out: of
    weights that are saved, started again it would be the same."""
    slower = "lower the rate (train.optim.lr) or lengthen the warm-up"
    found = latest(config.checkpoints)
    saved = found[0] if found else 0
    if not found or saved != step:
        return f"the weights are no finite numbers after step {step}", (
            f", and not saved; {slower}, and start the same command again to go on from step "
            f"{saved}"
        )
    there = integrity.steps(config.checkpoints)
    older = [at for at, folder in there if at < step and _is_whole(folder)]
    way_out = f"delete {config.checkpoints} to start anew, no older one is there"
    if older:
        back = integrity.advice(older[-1], _gone_back_to(config.checkpoints))
        way_out = f"go back to an older one: {back}"
    return f"the evaluation of {found[1]} is no finite number", f"; {slower}, and {way_out}"


def load(training: Training, identity: Identity, config: TrainConfig) -> int:
    """Puts the chosen checkpoint into model and optimizer; returns its step, 0 where none is.

    Raises CheckpointError where it is of another model, seed, data or tokenizer, was trained on
    other samples than the config's up to its step or beyond its last one, is of an older form, or
    cannot be read.
    """

    found = agreed.by_main(lambda: chosen(config))
    if found is None:
        return 0
    step, folder = found
    gone_back_to = agreed.by_main(lambda: _gone_back_to(config.checkpoints))
    integrity.require_described(folder, config.disk_timeout_s, gone_back_to)

    def check() -> None:
        check_identity(folder, identity)
        check_steps(folder, config, step)
        check_consumed(folder, config, step)
        _check_form(folder)

    agreed.by_main(check)
    integrity.require_sound(folder, config.disk_timeout_s, gone_back_to)
    try:
        if imported.is_imported(folder):
            imported.load(training.model, training.optimizer, folder)
            return step
        loaded = dist_checkpointing.load(weights(training), str(folder))
    except (Exception, CheckpointException) as error:  # torch's is no Exception
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(
            f"{folder} cannot be read ({type(error).__name__}: {reason}); point "
            f"{POINTER} at an older one or delete {config.checkpoints} to start anew"
        ) from error
    for number, part in enumerate(unwrap_model(training.model)):
        part.load_state_dict(loaded[f"model{number}"])
    training.optimizer.load_state_dict(loaded["optimizer"])  # makes room for what comes now
    own = shares.held(training.model, training.optimizer)
    agreed.by_each_meanwhile(
        lambda: shares.load(own, folder), f"reading {folder.name}", config.disk_timeout_s
    )
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


def state(training: Training) -> dict[str, Any]:
    """What megatron-core writes: the weights, and what of the optimizer is no tensor.

    A collective.
    """
    optim.gather_parameters(training.model)
    return {**weights(training), "optimizer": training.optimizer.state_dict()}


def weights(training: Training) -> dict[str, Any]:
    """The weights as megatron-core's sharded tensors, to be written or to be filled."""
    return {
        f"model{number}": part.sharded_state_dict()
        for number, part in enumerate(unwrap_model(training.model))
    }


def _check_form(folder: Path) -> None:
    is_there = (folder / stored_state.INDEX).exists()
    if is_there or imported.is_imported(folder):
        return
    if stored_state.INDEX not in facts(folder).get("files", {}):  # or else it was lost
        raise CheckpointError(
            f"{folder} has no {stored_state.INDEX}: it was written before each process stored its "
            "own share of the optimizer's state; resume it with the code that saved it (made_by in "
            f"its {RUN}), or export its weights and import them, with which moments begin anew"
        )


class _Pointed(NamedTuple):
    step: int
    folder: Path  # may be damaged since
    gone_back_to: int | None


def _pointed(checkpoints: Path) -> _Pointed | None:
    """What the pointer says, None where there is none; CheckpointError where it cannot be read."""
    pointer = checkpoints / POINTER
    if not pointer.exists():
        return None
    try:
        named = json.loads(pointer.read_text(encoding="utf-8"))
        step, folder = int(named["step"]), checkpoints / str(named["folder"])
        if folder.name != f"step-{step:08d}":
            raise ValueError(f"its step {step} is not that of its folder {folder.name}")
        back = named.get("resume_from")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{pointer} is damaged ({error}); resume from a checkpoint by its step: "
            f"{_choices(checkpoints)} (train.resume_from), or delete {checkpoints} to start anew"
        ) from None
    return _Pointed(step, folder, back if isinstance(back, int) else None)


def _went_back(config: TrainConfig) -> bool:
    return config.resume_from == _gone_back_to(config.checkpoints)


def _gone_back_to(checkpoints: Path) -> int | None:
    """The step the pointer says the run has gone back to; None where it is damaged, as a step is
    then what its error asks for."""
    try:
        found = _pointed(checkpoints)
    except CheckpointError:
        return None
    return found.gone_back_to if found else None


def _choices(checkpoints: Path) -> str:
    there = [str(step) for step, folder in integrity.steps(checkpoints) if _is_whole(folder)]
    return " or ".join(there) or "null, there is none"


def _is_whole(folder: Path) -> bool:
    return (folder / RUN).exists() and (folder / ".metadata").exists()
