"""Compiled passes over UTF-8 bytes: loops that Arrow and NumPy have no kernel for.

`kernel` is Numba's `njit` as every kernel here uses it: no interpreter lock, no fast-math (the
same bits on every machine), and the compiled code kept on disk, so that a machine compiles once
and not once a Spark worker. A kernel takes and gives NumPy arrays and knows nothing of Arrow, of
files or of configs.
"""

from collections.abc import Callable
from typing import Any

from numba import njit


def kernel(function: Callable) -> Any:
    """Compiles on first call for the types it is called with."""
    try:
        return njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")(function)
    except RuntimeError:  # no folder that the compiled code could be kept in
        return njit(nogil=True, boundscheck=False, error_model="numpy")(function)
