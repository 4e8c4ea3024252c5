"""`altiplano import`, `export` and `generate` one after another, as a person gives them."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file
from small_hf import VOCAB, small_hf

from jobs.cli import main
from jobs.config import load_run
from jobs.licences import licences

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose training began from a small model, and the model's folder."""
    monkeypatch.chdir(ROOT)
    hf, run = small_hf(tmp_path / "hf"), tmp_path / "run"
    assert main(["import", str(hf), "--output", str(run / "train")]) == 0
    (run / "tokenizer").mkdir()
    shutil.copyfile(hf / "tokenizer.model", run / "tokenizer/tokenizer.model")
    return run


def sets(run):
    return ["--set", f"output={run}", "--set", f"tokenizer.vocab_size={VOCAB}"]


def test_what_was_imported_is_exported_to_the_bit_with_its_cards(run, tmp_path, capsys):
    assert main(["export", "jobs/configs/demo.yaml", *sets(run)]) == 0
    shown = capsys.readouterr().err
    assert "12 tensors to the bit, logits within" in shown
    out = run / "hf"
    ours, theirs = (load_file(place / "model.safetensors") for place in (out, tmp_path / "hf"))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    for name in ("README.md", "parity.json", "training.json", "generation_config.json"):
        assert (out / name).is_file(), name
    assert json.loads((out / "training.json").read_text())["imported"]["from"].endswith("/hf")


def test_a_text_is_the_same_from_config_run_and_export(run, capsys):
    assert main(["export", "jobs/configs/demo.yaml", *sets(run)]) == 0
    settings = ["--prompt", "which of", "--tokens", "12", "--temperature", "0.7", "--seed", "4"]
    texts = set()
    for model in (["jobs/configs/demo.yaml", *sets(run)], [str(run)], [str(run / "hf")]):
        capsys.readouterr()
        assert main(["generate", *model, *settings]) == 0
        texts.add(capsys.readouterr().out)
    (text,) = texts
    assert text.startswith("which of")
    assert main(["generate", str(run / "hf"), "--top-p", "2"]) == 2
    assert main(["generate", str(run / "none")]) == 2


def test_what_an_export_lacks_is_named(tmp_path, capsys):
    whole = small_hf(tmp_path / "whole")
    for file, told in (
        ("config.json", "half/config.json cannot be read (No such file or directory)"),
        ("model.safetensors", "half has no safetensors file"),
    ):
        half = shutil.copytree(whole, tmp_path / "half")
        (half / file).unlink()
        assert main(["generate", str(half)]) == 2
        assert told in capsys.readouterr().err.replace("\n", " ")
        shutil.rmtree(half)
    half.mkdir()
    (half / "model-00001.safetensors.partial").touch()
    assert main(["generate", str(half)]) == 2
    assert "half/config.json cannot be read" in capsys.readouterr().err.replace("\n", " ")


def test_an_import_of_what_is_no_model_is_one_line(tmp_path, capsys):
    assert main(["import", str(tmp_path), "--output", str(tmp_path / "run")]) == 2
    assert "config.json cannot be read" in capsys.readouterr().err


def test_a_sources_licence_is_its_readers_or_its_options():
    found = licences(load_run(ROOT / "jobs/configs/demo.yaml"))
    assert found["web"].startswith("each page its own")
    assert found["code"].startswith("MIT, Apache-2.0")
