"""Whether a run's shards are sound: asked before its first step, and when it died of them."""

import hashlib
import os
import threading
import time

from corpus import storage
from tokenizer.shards import shard_files
from tokenizer.verify import quick_check, require_sound
from train import nodes
from train.config import TrainConfig
from train.data import require_samples
from train.mixture import named

READ_WHOLE = 4 << 30  # bytes of shards up to which `check_shards: auto` reads them
TELL_EVERY_S = 60.0


def require_sound_shards(config: TrainConfig) -> None:
    """Raises ShardError, one line, where the run would fail at a shard, now or at step 80,000.

    ConfigError where it weighs a source that there is none of.

    What takes longer than a minute says each minute how far it is.
    """
    is_evaluated = config.eval_sequences > 0
    require_samples(config.manifest, config.weights, config.shape.seq_length, is_evaluated)
    files = shard_files(config.manifest)
    total = sum(file.bytes for file in files)
    every_byte = config.check_shards == "full" or (
        config.check_shards == "auto" and total <= READ_WHOLE
    )
    tokenizer = hashlib.sha256(storage.read_bytes(config.tokenizer)).hexdigest()
    told = _Told(total).more
    require_sound(config.manifest, named(config.weights), tokenizer, every_byte, told)


def require_sound_here(config: TrainConfig) -> None:
    """The same in a process that torchrun started: once a node, whose disk may be its own.

    Returns when all processes have done so; none of them waits in a collective meanwhile. The
    launcher has checked before it starts processes.
    """
    if nodes.is_launched():
        return
    from train import heartbeat, member

    with heartbeat.long_phase("checking shards"):
        if os.environ.get("LOCAL_RANK", "0") == "0":
            require_sound_shards(config)
        member.all_ready()


def bus_error(config: TrainConfig) -> str:
    """Why a run ended by SIGBUS, in one line: a mapped file was cut short under it."""
    files = [file for file in shard_files(config.manifest) if file.source in named(config.weights)]
    found = quick_check(files) or [
        f"a shard in {config.shards} could not be read; altiplano shards verify names it"
    ]
    return f"the run ended by SIGBUS: {found[0]}"


class _Told:
    """Says once a minute how much of so many bytes is read."""

    def __init__(self, total: int):
        self._total, self._read = total, 0
        self._next = time.monotonic() + TELL_EVERY_S
        self._lock = threading.Lock()

    def more(self, count: int) -> None:
        with self._lock:
            self._read += count
            if time.monotonic() < self._next:
                return
            self._next = time.monotonic() + TELL_EVERY_S
            read, total = self._read / 1e9, self._total / 1e9
            print(f"checking shards: {read:,.1f} of {total:,.1f} GB read", flush=True)
