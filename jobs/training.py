"""Training, export and sampling of a run, each redone only where what it depends on has changed."""

import json
import shutil
import time
from pathlib import Path

from corpus import manifest, storage
from corpus.config import config_hash
from corpus.errors import CheckpointError
from corpus.provenance import code_version
from jobs.config import RunConfig
from jobs.console import say
from train.config import TrainConfig

KEY = "key.json"


def train(config: RunConfig) -> int:
    """Trains on the run's shards; returns the trainer's exit code, 75 for "start me again"."""
    return train_shards(config.training())


def train_shards(training: TrainConfig) -> int:
    """One training by its own config; its folder holds one training and nothing else.

    A finished training of the same shards, config and code is skipped, an unfinished one resumed.
    One of other shards, config or code is deleted first: to resume it would mix two runs.
    """
    from train.launch import launch

    shards = manifest.read(training.shards)
    folder = Path(training.output)
    key = config_hash([_own(training), shards.digest, code_version("train.entry")])
    state = _state(folder)
    if state == {"key": key, "finished": True}:
        say(f"[dim]{'train':<22} up to date, skipped[/dim]")
        return 0
    if state.get("key") != key and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _put_state(folder, key, finished=False)
    began = time.monotonic()
    code = launch(training)
    if code == 0:
        _put_state(folder, key, finished=True)
        say(f"{'train':<22} {time.monotonic() - began:6.1f} s  {training.schedule.steps} steps")
    return code


def export(config: RunConfig, to: str | None) -> str:
    """Writes the newest checkpoint as Hugging Face files; returns their folder."""
    from train.export import export as export_checkpoint

    training = config.training()
    target = Path(to or f"{config.output}/hf")
    trained = _state(Path(training.output))
    if not trained:
        raise CheckpointError(f"nothing was trained in {training.output}; train it first")
    if trained.get("finished") and _state(target) == trained:
        say(f"[dim]{'export':<22} up to date, skipped[/dim]")
        return str(target)
    export_checkpoint(str(training.checkpoints), str(target), training.tokenizer)
    if trained.get("finished"):
        _put_state(target, trained["key"], finished=True)
    return str(target)


def generate(config: RunConfig, prompt: str, tokens: int) -> str:
    """The prompt and what the run's model goes on with."""
    from train.generate import generate as sample_text

    folder = export(config, None)
    return sample_text(folder, config.training().tokenizer, prompt, tokens, seed=config.seed)


def sample(config: RunConfig, prompt: str, tokens: int) -> str:
    """A generated sample, kept in the run for its report."""
    place = f"{config.training().output}/sample.txt"
    if storage.exists(place):
        return storage.read_bytes(place).decode()
    text = generate(config, prompt, tokens)
    storage.put_bytes(place, text.encode())
    return text


def _own(training: TrainConfig) -> dict:
    """The training's config without places, which do not change what is learnt."""
    places = ("shards", "tokenizer", "output", "time_limit_s")
    return {name: value for name, value in vars(training).items() if name not in places}


def _state(folder: Path) -> dict:
    try:
        return json.loads((folder / KEY).read_text())
    except (OSError, ValueError):
        return {}


def _put_state(folder: Path, key: str, finished: bool) -> None:
    content = json.dumps({"key": key, "finished": finished}).encode()
    storage.put_bytes(str(folder / KEY), content)
