"""Model files on this machine: the libraries that load models read only local paths."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from corpus import storage
from corpus.errors import DataError


class MisfitError(Exception):
    """Why a model is for its own library alone, and not for the compiled kernels."""


@contextlib.contextmanager
def local_model(location: str, fix: str) -> Iterator[str]:
    """A local path to a model while it is loaded; `fix` says how to get one that is missing."""
    if not storage.exists(location):
        raise DataError(f"no model file {location}; {fix}")
    if "://" not in location:
        yield location
        return
    with tempfile.TemporaryDirectory(prefix="altiplano-model-") as folder:
        path = Path(folder) / storage.base_name(location)
        path.write_bytes(storage.read_bytes(location))
        yield str(path)
