"""Whether a run's shards are sound: asked before its first step, and when it died of them."""

import hashlib
import os
import signal

from corpus import storage
from corpus.errors import ShardError
from tokenizer.shards import shard_files
from tokenizer.verify import quick_check, require_sound
from train.config import TrainConfig
from train.mixture import named

READ_WHOLE = 4 << 30  # bytes of shards up to which `check_shards: auto` reads them


def require_sound_shards(config: TrainConfig) -> None:
    """Raises ShardError, one line, where the run would fail at a shard, now or at step 80,000."""
    files = shard_files(config.manifest)
    small = sum(file.bytes for file in files) <= READ_WHOLE
    every_byte = config.check_shards == "full" or (config.check_shards == "auto" and small)
    tokenizer = hashlib.sha256(storage.read_bytes(config.tokenizer)).hexdigest()
    require_sound(config.manifest, named(config.weights), tokenizer, every_byte)


def require_sound_here(config: TrainConfig) -> None:
    """The same in a process that torchrun started: once a node, whose disk may be its own."""
    if "LAUNCHER_PID" not in os.environ and os.environ.get("LOCAL_RANK", "0") == "0":
        require_sound_shards(config)


def name_bus_error(config: TrainConfig, code: int) -> None:
    """Raises ShardError where a run ended by SIGBUS: a mapped file was cut short under it."""
    if code != 128 + signal.SIGBUS:
        return
    files = [file for file in shard_files(config.manifest) if file.source in named(config.weights)]
    found = quick_check(files) or [
        f"a shard in {config.shards} could not be read; altiplano shards verify names it"
    ]
    raise ShardError(f"the run ended by SIGBUS: {found[0]}")
