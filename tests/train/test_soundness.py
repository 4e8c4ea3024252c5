"""A corrupt or missing shard stops a run before its first step, in one line."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.config import to_tree
from corpus.errors import ShardError
from tokenizer.shards import open_shard
from train import launch, soundness
from train.config import TrainConfig
from train.soundness import bus_error, require_sound_shards


@pytest.fixture
def config(tiny_config, tiny_data, tmp_path) -> TrainConfig:
    shutil.copytree(tiny_data.shards, tmp_path / "shards")
    return tiny_config(tmp_path / "run", shards=str(tmp_path / "shards"))


def flip(path: Path) -> None:
    place = open_shard(str(path)).blocks[2].start + 8
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("web-train.arrow", Path.unlink, "web-train.arrow is missing"),
        ("code-valid.arrow", Path.unlink, "code-valid.arrow is missing"),
        ("web-train.arrow", lambda path: os.truncate(path, 4000), "is cut short"),
        ("web-train.arrow", flip, "is damaged at bytes"),
    ],
)
@pytest.mark.parametrize("module", ["train.launch", "train.entry"])
def test_it_ends_in_one_line_before_step_0(config, tmp_path, name, fault, said, module):
    fault(tmp_path / "shards" / name)
    (tmp_path / "config.json").write_text(json.dumps(to_tree(config)))
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", module, str(tmp_path / "config.json")]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert len([line for line in done.stderr.splitlines() if line.strip()]) == 1, done.stderr
    assert done.stderr.startswith(f"error: {tmp_path}/shards/{name} ")
    assert said in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_shard_of_no_source_of_the_run_is_not_asked_for(config, tmp_path):
    (tmp_path / "shards/code-train.arrow").unlink()
    require_sound_shards(replace(config, weights={"web": 1.0}, check_shards="quick"))


def test_how_much_is_read_is_the_configs(config, tmp_path, monkeypatch):
    flip(tmp_path / "shards/web-train.arrow")
    require_sound_shards(replace(config, check_shards="quick"))
    for asked in ("auto", "full"):
        with pytest.raises(ShardError, match="is damaged"):
            require_sound_shards(replace(config, check_shards=asked))
    monkeypatch.setattr(soundness, "READ_WHOLE", 1000)
    require_sound_shards(config)


def test_the_cause_of_a_bus_error_is_named(config, tmp_path):
    assert "altiplano shards verify names it" in bus_error(config)
    os.truncate(tmp_path / "shards/web-train.arrow", 4096)
    said = bus_error(config)
    assert said.startswith("the run ended by SIGBUS: ")
    assert "web-train.arrow is cut short" in said


READS_BEHIND_THE_END = """
import mmap, os, sys
with open(sys.argv[1], "r+b") as stream:
    mapped = mmap.mmap(stream.fileno(), 0)
    os.truncate(sys.argv[1], 4096)
    mapped[20_000]
"""


def test_the_launcher_names_the_shard_of_a_bus_error(config, tmp_path, monkeypatch, capsys):
    shard = tmp_path / "shards/web-train.arrow"
    (tmp_path / "config.json").write_text(json.dumps(to_tree(config)))
    start = subprocess.Popen
    command = [sys.executable, "-c", READS_BEHIND_THE_END, str(shard)]
    monkeypatch.setattr(launch.subprocess, "Popen", lambda _, **options: start(command, **options))
    assert launch.main([str(tmp_path / "config.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: the run ended by SIGBUS: {shard} is cut short; restore it")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weights": {"web": 1.0, "cod": 0.1}}, "source 'cod', .* code, web; did you mean 'code'?"),
        ({"weights": {"web": 1.0, "c4": 0}}, "weights name source 'c4', the shards have code, web"),
        ({"model": {"seq_length": 2**22}}, "the train split of source 'code' in"),
    ],
)
def test_sources_are_looked_for_before_a_process_starts(
    config, tmp_path, monkeypatch, capsys, changed, said
):
    tree = to_tree(config)
    tree |= {**changed, "model": {**tree["model"], **changed.get("model", {})}}
    (tmp_path / "config.json").write_text(json.dumps(tree))
    monkeypatch.setattr(launch.subprocess, "Popen", None)
    assert launch.main([str(tmp_path / "config.json")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(said.replace("?", r"\?"), line)


def test_a_source_without_validation_is_told_before_a_process_starts(config, tmp_path):
    manifest = tmp_path / "shards/manifest.json"
    tree = json.loads(manifest.read_text())
    tree["files"] = [file for file in tree["files"] if file["name"] != "code-valid.arrow"]
    manifest.write_text(json.dumps(tree))
    told = (
        r"the valid split of source 'code' .* has 0 tokens, .*; add text to it, shorten seq_length,"
        r" raise mixture.valid_share, leave the source out of the weights, or evaluate nothing "
        r"\(train.eval_sequences=0\)$"
    )
    with pytest.raises(ShardError, match=told):
        require_sound_shards(config)
    at_the_end = replace(config, eval_interval=0)
    with pytest.raises(ShardError, match=told):
        require_sound_shards(at_the_end)
    require_sound_shards(replace(config, eval_sequences=0))
