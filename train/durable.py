"""Small files that are there whole or as they were, also after a power cut."""

import json
from pathlib import Path
from typing import Any

from corpus.on_disk import rename


def put(path: Path, tree: dict[str, Any], indent: int | None = None) -> None:
    """Puts a JSON file in one rename, synced before and after."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(tree, indent=indent), encoding="utf-8")
    rename(str(partial), str(path))
