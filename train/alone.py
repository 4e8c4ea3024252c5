"""One run at a time in an output folder: two would delete each other's checkpoints.

Whoever starts a run's processes holds the folder (corpus.alone) as long as it lives.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from corpus import alone as folders
from corpus.errors import ConfigError

LOCK = ".train.lock"  # a build may have the same output, and a lock of its own
_USE = folders.Use(LOCK, "run", "training into", "(train.output)", ConfigError)
_ENDING_S = 10.0  # for the run before, which a scheduler has asked to end, to be gone
_here: set[str] = set()  # folders that this process holds


@contextmanager
def alone(output: str, ending_s: float = _ENDING_S) -> Iterator[None]:
    """Holds the folder, which is made where it is not there; ConfigError where another run has it
    for longer than `ending_s`, or it is none or cannot be written. What this process holds it may
    hold again.
    """
    if not output or "://" in output:
        raise ConfigError(
            f"output='{output}' is no folder on a disk, where checkpoints are written; choose one "
            "(train.output)"
        )
    folder = os.path.abspath(output)
    if folder in _here:
        yield
        return
    with folders.alone(output, _USE, ending_s):
        _here.add(folder)
        try:
            yield
        finally:
            _here.remove(folder)
