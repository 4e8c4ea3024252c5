"""What a checkpoint must have in common with a run that resumes from it."""

import importlib.metadata
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from corpus.errors import CheckpointError
from corpus.provenance import code_version
from train import mixture
from train.anomaly import batch_of
from train.config import TrainConfig
from train.presets import Shape

RUN = "run.json"  # of a checkpoint: what it is of
IMPORTED = "imported"  # in run.json: where the weights came from


@dataclass(frozen=True)
class Identity:
    """What must be equal for a checkpoint to continue a run."""

    shape: Shape
    seed: int
    data: str  # fingerprint of the token shards
    tokenizer: str  # SHA-256 of its model


def facts(folder: Path) -> dict[str, Any]:
    """All that a checkpoint says of itself: run.json. CheckpointError where it cannot be read."""
    path = folder / RUN
    if not path.exists():
        raise CheckpointError(f"{path} is missing")
    try:
        tree: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(tree, dict):
            raise ValueError("no mapping")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged ({error})") from None
    return tree


def check_identity(folder: Path, identity: Identity) -> None:
    """Raises CheckpointError where a checkpoint is of another model, seed, data or tokenizer."""
    stored = facts(folder)
    for key, wanted in asdict(identity).items():
        if key == "tokenizer" and key not in stored:
            continue  # it was not always stored
        if key in ("seed", "data") and IMPORTED in stored:
            continue  # it was trained elsewhere
        if stored.get(key) != wanted:
            raise CheckpointError(
                f"{folder} is of {key}={stored.get(key)}, the config says {wanted}; choose "
                "another output folder or the config the checkpoint was made with"
            )


def check_steps(folder: Path, config: TrainConfig, step: int) -> None:
    """Raises CheckpointError where a checkpoint is trained beyond the config's last step. One of
    just that step is the run's end, which an evaluation may still be owed to."""
    steps = config.schedule.steps
    if step > steps:
        raise CheckpointError(
            f"{folder} is trained beyond steps={steps}, to step {step}; choose {step} steps or "
            "more, another output, or an older checkpoint to go back to (train.steps, "
            "train.output, train.resume_from)"
        )


def made_by() -> dict[str, Any]:
    """The code and the libraries that a checkpoint is written with."""
    libraries = ("torch", "megatron-core", "numpy")
    versions = {name: importlib.metadata.version(name) for name in libraries}
    return {"code": code_version("train.entry"), "python": platform.python_version(), **versions}


def consumed(config: TrainConfig, batches: int) -> dict[str, Any]:
    """What, with the identity, says which samples were trained on: those of the first batches.

    Later weights may change.
    """
    batch, past = config.schedule.batch_sequences, mixture.past(config.weights, batches)
    return {"batch_sequences": batch, "mixture": [[first, shares] for first, shares in past]}


def check_consumed(folder: Path, config: TrainConfig, step: int) -> None:
    """Raises CheckpointError where the config has other samples up to the step than it has seen."""
    stored = facts(folder)
    for key, wanted in consumed(config, batch_of(step, stored.get("skipped", []))).items():
        if key in stored and stored[key] != wanted:  # it was not always stored
            name, way_out = key, "set it back"
            if key == "mixture":
                name = "weights"
                way_out = f"give the past as it was and change weights from step {step} on"
            raise CheckpointError(
                f"{folder} was trained with {name} {_flat(stored[key])} up to its step {step}, the "
                f"config says {_flat(wanted)}; {way_out} (train.{name})"
            )


def _flat(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    segments = ("{" + ", ".join(f"{k}: {v}" for k, v in s.items()) + "}" for _, s in value)
    return ", ".join(f"from {value[n][0]} {shares}" for n, shares in enumerate(segments))
