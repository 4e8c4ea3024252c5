"""Processes that are to be one run check in: who is missing, there twice or differs is named."""

import contextlib
import threading
from dataclasses import replace

import pytest

from corpus.errors import ConfigError
from train import nodes, rendezvous
from train.board import connect, hold
from train.stop import AskedError


@pytest.fixture
def board():
    listening = nodes.listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    held = hold(listening)
    held.port = port
    return held


def check_in(board, config, index: int, of: int) -> None:
    place = nodes.Place(index, of, 0, "127.0.0.1", board.port)
    rendezvous.check_in(connect("127.0.0.1", board.port, 5.0), config, place)


def beside(board, config, index: int, of: int) -> threading.Thread:
    def come() -> None:
        with contextlib.suppress(ConfigError, AskedError):  # the first one tells it
            check_in(board, config, index, of)

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    return thread


def test_all_go_on_when_all_have_come(board, tiny_config, tmp_path):
    config = tiny_config(tmp_path, start_timeout_s=60.0)
    others = [beside(board, config, rank, 3) for rank in (1, 2)]
    check_in(board, config, 0, 3)
    for other in others:
        other.join(30)
        assert not other.is_alive()


def test_who_does_not_come_is_named(board, tiny_config, tmp_path):
    config = tiny_config(tmp_path, start_timeout_s=2.0)
    beside(board, config, 2, 5)
    said = r"ranks 1, 3 and 4 of 5 did not come within 2 s; .*train\.start_timeout_s"
    with pytest.raises(ConfigError, match=said):
        check_in(board, config, 0, 5)


@pytest.mark.parametrize(
    ("change", "of", "said"),
    [
        ({"seed": 5}, 2, r"rank 1 \(pid \d+ on \S+\) has train\.seed=5, rank 0 1; start all with"),
        ({"weights": {"web": 1.0}}, 2, r"has train\.weights\.code=None, rank 0 1\.0; start all"),
        ({}, 4, r"has world_size=4, rank 0 2; start all with the same WORLD_SIZE"),
    ],
)
def test_who_differs_is_named_with_where(board, tiny_config, tmp_path, change, of, said):
    config = tiny_config(tmp_path, start_timeout_s=60.0)
    beside(board, replace(config, **change), 1, of)
    with pytest.raises(ConfigError, match=said):
        check_in(board, config, 0, 2)


def test_other_versions_are_named(board, tiny_config, tmp_path, monkeypatch):
    config = tiny_config(tmp_path, start_timeout_s=60.0)
    mine = rendezvous._member(config, nodes.Place(1, 2))
    board.put("member/1", {**mine, "versions": {**mine["versions"], "torch": "2.11.0"}})
    with pytest.raises(ConfigError, match=r"has torch=2\.11\.0, rank 0 2\S+; install the same"):
        check_in(board, config, 0, 2)


def test_a_rank_that_is_there_twice_is_named(board, tiny_config, tmp_path):
    config = tiny_config(tmp_path, start_timeout_s=60.0)
    other = rendezvous._member(config, nodes.Place(1, 2))
    board.put("member/1", {**other, "pid": 1})
    with pytest.raises(ConfigError, match=r"rank 1 is there twice, as pid 1 on \S+ and as pid"):
        check_in(board, config, 1, 2)


def test_who_comes_to_a_run_under_way_is_refused_and_it_hears_nothing(board, tiny_config, tmp_path):
    board.set_under_way()
    with pytest.raises(nodes.OtherRunError, match=r"is under way .* this rank 2 is none of them"):
        check_in(board, tiny_config(tmp_path), 2, 3)
    assert board.get("member/2") is None


def test_an_address_where_nothing_answers_is_named():
    listening = nodes.listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    listening.close()
    said = f"no answer from 127.0.0.1:{port} in 1 s .*MASTER_ADDR and MASTER_PORT"
    with pytest.raises(ConfigError, match=said):
        connect("127.0.0.1", port, 1.0)


def test_a_fault_is_put_once_and_told_once(board):
    assert board.fault() is None
    first = board.report("a is damaged", 2)
    assert board.report("so is b", 137) == first == board.fault()
    assert board.tell(first, first=True) == "a is damaged"
    assert board.tell(first, first=False) is None
