"""A program in one process, the checks of it in another: calls between them, as plain values.

Checks that ran beside the program could be talked round by it: it could exit as if they had passed,
patch what they use, or return an object that equals everything. Here they run in the judge, and a
name they take from the program stands for a call over a pipe. What comes back is made anew of plain
types (None, bool, int, float, complex, str, bytes, list, tuple, set, frozenset, dict) or stays in
the program and is no more than a number here, which equals nothing but itself. So checks pass only
for right values. Beyond reach: what the program does to its arguments is not seen, and a function
cannot be an argument.

A script of the sandbox's inside, next to it: imports the standard library alone.
"""

import ast
import builtins
import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

_PLAIN = (bool, int, float, str)
_SERIES: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}
_ENOUGH = 64 << 20  # bytes of one message


class GoneError(Exception):
    """The program's process ended, or speaks no sense."""


class Held:
    """Something that only the program has: can be passed back to it, and gone through."""

    def __init__(self, remote: "Remote", number: int):
        self._remote, self.number = remote, number

    def __iter__(self) -> Iterator[Any]:
        return iter(self._remote.ask({"list": self.number}))


class Remote:
    """The judge's end: asks the program's process, one question at a time."""

    def __init__(self, told: int, ask: int):
        self._told, self._ask = told, ask

    def function(self, name: str) -> Callable[..., Any]:
        def call(*values: Any, **named: Any) -> Any:
            given = [[pack(one) for one in values], {k: pack(v) for k, v in named.items()}]
            return self.ask({"call": name, "given": given})

        return call

    def ask(self, question: dict[str, Any]) -> Any:
        try:
            _send(self._ask, question)
        except OSError:
            raise GoneError from None
        return self.answer()

    def answer(self) -> Any:
        """What the program's process says next; raises what was raised there, or GoneError."""
        try:
            said = _receive(self._told)
            failure = said.get("raised")
            if failure is None:
                return unpack(said["value"], self)
            kind, text = str(failure[0]), str(failure[1])
        except (OSError, EOFError, ValueError, TypeError, KeyError, LookupError, AttributeError):
            raise GoneError from None
        known: Any = getattr(builtins, kind, None)
        is_error = isinstance(known, type) and issubclass(known, Exception)
        # All or map in a check would take StopIteration for the end of its values.
        if not is_error or issubclass(known, (StopIteration, StopAsyncIteration)):
            known = type(kind, (Exception,), {})
        try:
            error = known(text)
        except TypeError:  # UnicodeError takes more
            error = Exception(text)
        error.add_note(kind)
        raise error


def judge(remote: Remote, order: dict[str, Any]) -> str | None:
    """Runs the checks against the loaded program: None where they pass, else why not.

    order: the checks' `source`, Python; the `setup` that comes before them; the `functions` that
    are the program's even where the setup or Python has such a name.
    """
    sys.set_int_max_str_digits(0)
    try:
        remote.answer()  # that it is loaded
        names: dict[str, Any] = {"__name__": "checks"}
        exec(compile(order["setup"], "setup", "exec"), names)
        tree = ast.parse(order["source"])
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        for name in sorted(used):
            if name in order["functions"]:
                names[name] = remote.function(name)
            elif name not in names and not hasattr(builtins, name):
                is_module = name in sys.stdlib_module_names
                names[name] = importlib.import_module(name) if is_module else remote.function(name)
        exec(compile(tree, "checks", "exec"), names)
    except GoneError:
        return "ended by signal or exit"
    except BaseException as error:
        kind = getattr(error, "__notes__", [type(error).__name__])[0]
        return f"{kind}: {error}"
    return None


def serve(program: str, asked: int, tell: int) -> None:
    """The program's end: runs it, says so, and answers calls until nobody asks."""
    held: list[Any] = []
    names: dict[str, Any] = {"__name__": "__main__"}

    def load() -> None:
        exec(compile(program, "program", "exec"), names)

    def called(question: dict[str, Any]) -> Any:
        if "list" in question:
            return list(held[question["list"]])
        values, named = question["given"]
        values = [unpack(one, held) for one in values]
        return names[question["call"]](*values, **{k: unpack(v, held) for k, v in named.items()})

    sys.set_int_max_str_digits(0)
    _send(tell, _outcome(load, held))
    while True:
        try:
            question = _receive(asked)
        except EOFError:
            return
        _send(tell, _outcome(partial(called, question), held))


def pack(value: Any, held: list[Any] | None = None) -> Any:
    """A value as JSON. held: where what is not plain stays; without it, it is a TypeError."""
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, list):
        return [pack(one, held) for one in value]
    for name, kind in _SERIES.items():
        if isinstance(value, kind):
            return {name: [pack(one, held) for one in value]}
    if isinstance(value, dict):
        return {"dict": [[pack(k, held), pack(v, held)] for k, v in value.items()]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, Held):
        return {"held": value.number}
    if held is None:
        raise TypeError(f"{type(value).__name__} is no plain value and cannot be an argument")
    held.append(value)
    return {"held": len(held) - 1}


def unpack(tree: Any, where: "Remote | list[Any]") -> Any:
    """The value again. where: of what is held, the one to ask for it or the list that has it."""
    if isinstance(tree, list):
        return [unpack(one, where) for one in tree]
    if not isinstance(tree, dict):
        return tree
    [(name, inner)] = tree.items()
    if name in _SERIES:
        return _SERIES[name](unpack(one, where) for one in inner)
    if name == "dict":
        return {unpack(k, where): unpack(v, where) for k, v in inner}
    if name == "bytes":
        return bytes.fromhex(inner)
    if name == "complex":
        return complex(*inner)
    if name != "held" or not isinstance(inner, int):
        raise ValueError(f"{name} is no kind of value")
    return where[inner] if isinstance(where, list) else Held(where, inner)


def read_exactly(descriptor: int, size: int) -> bytes:
    """So many bytes of a pipe; EOFError where it ends before."""
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _outcome(act: Callable[[], Any], held: list[Any]) -> dict[str, Any]:
    try:
        return {"value": pack(act(), held)}
    except BaseException as error:  # SystemExit too: it is not the program's end
        return {"raised": [type(error).__name__, str(error)[:300]]}


def _send(descriptor: int, tree: dict[str, Any]) -> None:
    data = json.dumps(tree).encode()
    data = len(data).to_bytes(8, "big") + data
    while data:
        data = data[os.write(descriptor, data) :]


def _receive(descriptor: int) -> Any:
    size = int.from_bytes(read_exactly(descriptor, 8), "big")
    if size > _ENOUGH:
        raise ValueError(f"a message of {size} bytes")
    return json.loads(read_exactly(descriptor, size))
