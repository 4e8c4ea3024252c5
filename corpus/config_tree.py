"""The YAML tree behind a config: a file, what it inherits from, and single values laid over it.

`base: other.yaml` at the head of a file inherits from another file beside it. `--set a.b=c`
replaces one value, read as YAML; an entry of a list is told by its place from 0 or by its `name`
(a rule without one by its `column`), as in `rules.0.max` or `rules.num_words.min`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from corpus.errors import ConfigError

_NAMES = ("name", "column")  # the keys of an entry of a list that name it, the first it has
_SURROGATE = re.compile("[\ud800-\udfff]")


def read_tree(path: Path, _seen: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The merged YAML tree of a file, its `base` resolved relative to the file."""
    if path.resolve() in _seen:
        raise ConfigError(f"{path}: its chain of 'base' keys comes back to itself; remove one")
    try:
        tree = _parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"no config file {path}; see jobs/configs/ for the shipped ones"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as a config file: {error}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path} must hold a YAML mapping, not {type(tree).__name__}")
    base = tree.pop("base", None)
    if base is None:
        return tree
    under = read_tree(path.parent / str(base), (*_seen, path.resolve()))
    try:
        return merge(under, tree)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """A tree with another laid over it, group by group; lists and values are replaced whole.

    `key: null` takes away what the base gives, so that the default holds again. ConfigError for
    `{}` over a group with keys: it reads as if it emptied that, and would change nothing. Keys keep
    the base's order (of a mixture's parts the first takes a document); a new one comes before that
    of the base's which it is written before.
    """
    merged: dict[str, Any] = {key: base.get(key) for key in _order(list(base), list(over))}
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
            continue
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        if both and old and not value:
            raise ConfigError(
                f"'{key}: {{}}' would leave the base's {', '.join(map(str, old))} as they are; "
                "take each that is to go away by `name: null`"
            )
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _order(base: list[str], over: list[str]) -> list[str]:
    order, place = list(base), len(base)
    for key in reversed(over):
        if key in base:
            place = order.index(key)
        else:
            order.insert(place, key)
    return order


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Replaces one value of a tree by `key.path=value`, making the groups on its way."""
    path, equals, text = override.partition("=")
    if not equals or not path:
        raise ConfigError(f"--set {override}: write it as key.path=value")
    *parents, leaf = path.split(".")
    node: Any = tree
    try:
        value = _parse(text)
        for name in parents:
            child = (
                node[_place(node, name)] if isinstance(node, list) else node.setdefault(name, {})
            )
            if not isinstance(child, (dict, list)):
                raise ConfigError(f"'{name}' is a value, not a group of keys")
            node = child
        node[_place(node, leaf) if isinstance(node, list) else leaf] = value
    except yaml.YAMLError:
        raise ConfigError(f"--set {override}: the value is not YAML; quote it") from None
    except ConfigError as error:
        raise ConfigError(f"--set {override}: {error}") from None


def _place(entries: list[Any], wanted: str) -> int:
    """Where in a list the entry is that a number or a name tells; ConfigError where none is."""
    if wanted.isdecimal():
        if int(wanted) < len(entries):
            return int(wanted)
        raise ConfigError(f"no entry {wanted} in a list of {len(entries)}, where the first is 0")
    names = [_name(entry) for entry in entries]
    if names.count(wanted) == 1:
        return names.index(wanted)
    if wanted in names:
        same = " and ".join(str(place) for place, name in enumerate(names) if name == wanted)
        raise ConfigError(f"entries {same} of the list are named '{wanted}'; give the place of one")
    known = ", ".join(name for name in names if name) or "none has a name"
    raise ConfigError(f"no entry '{wanted}' in the list ({known}); a place from 0 will do, too")


def _name(entry: Any) -> str:
    found = (entry.get(key) for key in _NAMES) if isinstance(entry, dict) else ()
    return next((str(name) for name in found if name), "")


class _Loader(yaml.SafeLoader):
    """Refuses a key given twice, of which YAML's usual reader silently takes the last."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line, same = key.start_mark.line + 1, (key.tag, key.value)
            if same in lines:
                raise ConfigError(
                    f"line {line} gives '{key.value}' again, after line {lines[same]}; "
                    "take one of the two away"
                )
            lines[same] = line
        return node

    def construct_scalar(self, node: Any) -> Any:
        """Refuses halves of surrogate pairs: no UTF-8 text holds one, nor do paths and columns."""
        value = super().construct_scalar(node)
        half = _SURROGATE.search(value)
        if half:
            raise ConfigError(
                f"line {node.start_mark.line + 1} holds \\u{ord(half[0]):x}, half of a surrogate "
                "pair and no character; write the whole character, or \\U and its 8 hex digits"
            )
        return value


def _parse(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except ValueError as error:  # a number of 5,000 digits, a date with a month 13
        raise ConfigError(f"a value cannot be read: {error}") from None
