"""`altiplano tokenizer train`: the build as far as the tokenizer, and no further."""

import hashlib
import json
import re
import shutil
from functools import partial
from pathlib import Path

import pytest
import sentencepiece

from corpus.errors import ConfigError, DataError
from corpus.stage import Stage, StageRun
from jobs.cli import main
from jobs.config import load_run
from jobs.pipeline import build
from tokenizer.train import TokenizerConfig
from tokenizer.training_stages import given_stage, take_tokenizer


@pytest.fixture
def run(tiny_run: Path, tmp_path: Path) -> Path:
    """A finished build whose tokenizer and shards are gone."""
    left_out = shutil.ignore_patterns("tokenizer", "shards", "train", "mixture.json")
    return Path(shutil.copytree(tiny_run, tmp_path / "run", ignore=left_out))


def by_source(manifest: Path) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for file in json.loads(manifest.read_text())["files"]:
        found.setdefault(file["facts"]["source"], []).append(file)
    return found


def arguments(run: Path, *overrides: str) -> list[str]:
    sets = [part for override in (f"output={run}", *overrides) for part in ("--set", override)]
    return ["tokenizer", "train", str(run / "config.yaml"), *sets]


def test_the_tokenizer_is_trained_and_nothing_after_it(run, capfd):
    assert main(arguments(run, "tokenizer.vocab_size=700")) == 0
    said = capfd.readouterr().err
    model = run / "tokenizer/tokenizer.model"
    assert f"{model}: 700 pieces learnt from " in said
    assert "documents              up to date, skipped" in said
    assert "sample                 up to date, skipped" in said
    assert sentencepiece.SentencePieceProcessor(model_file=str(model)).vocab_size() == 700
    assert not (run / "shards").exists()
    assert not (run / "mixture.json").exists()


def test_a_sample_that_falls_short_is_drawn_again_once(run, tiny_run, engine, monkeypatch):
    monkeypatch.setattr("tokenizer.training_stages._SPARE", 0.1)
    shutil.rmtree(run / "sample")
    config = load_run(run / "config.yaml", [f"output={run}"])
    done: list[str] = []

    def note(stage: Stage, finished: StageRun | None) -> None:
        if finished is not None and finished.units_run:
            done.append(stage.name)

    build(config, engine.session, note, shards=False)
    assert done == ["sample", "sample", "tokenizer"]
    model = "tokenizer/tokenizer.model"
    assert (run / model).read_bytes() == (tiny_run / model).read_bytes()
    build(config, engine.session, note, shards=False)
    assert len(done) == 3, "the second build has nothing to do"


def test_what_the_corpus_lacks_of_the_sample_is_told_by_source(run, engine, monkeypatch, capfd):
    # A build that starts Spark would find the tests' session, and stop it.
    monkeypatch.setattr("jobs.pipeline.build", partial(build, spark_session=engine.session))
    held = {
        name: sum(file["facts"]["text_bytes"] for file in files)
        for name, files in by_source(run / "documents/manifest.json").items()
    }
    assert main(arguments(run, "tokenizer.sample_bytes=500000000")) == 0
    said = " ".join(capfd.readouterr().err.split())
    found = re.findall(r"([\d.]+) of ([\d.]+) MB of (\w+)", said)
    assert {name for _, _, name in found} == held.keys()
    for size, wanted, name in found:
        assert 0.8 * held[name] - 1e5 < float(size) * 1e6 <= held[name] + 1e5
        assert float(wanted) > float(size)
    assert "there is no more of it (sample_bytes)" in said


def test_a_config_without_a_tokenizer_is_refused(run, capfd):
    assert main(arguments(run, "tokenizer=null", "train=null")) == 2
    said = capfd.readouterr().err
    assert "config.yaml has no 'tokenizer' section; add one to train it" in " ".join(said.split())


def test_a_given_model_is_what_the_shards_are_made_with(run, engine, tmp_path, capfd):
    other = tmp_path / "other.model"
    assert main(arguments(run, "tokenizer.vocab_size=600", f"output={run}")) == 0
    shutil.move(run / "tokenizer/tokenizer.model", other)
    shutil.rmtree(run / "sample")
    given = ["train=null", f"tokenizer.model={other}", f"output={run}"]
    config = load_run(run / "config.yaml", [*given, "tokenizer.vocab_size=600"])
    build(config, engine.session)
    assert (run / "tokenizer/tokenizer.model").read_bytes() == other.read_bytes()
    assert not (run / "sample").exists()
    shards = by_source(run / "shards/manifest.json")
    hashes = {file["facts"]["tokenizer"] for files in shards.values() for file in files}
    assert hashes == {hashlib.sha256(other.read_bytes()).hexdigest()}

    with pytest.raises(ConfigError, match=r"has 600 pieces, vocab_size=700; give .*: 600"):
        build(load_run(run / "config.yaml", [*given, "tokenizer.vocab_size=700"]), engine.session)
    assert main(arguments(run, f"tokenizer.model={other}")) == 2
    assert "leave that out to train one" in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize("model", ["", "a\0b", "\ud800", "x" * 300, "/"])
def test_a_place_that_holds_no_model_is_named(model):
    with pytest.raises(DataError, match=r"tokenizer.model|SentencePiece"):
        given_stage(TokenizerConfig(model=model))


def test_a_given_model_that_changes_meanwhile_is_refused(tiny_run, tmp_path):
    given = shutil.copy(tiny_run / "tokenizer/tokenizer.model", tmp_path)
    size = sentencepiece.SentencePieceProcessor(model_file=given).vocab_size()
    stage = given_stage(TokenizerConfig(vocab_size=size, model=given))
    Path(given).write_bytes(b"no model")
    with pytest.raises(DataError, match="was changed while the corpus was built"):
        take_tokenizer(stage.units[0], None)
