"""How the processes of a run find one another, before their first collective.

Each checks in on the run's board (train.board) with its host, its process number, its config and
the versions it runs. The first one waits for all, within `train.start_timeout_s`, and compares
them with its own: who is missing or differs is named in one line, and all end. Then they start
to watch one another (train.heartbeat).
"""

import json
import os
import platform
import socket
import time
from importlib.metadata import version
from typing import Any

import torch

from corpus.config import to_tree
from corpus.errors import ConfigError
from corpus.provenance import code_version
from train import nodes, stop
from train.blame import process, ranks_told
from train.board import Board, connect, hold
from train.config import TrainConfig

_LOOK_S = 0.2
_MARGIN_S = 10.0  # the first process tells who is missing; only then is it the one that is
_READY = "ready"


def open_board(config: TrainConfig, place: nodes.Place) -> Board:
    """The run's board, held here where nobody else would."""
    is_held = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True" or nodes.is_launched()
    if place.index == 0 and not is_held:
        return hold(nodes.listen("", place.port))
    return connect(place.address, place.port, config.start_timeout_s)


def check_in(board: Board, config: TrainConfig, place: nodes.Place) -> None:
    """Returns when all processes have come and are of one run.

    Raises nodes.OtherRunError where they had before this one, ConfigError where one has not come or
    differs, stop.AskedError where this one is to
    stop; that another found it out is in the board's fault, which the caller looks at first.
    """
    mine = _member(config, place)
    if board.is_under_way():
        raise nodes.OtherRunError(
            f"the run at {place.address}:{place.port} is under way and has all its processes, this "
            f"rank {place.index} is none of them; wait for it, or give this run another MASTER_PORT"
        )
    there = board.claim(_key(place.index), mine)
    if there != mine:
        raise ConfigError(
            f"rank {place.index} is there twice, as {_who(there)} and as {_who(mine)}; give every "
            "process its own RANK, every run its own MASTER_PORT"
        )
    if place.index == 0:
        _require_all(board, mine, config.start_timeout_s)
        board.set_under_way()
        return
    deadline = time.monotonic() + config.start_timeout_s + _MARGIN_S
    while not board.is_under_way() and board.fault() is None:
        if time.monotonic() > deadline:
            raise ConfigError(
                f"rank 0 did not come within {config.start_timeout_s:.0f} s; look why it did "
                "not start on the first node"
            )
        stop.raise_if_asked()
        time.sleep(_LOOK_S)


def all_ready(board: Board, world_size: int) -> None:
    """Returns when every process has called it, however long that takes; train.heartbeat looks
    whether they still can."""
    board.count(_READY)
    while board.count(_READY, 0) < world_size:
        stop.raise_if_asked()
        time.sleep(_LOOK_S)


def _require_all(board: Board, mine: dict[str, Any], limit_s: float) -> None:
    missing = set(range(1, mine["world_size"]))
    deadline = time.monotonic() + limit_s
    while missing and board.fault() is None:
        for rank in sorted(missing):
            other = board.get(_key(rank))
            if other is not None:
                missing.remove(rank)
                _require_same(mine, other, rank)
        if missing and time.monotonic() > deadline:
            raise ConfigError(
                f"{ranks_told(missing)} of {mine['world_size']} did not come within {limit_s:.0f} "
                f"s; look why they did not start, or raise the limit (train.start_timeout_s)"
            )
        if missing:
            stop.raise_if_asked()
            time.sleep(_LOOK_S)


def _require_same(mine: dict[str, Any], other: dict[str, Any], rank: int) -> None:
    for key, rule in (
        ("world_size", "start all with the same WORLD_SIZE"),
        ("config", "start all with the same config"),
        ("code", "start all from the same code"),
        ("versions", "install the same packages everywhere"),
    ):
        if mine[key] == other[key]:
            continue
        name, here, there = _difference(key, mine[key], other[key])
        raise ConfigError(f"rank {rank} ({_who(other)}) has {name}={there}, rank 0 {here}; {rule}")


def _difference(name: str, mine: Any, other: Any) -> tuple[str, str, str]:
    """The first place where two trees differ, and what each has there."""
    if not isinstance(mine, dict) or not isinstance(other, dict):
        return name, _short(mine), _short(other)
    key = next(k for k in [*mine, *other] if mine.get(k) != other.get(k))
    path = {"config": "train", "versions": ""}.get(name, name)
    return _difference(f"{path}.{key}".lstrip("."), mine.get(key), other.get(key))


def _member(config: TrainConfig, place: nodes.Place) -> dict[str, Any]:
    member = {
        "world_size": place.of,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "config": to_tree(config),
        "code": code_version("train.entry")[:16],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "megatron-core": version("megatron-core"),
        },
    }
    return json.loads(json.dumps(member))


def _key(rank: int) -> str:
    return f"member/{rank}"


def _who(member: dict[str, Any]) -> str:
    return process(member["pid"], member["host"])


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else text[:57] + "..."
