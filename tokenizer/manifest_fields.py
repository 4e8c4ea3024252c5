"""The fields of a shards' manifest, as far as readers and exports take them, each checked.

Sources and splits become names of files and folders, sizes lengths of arrays: a manifest that was
made by hand or damaged must end in one line, not in a file elsewhere or 400 shards later.
"""

import json
import re
from typing import Any

from corpus import storage
from corpus.errors import DataError, ShardError

SPLITS = ("train", "valid")
_HEX = re.compile("[0-9a-f]{64}")
_MOST = 2**63 - 1  # what an offset holds
_SHOWN = 60  # characters of a value


def read_fields(manifest: str) -> list[dict[str, Any]]:
    """What is listed of each shard, in order: fields of shards.ShardFile, but `name` for `path`.

    Raises ShardError where it is no manifest of shards, or for the first field that cannot be.
    """
    files = _read(manifest)["files"]
    try:
        return [_entry(number, entry) for number, entry in enumerate(files)]
    except ValueError as error:
        raise _no_manifest(manifest, str(error)) from None


def stated_totals(manifest: str) -> dict[str, int]:
    """Tokens that the manifest's own counts state, by `tokens SOURCE SPLIT`."""
    counts: Any = _read(manifest).get("counts") or {}
    try:
        totals: Any = _mapping("counts", counts).get("totals") or {}
        return {
            name: _whole(f"counts.totals[{name!r}]", total)
            for name, total in _mapping("counts.totals", totals).items()
            if name.startswith("tokens ")
        }
    except ValueError as error:
        raise _no_manifest(manifest, str(error)) from None


def _read(manifest: str) -> dict[str, Any]:
    try:
        tree = json.loads(storage.read_bytes(manifest))
    except DataError as error:
        raise ShardError(f"no shard manifest: {error}") from None
    except RecursionError:
        raise _no_manifest(manifest, "its JSON is nested too deeply") from None
    except (OSError, ValueError) as error:
        raise _no_manifest(manifest, " ".join(str(error).split())) from None
    if not isinstance(tree, dict) or "stage" not in tree:
        raise _no_manifest(manifest, "it states no stage")
    if tree["stage"] != "shards":
        stage = _shown(tree["stage"])
        raise ShardError(f"{manifest} is of stage {stage}, not 'shards'; give the shards' manifest")
    if not isinstance(tree.get("files"), list):
        raise _no_manifest(manifest, f"files is {_shown(tree.get('files'))}, not a list")
    return tree


def _entry(number: int, entry: Any) -> dict[str, Any]:
    place = f"files[{number}]"
    _mapping(place, entry)
    facts = _mapping(f"{place}.facts", entry.get("facts"))
    name, source, split = entry.get("name"), facts.get("source"), facts.get("split")
    tokenizer = facts.get("tokenizer")
    if not _is_file_name(name):
        raise ValueError(f"{place}.name is {_shown(name)}, not the name of a file beside it")
    if not (isinstance(source, str) and source.isidentifier()):
        raise ValueError(f"{place}.facts.source is {_shown(source)}, not letters, digits and _")
    if split not in SPLITS:
        raise ValueError(f"{place}.facts.split is {_shown(split)}, not train or valid")
    return {
        "name": name,
        "bytes": _whole(f"{place}.bytes", entry.get("bytes")),
        "sha256": _sha256(f"{place}.sha256", entry.get("sha256")),
        "rows": _whole(f"{place}.rows", entry.get("rows")),
        "source": source,
        "split": split,
        "tokens": _whole(f"{place}.facts.tokens", facts.get("tokens")),
        "tokenizer": None if tokenizer is None else _sha256(f"{place}.facts.tokenizer", tokenizer),
    }


def _is_file_name(name: Any) -> bool:
    if not isinstance(name, str) or name in ("", ".", ".."):
        return False
    return "/" not in name and name.isprintable()  # no NUL, no half of a surrogate pair


def _mapping(place: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place} is {_shown(value)}, not an object of fields")
    return value


def _whole(place: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise ValueError(f"{place} is {_shown(value)}, not a whole number from 0 to 2^63 - 1")
    return value


def _sha256(place: str, value: Any) -> str:
    if not (isinstance(value, str) and _HEX.fullmatch(value)):
        raise ValueError(f"{place} is {_shown(value)}, not 64 hex digits")
    return value


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _no_manifest(manifest: str, why: str) -> ShardError:
    return ShardError(f"{manifest} is no shard manifest: {why}; tokenize again")
