"""Launchers of two nodes: a run started twice, or again, and a stop before all have come."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from corpus.config import to_tree
from corpus.errors import ConfigError
from train import board, metrics, nodes, stop
from train.config import ParallelConfig, TrainConfig

ROOT = str(Path(__file__).parents[2])
LIMIT_S = 120.0


@pytest.fixture
def launcher(tiny_config, tmp_path):
    """Starts a launcher of a node of a run of two, or more, which train until they are asked to
    stop; what is left of them is killed at the end."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    config: TrainConfig = tiny_config(
        tmp_path / "run",
        micro_batch=1,
        steps=1_000_000,
        eval_interval=0,
        save_interval=0,
        start_timeout_s=LIMIT_S,
    )
    started = []

    def start(node: int, *command: str, of: int = 2) -> subprocess.Popen[str]:
        path = tmp_path / f"config-{of}.json"
        run = replace(config, parallel=ParallelConfig(processes=1, nodes=of), batch_sequences=6)
        path.write_text(json.dumps(to_tree(run)))
        more = {"NNODES": str(of), "NODE_RANK": str(node), "OMP_NUM_THREADS": "1"}
        more |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        started.append(
            subprocess.Popen(
                [sys.executable, *(command or ("-m", "train.launch", str(path)))],
                env={**os.environ, **more},
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    start.config, start.port, start.log = config, port, Path(config.output) / "metrics.jsonl"
    yield start
    for one in started:
        one.kill()
        one.communicate()


def until(holds) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def ended(one: subprocess.Popen[str]) -> tuple[int, list[str]]:
    said = one.communicate(timeout=LIMIT_S)[1].splitlines()
    return one.returncode, said


def rows(launcher) -> int:
    return len(metrics.read(launcher.log)) if launcher.log.exists() else 0


def test_a_second_start_is_refused_and_the_first_goes_on(launcher):
    first = [launcher(0), launcher(1)]
    until(lambda: rows(launcher) > 1)
    again = [ended(one) for one in [launcher(0), launcher(1), launcher(2, of=3)]]
    assert [(code, len(said)) for code, said in again] == [(2, 1)] * 3, again
    lines = [said[0] for _, said in again]
    assert "is training into" in lines[0]
    where = f"error: the run at 127.0.0.1:{launcher.port} is under way, its node"
    assert lines[1].startswith(f"{where} 1 launched by pid {first[1].pid} on ")
    assert lines[2].startswith(f"{where} 2 launched by nobody; ")
    done = rows(launcher)
    until(lambda: rows(launcher) > done)
    for one in first:
        one.send_signal(signal.SIGUSR1)
    assert [ended(one)[0] for one in first] == [stop.REQUEUE] * 2


def test_a_stop_does_not_wait_for_a_node_that_has_stopped(launcher):
    """Its launcher was asked to stop, too, before it had processes."""
    first = launcher(0)
    until(lambda: on_board(launcher.port, "member/0") is not None)
    first.send_signal(signal.SIGUSR1)
    code, said = ended(first)
    assert (code, said) == (stop.REQUEUE, [stop.BEFORE_A_STEP])


# Of a launcher that is asked to stop while it is getting ready, it does nothing else.
ASKED_EARLY = """
import os, signal, time
from train import stop
with stop.taken_early():
    time.sleep({after})
    os.kill(os.getpid(), signal.SIGUSR1)
    time.sleep(100)
"""


@pytest.mark.parametrize("node", [0, 1, None])
def test_a_node_that_is_asked_to_stop_early_ends_the_others(launcher, node):
    """One of them, while the other waits for it, or both at once."""
    run = {}
    if node is not None:
        run[1 - node] = launcher(1 - node)
        if node == 1:
            until(lambda: on_board(launcher.port, "member/0") is not None)
        run[node] = launcher(node, "-c", ASKED_EARLY.format(after=3))
    else:
        run = {each: launcher(each, "-c", ASKED_EARLY.format(after=3)) for each in (0, 1)}
    began = time.monotonic()
    found = [ended(run[each]) for each in (0, 1)]
    assert [code for code, _ in found] == [stop.REQUEUE] * 2, found
    assert [line for _, said in found for line in said] == [stop.BEFORE_A_STEP]
    assert time.monotonic() - began < LIMIT_S / 2


def test_a_node_that_is_asked_to_stop_early_and_alone_ends_soon(launcher):
    began = time.monotonic()
    code, said = ended(launcher(1, "-c", ASKED_EARLY.format(after=0)))
    assert (code, said) == (stop.REQUEUE, [stop.BEFORE_A_STEP])
    assert time.monotonic() - began < LIMIT_S / 2


def test_two_launchers_of_one_node(launcher):
    run = [launcher(0, of=3), launcher(1, of=3)]
    until(lambda: on_board(launcher.port, "launcher/1") is not None)
    found = [ended(one) for one in [launcher(1, of=3), *run]]
    assert [code for code, _ in found] == [2, 2, 2]
    (line,) = [line for _, said in found for line in said]
    assert line.startswith(
        f"error: node 1 of the run at 127.0.0.1:{launcher.port} is launched twice"
    )
    assert f"by pid {run[1].pid} on " in line


def test_the_first_nodes_launcher_is_killed(launcher):
    first = [launcher(0), launcher(1)]
    until(lambda: rows(launcher) > 1)
    first[0].kill()
    code, said = ended(first[1])
    assert code == 2
    assert len(said) == 1, said
    assert f"the launcher of node 0, 127.0.0.1:{launcher.port}, is gone" in said[0]


def test_nodes_that_differ_on_whether_all_is_trained_end_alike(launcher, tmp_path):
    """The second launcher looked before another run had finished, and the first one after."""
    two_nodes = ParallelConfig(nodes=2)
    wanted = replace(launcher.config, parallel=two_nodes, steps=8, start_timeout_s=60.0)
    tree = {
        "base": f"{ROOT}/jobs/configs/demo.yaml",
        "tokenizer": {"vocab_size": wanted.model.vocab},
        "train": to_tree(wanted),
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(tree))
    verb = f"sys.exit(cli.main(['train', {str(tmp_path / 'run.yaml')!r}]))"
    looks = f"import sys; from jobs import cli, training; {verb}"
    looked_before = looks.replace("sys.exit", "training.state_of = lambda _: {}; sys.exit")

    first = [ended(one) for one in [launcher(0, "-c", looks), launcher(1, "-c", looks)]]
    assert [code for code, _ in first] == [0, 0], first
    assert [row["step"] for row in metrics.read(launcher.log)] == [*range(1, 9)]
    trained = launcher.log.read_bytes(), (launcher.log.parent / "key.json").read_bytes()

    again = [ended(one) for one in [launcher(0, "-c", looks), launcher(1, "-c", looked_before)]]
    assert [code for code, _ in again] == [0, 0], again
    assert "up to date, skipped" in "".join(again[0][1])
    assert trained == (
        launcher.log.read_bytes(),
        (launcher.log.parent / "key.json").read_bytes(),
    )


def on_board(port: int, key: str):
    try:
        return board.connect("127.0.0.1", port, 0.1).get(key)
    except (ConfigError, RuntimeError):
        return None


def test_a_launcher_waits_for_the_board_of_a_run_that_is_ending():
    listening = nodes.listen("127.0.0.1", 0)
    place = nodes.Place(1, 2, 0, "127.0.0.1", listening.getsockname()[1])
    boards = [board.hold(listening)]
    boards[0].put("launcher/1", ["pid 1 on gpu8", "0"])
    boards[0].set_under_way()
    with pytest.raises(nodes.OtherRunError, match=r"its node 1 launched by pid 1 on gpu8; wait"):
        board.connect_launcher(place, 5.0, ending_s=0.5)

    def next_run() -> None:
        boards.clear()
        boards.append(board.hold(nodes.listen("127.0.0.1", place.port)))

    timer = threading.Timer(1.0, next_run)
    timer.start()
    found = board.connect_launcher(place, LIMIT_S, ending_s=LIMIT_S)
    timer.join()
    assert found.get("launcher/1") == boards[0].get("launcher/1")
    assert found.get("launcher/1")[0] == f"pid {os.getpid()} on {socket.gethostname()}"
