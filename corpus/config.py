"""Strict configuration: one YAML tree into frozen dataclasses.

Every key must exist and every value must have its declared type; an error names the key's full
path and, for a misspelt one, the nearest that exists.
"""

import dataclasses
import difflib
import hashlib
import json
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from corpus.config_tree import apply_override, read_tree
from corpus.errors import ConfigError

T = TypeVar("T")


def load(schema: type[T], path: str | Path, overrides: Iterable[str] = ()) -> T:
    """Reads a YAML file (and what it inherits from), applies `key.path=value` overrides."""
    tree = read_tree(Path(path))
    for override in overrides:
        apply_override(tree, override)
    return build(schema, tree)


def build(schema: type[T], tree: Mapping[str, Any], where: str = "") -> T:
    """Builds a frozen dataclass from a mapping; unknown keys and wrong types raise ConfigError."""
    if not isinstance(tree, Mapping):
        raise ConfigError(f"'{where}' must be a mapping of keys, not {tree!r}")
    hints = typing.get_type_hints(schema)
    fields = {f.name: f for f in dataclasses.fields(schema) if f.init}  # type: ignore[arg-type]
    values = {}
    for key, value in tree.items():
        place = f"{where}.{key}" if where else str(key)
        if key not in fields:
            raise ConfigError(f"unknown key '{place}'{suggest(str(key), fields)}")
        values[key] = _convert(hints[key], value, place)
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in values:
            place = f"{where}.{name}" if where else name
            raise ConfigError(f"missing key '{place}'; give it in the config or by --set {place}=…")
    try:
        return schema(**values)
    except ConfigError as error:
        if not where or " (in '" in str(error):
            raise
        raise ConfigError(f"{error} (in '{where}')") from None


def to_tree(config: Any) -> Any:
    """The plain, JSON-able tree of a config dataclass, fit to be written and read back."""
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        return {f.name: to_tree(getattr(config, f.name)) for f in dataclasses.fields(config)}
    if isinstance(config, Mapping):
        return {str(k): to_tree(v) for k, v in config.items()}
    if isinstance(config, (list, tuple)):
        return [to_tree(v) for v in config]
    return config


def config_hash(config: Any) -> str:
    """16 hex digits that name a resolved config."""
    text = json.dumps(to_tree(config), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def suggest(key: str, known: Iterable[str]) -> str:
    """What to say after an unknown name: the nearest known one, or all of them."""
    known = sorted(known)
    return nearest(key, known) or f"; known keys: {', '.join(known)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """What to say after an unknown name that is like a known one; nothing of one that is not."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean '{near[0]}'?" if near else ""


def _convert(kind: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in args:
            return None
        return _convert(_alternative(args, value), value, where)
    if dataclasses.is_dataclass(kind):
        return build(kind, value, where)  # type: ignore[arg-type]
    if origin is Literal:
        if value not in args:
            choices = ", ".join(repr(a) for a in args)
            raise ConfigError(f"'{where}' must be one of {choices}, not {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"'{where}' must be a list, not {value!r}")
        return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin in (dict, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"'{where}' must be a mapping, not {value!r}")
        return {str(k): _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    return _scalar(kind, value, where)


def _alternative(kinds: tuple[Any, ...], value: Any) -> Any:
    """Of a union's kinds the one that a value has the shape of: a group, a list or one value."""
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    shapes = {
        Mapping: lambda kind: dataclasses.is_dataclass(kind) or typing.get_origin(kind) is dict,
        list: lambda kind: typing.get_origin(kind) is tuple,
    }
    for shape, fits in shapes.items():
        if isinstance(value, shape):
            return next((kind for kind in kinds if fits(kind)), kinds[0])
    return kinds[0]


def _scalar(kind: type, value: Any, where: str) -> Any:
    if kind is Any:
        return value
    if kind is float and isinstance(value, str):
        try:  # YAML 1.1 reads 3e-4 as a string
            return float(value)
        except ValueError:
            pass
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise ConfigError(
                f"'{where}' is a whole number beyond a float's 1.8e308; give a smaller one"
            ) from None
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"'{where}' must be of type {kind.__name__}, not {value!r}")
    return value
