"""Launchers and processes know their place by what SLURM, torchrun and others set."""

import socket

import pytest

from corpus.errors import ConfigError
from train import nodes
from train.nodes import Place

ALL = (
    "RANK WORLD_SIZE LOCAL_RANK MASTER_ADDR MASTER_PORT NNODES NODE_RANK LAUNCHER_PID SLURM_PROCID "
    "SLURM_LOCALID SLURM_STEP_NUM_TASKS SLURM_STEP_NODELIST SLURM_JOB_NODELIST SLURM_JOB_ID"
).split()
TASK = {
    "SLURM_PROCID": "3",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_NODELIST": "gpu[007-008]",
    "SLURM_JOB_ID": "123456",
}


@pytest.fixture
def given(monkeypatch):
    """Sets these variables and no others that tell of a place."""

    def give(**variables: str) -> None:
        for name in ALL:
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return give


def test_without_variables_it_is_alone(given):
    given()
    assert nodes.of_launcher() == nodes.of_process() == Place()


def test_a_task_of_srun(given):
    given(**TASK)
    assert nodes.of_launcher() == Place(3, 4, 1, "gpu007", 23456)
    assert nodes.of_process() == Place(3, 4, 1, "gpu007", 23456)
    given(**TASK, MASTER_ADDR="10.0.0.7", MASTER_PORT="4000")
    assert nodes.of_launcher() == Place(3, 4, 1, "10.0.0.7", 4000)


def test_a_batch_script_is_no_step_of_several(given):
    given(SLURM_PROCID="0", SLURM_NTASKS="4", SLURM_JOB_NODELIST="gpu[1-4]")
    assert nodes.of_launcher() == Place()


def test_other_starters(given):
    given(NNODES="2", NODE_RANK="1", MASTER_ADDR="a", MASTER_PORT="4000")
    assert nodes.of_launcher() == Place(1, 2, 0, "a", 4000)
    given(RANK="5", WORLD_SIZE="8", LOCAL_RANK="1", MASTER_ADDR="a", MASTER_PORT="4000")
    assert nodes.of_process() == Place(5, 8, 1, "a", 4000)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"RANK": "0"}, "WORLD_SIZE is not set"),
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK=2 is not below WORLD_SIZE=2"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "MASTER_ADDR is not set"),
        ({"RANK": "x", "WORLD_SIZE": "2"}, "RANK 'x' is no number"),
        ({"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "a"}, "MASTER_PORT is not set"),
    ],
)
def test_what_is_missing_is_named(given, variables, said):
    given(**variables)
    with pytest.raises(ConfigError, match=said):
        nodes.of_process()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({**TASK, "SLURM_STEP_NUM_TASKS": "abc"}, "SLURM_STEP_NUM_TASKS 'abc' is no number"),
        ({**TASK, "SLURM_JOB_ID": "abc"}, "SLURM_JOB_ID 'abc' is no number"),
        ({**TASK, "MASTER_PORT": "99999"}, "MASTER_PORT=99999 is no port; choose 1 to 65535"),
        (
            {"NNODES": "2", "NODE_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "99999"},
            "MASTER_PORT=99999 is no port",
        ),
        ({"NNODES": "2", "NODE_RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "0"}, "=0 is no"),
    ],
)
def test_what_a_launcher_cannot_use_is_named(given, variables, said):
    given(**variables)
    with pytest.raises(ConfigError, match=said):
        nodes.of_launcher()


@pytest.mark.parametrize(
    ("listed", "first"),
    [
        ("gpu7", "gpu7"),
        ("gpu7,gpu9", "gpu7"),
        ("gpu[003-010,12],login", "gpu003"),
        ("rack[1-2]-node4,x", "rack1-node4"),
        ("a,b[1-2]", "a"),
    ],
)
def test_the_first_host_of_slurms_list(listed, first):
    assert nodes.first_host(listed) == first


def test_a_port_in_use_is_told_in_a_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of .* cannot be used .*MASTER_PORT"):
            nodes.listen("127.0.0.1", port)
