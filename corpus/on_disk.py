"""What makes a rename on a local disk last: a power cut undoes whatever is not on the disk yet."""

import os
from pathlib import Path


def flush(path: str | Path) -> None:
    """A file, or the names in a folder, to the disk."""
    holder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(holder)
    finally:
        os.close(holder)


def rename(written: str, path: str) -> None:
    """Gives a written file its name, in place of what bears it; file and name are on the disk."""
    flush(written)
    os.replace(written, path)
    flush(os.path.dirname(path) or ".")
