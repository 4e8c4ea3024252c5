"""Compiled passes over UTF-8 bytes: loops that Arrow and NumPy have no kernel for.

`kernel` is Numba's `njit` as every kernel here uses it: no interpreter lock, no fast-math (the
same bits on every machine), and the compiled code kept on disk, so that a machine compiles once
and not once a Spark worker (of a project shipped by `--py-files`, once an application). Numba
compiles anew what a changed file holds, but not what calls it from other files: so the code is kept
by what all files here hold. A kernel takes and gives NumPy arrays and knows nothing of Arrow, of
files or of configs.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import config, njit

_VERSION = re.compile("[0-9a-f]{16}")
_KEPT_SECONDS = 24 * 3600


def version(folder: Path) -> str:
    """Of all kernels in a folder: another where any of its files is."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


if not config.CACHE_DIR:  # type: ignore[attr-defined]  # NUMBA_CACHE_DIR names another place
    _FOLDER = Path(__file__).parent
    _KEPT = _FOLDER / "__pycache__"
    if not os.access(_FOLDER, os.W_OK):  # installed by another user
        _KEPT = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "altiplano"
    config.CACHE_DIR = str(_KEPT / version(_FOLDER))  # type: ignore[attr-defined]


def sweep(compiled: Path) -> None:
    """Deletes what was compiled of other versions, beside `compiled`, and not written for a day.

    A process that still runs one of them compiles again what it has not loaded yet. A folder that
    the user named holds no versions, and nothing of it goes.
    """
    if not _VERSION.fullmatch(compiled.name):
        return
    for other in compiled.parent.iterdir():
        ours = other.is_dir() and _VERSION.fullmatch(other.name)
        if ours and other != compiled and time.time() - other.stat().st_mtime > _KEPT_SECONDS:
            shutil.rmtree(other, ignore_errors=True)


def kernel(function: Callable) -> Any:
    """Compiles on first call for the types it is called with."""
    return _compiled(function)


def inner(function: Callable) -> Any:
    """A kernel that others call in their loops; it makes and gives no array.

    So it needs no reference counts, which Numba else takes of every array that a call is given or
    a tuple holds: atomic, and several times the cost of what a small kernel does.
    """
    return _compiled(function, _nrt=False)


def inlined(function: Callable) -> Any:
    """An inner kernel put where it is called, for one whose arrays cost more to pass than it does.

    Numba passes an array as seven numbers, on the stack.
    """
    return _compiled(function, _nrt=False, forceinline=True)


def _compiled(function: Callable, **options: Any) -> Any:
    options |= {"nogil": True, "boundscheck": False, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder that the compiled code could be kept in
        return njit(**options)(function)
