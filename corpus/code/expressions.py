"""SPDX licence expressions (SPDX 2.3, annex D): whether allowed licences alone can meet one."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

UNKNOWN = "LicenseRef-unknown"  # a text or statement that names no licence we know
RESTRICTED = "LicenseRef-restricted"  # a text with terms that forbid some use or sale

_PART = re.compile(r"\s*(?:([()])|([A-Za-z0-9][A-Za-z0-9.:+-]*))")
_OPERATORS = ("AND", "OR", "WITH")
_DEEPEST = 50  # brackets in brackets; a licence field is free text and may hold anything


@dataclass(frozen=True)
class _Choice:
    """All, or any, of some expressions; a licence is a string."""

    every: bool
    members: "tuple[_Choice | str, ...]"


def license_allowed(expression: str, allowed: tuple[str, ...]) -> bool:
    """Whether the allowed licences alone can meet an expression: OR needs one side, AND both.

    `allowed` are identifiers or patterns such as `BSD-*`; case does not matter. An exception
    (`WITH`) only adds permissions. What is no expression is not allowed.
    """
    tree = _parse(expression)
    return tree is not None and _met(tree, tuple(pattern.lower() for pattern in allowed))


def named_licenses(expression: str) -> list[str] | None:
    """The licences an expression names, in order, each once; None for what is no expression."""
    tree = _parse(expression)
    return None if tree is None else list(dict.fromkeys(_names(tree)))


def all_of(expressions: list[str]) -> str:
    """One expression that asks for all of some; equal ones are named once."""
    unique = list(dict.fromkeys(expressions))
    if len(unique) == 1:
        return unique[0]
    return " AND ".join(f"({e})" if re.search(r"\sOR\s", e, re.I) else e for e in unique)


def _met(tree: "_Choice | str", allowed: tuple[str, ...]) -> bool:
    if isinstance(tree, str):
        return any(fnmatchcase(tree.lower(), pattern) for pattern in allowed)
    combine = all if tree.every else any
    return combine(_met(member, allowed) for member in tree.members)


def _names(tree: "_Choice | str") -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        for member in tree.members:
            yield from _names(member)


@functools.lru_cache(maxsize=1024)  # a corpus has few that differ
def _parse(expression: str) -> "_Choice | str | None":
    parts: list[str] = []
    at, text = 0, expression.strip()
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            return None
        name = found[1] or found[2]
        parts.append(name.upper() if name.upper() in _OPERATORS else name)
        at = found.end()
    try:
        tree = _either(parts, 0)
    except (IndexError, ValueError):
        return None
    return None if parts else tree


def _either(parts: list[str], depth: int) -> "_Choice | str":
    """Takes `A AND B OR C …` from the front of the parts; OR binds less than AND."""
    if depth > _DEEPEST:
        raise ValueError
    sides = [_both(parts, depth)]
    while parts and parts[0] == "OR":
        parts.pop(0)
        sides.append(_both(parts, depth))
    return sides[0] if len(sides) == 1 else _Choice(False, tuple(sides))


def _both(parts: list[str], depth: int) -> "_Choice | str":
    sides = [_one(parts, depth)]
    while parts and parts[0] == "AND":
        parts.pop(0)
        sides.append(_one(parts, depth))
    return sides[0] if len(sides) == 1 else _Choice(True, tuple(sides))


def _one(parts: list[str], depth: int) -> "_Choice | str":
    name = parts.pop(0)
    if name == "(":
        tree = _either(parts, depth + 1)
        if parts.pop(0) != ")":
            raise ValueError
        return tree
    if name == ")" or name in _OPERATORS:
        raise ValueError
    if parts and parts[0] == "WITH":
        del parts[0]
        if parts.pop(0) in ("(", ")", *_OPERATORS):
            raise ValueError
    return name
