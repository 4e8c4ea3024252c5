"""TensorBoard and Weights & Biases: the numbers of each row, for those who watch with these.

metrics.jsonl is the truth, these show it. A run that resumes repeats no step: TensorBoard is told
from which step on what it had is void; to W&B the same run is resumed by its id, and it takes no
step twice.
"""

import importlib.util
import json
import uuid
from pathlib import Path
from typing import Any, Protocol

from corpus.config import to_tree
from corpus.errors import ConfigError
from train.config import TrainConfig

_TAGS = {
    "loss": "train/loss",
    "grad_norm": "train/grad_norm",
    "learning_rate": "train/learning_rate",
    "tokens": "train/tokens",
    "tokens_per_s": "speed/tokens_per_s",
    "tokens_per_s_per_device": "speed/tokens_per_s_per_device",
    "eta_s": "speed/eta_s",
}
_GROUPS = {
    "mfu": "mfu",
    "memory": "memory",
    "loss_by_source": "loss_by_source",
    "validation_bits_per_byte": "validation_bits_per_byte",
}


def scalars(row: dict[str, Any]) -> dict[str, float]:
    """The numbers of a step's row by tag, such as `train/loss` and `time/forward_s`."""
    found: dict[str, float] = {}
    for name, value in row.items():
        if name in _GROUPS:
            found |= {f"{_GROUPS[name]}/{part}": number for part, number in value.items()}
        elif name in _TAGS:
            found[_TAGS[name]] = value
        elif name.endswith("_s"):
            found[f"time/{name}"] = value
    return found


def check_installed(config: TrainConfig) -> None:
    """Raises ConfigError where the config asks for W&B and it is not there."""
    if config.log.wandb is not None and importlib.util.find_spec("wandb") is None:
        raise ConfigError(
            f"wandb={config.log.wandb} needs the package wandb, which is not installed; "
            "install it or choose null (train.log.wandb)"
        )


class Tracker(Protocol):
    """Shows a run from step `step` on; what it had of later steps is void."""

    def __init__(self, config: TrainConfig, step: int): ...

    def write(self, row: dict[str, Any]) -> None: ...

    def rewind(self, step: int) -> None: ...

    def close(self) -> None: ...


class TensorBoard:
    """Event files in <output>/tensorboard."""

    def __init__(self, config: TrainConfig, step: int):
        self._folder = Path(config.output) / "tensorboard"
        new = not self._folder.exists()
        self._writer = self._opened(step)
        if new:
            self._writer.add_text("config", _as_text(to_tree(config)), 0)

    def write(self, row: dict[str, Any]) -> None:
        if "event" in row:
            self._writer.add_text("events", _as_text(row), row["step"])
            return
        for tag, value in scalars(row).items():
            self._writer.add_scalar(tag, value, row["step"])

    def rewind(self, step: int) -> None:
        self._writer.close()
        self._writer = self._opened(step)

    def close(self) -> None:
        self._writer.close()

    def _opened(self, step: int) -> Any:
        # Not at the top: only the main process of a run needs it.
        from torch.utils.tensorboard import SummaryWriter

        return SummaryWriter(str(self._folder), purge_step=step + 1)


class WeightsAndBiases:
    """A run of a W&B project, resumed by the id that lies in the training's folder."""

    def __init__(self, config: TrainConfig, step: int):
        import wandb

        place = Path(config.output) / "wandb_id"
        if not place.exists():
            place.write_text(uuid.uuid4().hex[:8], encoding="utf-8")
        self._run = wandb.init(
            project=config.log.wandb,
            id=place.read_text(encoding="utf-8"),
            resume="allow",
            dir=config.output,
            config=to_tree(config),
            settings={"console": "off"},  # it would stand between rich and the terminal
        )

    def write(self, row: dict[str, Any]) -> None:
        if "event" not in row:
            self._run.log(scalars(row), step=row["step"])

    def rewind(self, step: int) -> None:
        """Nothing: what W&B has it keeps, and it takes no step again."""

    def close(self) -> None:
        self._run.finish()


def wanted(config: TrainConfig) -> list[type[Tracker]]:
    """The trackers that the config asks for."""
    kinds: list[type[Tracker]] = []
    if config.log.tensorboard:
        kinds.append(TensorBoard)
    if config.log.wandb is not None:
        kinds.append(WeightsAndBiases)
    return kinds


def _as_text(tree: dict[str, Any]) -> str:
    # TensorBoard reads it as Markdown, where what is indented is code.
    return "\n".join("    " + line for line in json.dumps(tree, indent=2).splitlines())
