"""`altiplano train --profile`: how it reaches the trainer, and where nothing is left to trace."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from corpus.errors import ConfigError
from jobs import cli, training
from train import launch as launch_module
from train.alone import LOCK, alone
from train.config import LogConfig, TrainConfig


@pytest.fixture
def launched(monkeypatch) -> list[TrainConfig]:
    """The configs that were launched, as nothing is trained here."""
    configs: list[TrainConfig] = []
    monkeypatch.setattr(training.manifest, "read", lambda _: SimpleNamespace(digest="d"))
    monkeypatch.setattr(training, "require_sound_shards", lambda _: None)
    monkeypatch.setattr(launch_module, "launch", lambda config: configs.append(config) or 0)
    return configs


@pytest.fixture
def config(tmp_path) -> TrainConfig:
    output = str(tmp_path / "o")
    return TrainConfig(str(tmp_path), "t.model", output, {"web": 1})


@pytest.mark.parametrize(
    ("arguments", "steps"), [([], 0), (["--profile"], 3), (["--profile", "7"], 7)]
)
def test_profile_sets_how_many_steps_are_traced(monkeypatch, arguments, steps):
    trained = []
    monkeypatch.setattr(training, "train", lambda config: trained.append(config) or 75)
    assert cli.main(["train", "jobs/configs/demo.yaml", *arguments]) == 75
    assert trained[0].training().log.profile_steps == steps


def test_a_profile_of_less_than_no_step_is_refused(capsys):
    assert cli.main(["train", "jobs/configs/demo.yaml", "--profile", "-1"]) == 2
    assert "log.profile_steps=-1 is out of range" in capsys.readouterr().err


def test_a_finished_training_has_nothing_left_to_profile(config, launched):
    assert training.train_shards(config, fresh=False) == 0
    quieter = replace(config, log=LogConfig(tensorboard=False), peak_tflops=312.0)
    assert training.train_shards(quieter, fresh=False) == 0
    assert len(launched) == 1, "logs do not change what is learnt"
    with pytest.raises(ConfigError, match=r"profile_steps=3 finds nothing left of the training"):
        training.train_shards(replace(config, log=LogConfig(profile_steps=3)), fresh=False)


def test_what_another_run_finished_meanwhile_is_left_as_it_is(
    config, launched, tmp_path, monkeypatch
):
    @contextmanager
    def held_after_the_other(output):
        with monkeypatch.context() as other:
            other.setattr(training, "alone", alone)
            assert training.train_shards(config, fresh=True) == 0
        (tmp_path / "o/metrics.jsonl").write_text("the other's")
        with alone(output):
            yield

    monkeypatch.setattr(training, "alone", held_after_the_other)
    assert training.train_shards(config, fresh=True) == 0
    assert len(launched) == 1
    assert (tmp_path / "o/metrics.jsonl").exists()


@pytest.mark.parametrize("node", [0, 1])
def test_of_several_nodes_each_launches_whatever_it_finds(config, launched, monkeypatch, node):
    """They may look before and after another run has finished, and would wait for each other."""
    assert training.train_shards(config, fresh=True) == 0
    written = Path(config.output) / "metrics.jsonl"
    written.write_text("trained")
    more = {"NNODES": "2", "NODE_RANK": str(node), "MASTER_ADDR": "here", "MASTER_PORT": "1"}
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    assert training.train_shards(config, fresh=True) == 0
    assert len(launched) == 2
    assert written.read_text() == "trained", "and what is up to date stays"


def test_what_is_trained_anew_is_held_while_its_folder_is_emptied(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "metrics.jsonl").write_text("")
    with alone(str(tmp_path)):
        with pytest.raises(ConfigError, match="holds something that is no training of ours"):
            training._clear(tmp_path, {})
        training._clear(tmp_path, {"key": "k"})
        assert [path.name for path in tmp_path.iterdir()] == [LOCK]
        training._clear(tmp_path, {})
