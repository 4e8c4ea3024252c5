"""Small files that are there whole or as they were, also after a power cut."""

import json
import os
from pathlib import Path
from typing import Any


def put(path: Path, tree: dict[str, Any]) -> None:
    """Puts a JSON file in one rename, synced before and after."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as stream:
        json.dump(tree, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(partial, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Waits until a file, or what a folder lists, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
