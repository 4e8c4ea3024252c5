"""Training and sampling of a run, each redone only where what it depends on has changed."""

import json
import shutil
import time
import warnings
from contextlib import nullcontext
from pathlib import Path

from corpus import manifest, storage
from corpus.config import config_hash
from corpus.errors import ConfigError, ShardError
from corpus.provenance import code_version
from jobs.config import RunConfig
from jobs.console import say
from train import nodes
from train.alone import LOCK, alone
from train.config import TrainConfig
from train.refusal import told_once
from train.soundness import require_sound_shards

KEY = "key.json"

# megatron-core tells on import of every optional kernel library it does without.
warnings.filterwarnings("ignore", module="megatron")
# To read a checkpoint in one process, as an export does, is what torch warns of here.
warnings.filterwarnings("ignore", message="torch.distributed is disabled")
# megatron-core reads checkpoints by parts of torch that are to go.
warnings.filterwarnings("ignore", message="Please use DTensor|`load_state_dict` is deprecated")


def train(config: RunConfig, fresh: bool = False) -> int:
    """Trains on the run's shards; returns the trainer's exit code, 75 for "start me again"."""
    return train_shards(config.training(), fresh)


def train_shards(training: TrainConfig, fresh: bool) -> int:
    """One training by its own config; its folder holds one training and nothing else.

    A finished one is skipped, an unfinished one resumed, one whose config allows it (more steps,
    another rate) extended; the trainer refuses to resume on other shards. With `fresh`, as the demo
    and ablations ask, a training of other shards, config or code is deleted and done anew.
    """
    with told_once(training.start_timeout_s):
        return _train_shards(training, fresh)


def _train_shards(training: TrainConfig, fresh: bool) -> int:
    place = nodes.of_launcher()
    if place.index:  # the first node's launcher alone looks into the folder, and changes it
        _require_sound(training)
        return _launched(training)
    shards = manifest.read(training.shards)
    folder = Path(training.output)
    key = config_hash([_own(training), shards.digest])
    code = code_version("train.entry")

    def is_done() -> bool:
        state = state_of(folder)
        is_ours = state.get("key") == key and bool(state.get("finished"))
        return is_ours and (not fresh or state.get("code") == code)

    done = place.of == 1 and is_done()
    # The folder is held from before it is changed: another run may be at it, and finish it.
    with nullcontext() if done else alone(training.output):
        if not done and not is_done():
            return _train_held(training, fresh, key, code)
        if training.log.profile_steps:
            raise ConfigError(
                f"profile_steps={training.log.profile_steps} finds nothing left of the training in "
                f"{folder}; choose more steps or another output (train.steps, output)"
            )
        # Other nodes' launchers wait for this one, whatever it finds: the processes will see that
        # nothing is left to do.
        result = 0 if place.of == 1 else _launched(training)
    if result == 0:
        say(f"[dim]{'train':<22} up to date, skipped[/dim]")
    return result


def _train_held(training: TrainConfig, fresh: bool, key: str, code: str) -> int:
    """Trains in a folder that is held, and says there what of."""
    _require_sound(training)
    folder = Path(training.output)
    state = state_of(folder)
    if fresh and (state.get("key") != key or state.get("finished")):
        _clear(folder, state)
    _put_state(folder, {"key": key, "code": code, "finished": False})
    began = time.monotonic()
    result = _launched(training)
    if result == 0:
        _put_state(folder, {"key": key, "code": code, "finished": True})
        say(f"{'train':<22} {time.monotonic() - began:6.1f} s  {training.schedule.steps} steps")
    return result


def _require_sound(training: TrainConfig) -> None:
    try:
        require_sound_shards(training)
    except ShardError as error:
        raise ShardError(f"{error} (`altiplano build` with --redo shards)") from None


def _launched(training: TrainConfig) -> int:
    from train.launch import launch

    return launch(training)


def _clear(folder: Path, state: dict) -> None:
    """Deletes an earlier training; ConfigError for a folder that holds anything else."""
    found = [path for path in folder.iterdir() if path.name != LOCK]  # which this process holds
    if found and not state:
        raise ConfigError(
            f"{folder} holds something that is no training of ours, so it is not deleted; "
            "choose another (train.output)"
        )
    for path in sorted(found, key=lambda path: path.name == KEY):  # what says whose it is, last
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def generate(config: RunConfig, prompt: str, tokens: int) -> str:
    """The prompt and what the run's newest checkpoint goes on with."""
    from train.generate import generate as sample_text

    training = config.training()
    return sample_text(training.output, training.tokenizer, prompt, tokens, seed=config.seed)


def sample(config: RunConfig, prompt: str, tokens: int) -> str:
    """A generated sample, kept in the run for its report."""
    place = f"{config.training().output}/sample.txt"
    if storage.exists(place):
        return storage.read_bytes(place).decode()
    text = generate(config, prompt, tokens)
    storage.put_bytes(place, text.encode())
    return text


def _own(training: TrainConfig) -> dict:
    """The training's config without what does not change what is learnt: places and logs."""
    places = "shards tokenizer output"
    limits = "time_limit_s start_timeout_s collective_timeout_s disk_timeout_s check_shards"
    left_out = f"{places} {limits} log log_interval peak_tflops".split()
    return {name: value for name, value in vars(training).items() if name not in left_out}


def state_of(folder: Path) -> dict:
    """What the key.json of a training or an export says; nothing where there is none."""
    try:
        state = json.loads((folder / KEY).read_text())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _put_state(folder: Path, state: dict) -> None:
    storage.put_bytes(str(folder / KEY), json.dumps(state).encode())
