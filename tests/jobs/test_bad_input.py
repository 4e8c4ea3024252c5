"""Bad input at the command: one clear line and a non-zero exit, or counted, named and skipped."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny import ROOT, tiny_config

from corpus import manifest as manifests
from corpus.config import build as build_config
from corpus.errors import ConfigError, DataError, ShardError
from corpus.formats.texts import read_texts
from jobs.cli import main
from jobs.config import RunConfig
from jobs.training import train

PYTHON = sys.executable


def altiplano(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [PYTHON, "-m", "jobs.cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )


def one_line(result: subprocess.CompletedProcess) -> str:
    """The only line of an error; anything else, a traceback above all, fails the test."""
    assert result.returncode == 2, result.stderr
    return _one_error(result.stderr)


def _one_error(said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, said
    assert "Traceback" not in said
    return errors[0]


@pytest.fixture
def refused(run_folder, monkeypatch, capfd):
    """The one line of a command that fails before Spark starts; run in this process, as quicker."""
    monkeypatch.chdir(run_folder)

    def refused(*arguments: str) -> str:
        assert main(list(arguments)) == 2
        return _one_error(capfd.readouterr().err)

    return refused


@pytest.fixture
def run_folder(tiny_inputs, tmp_path) -> Path:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tiny_config(tiny_inputs)))
    return tmp_path


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("corpus.sources.web.dedup_line=1", ["unknown key", "did you mean 'dedup_lines'"]),
        ("corpus.sources.web.inptu=x", ["unknown key", "did you mean 'input'"]),
        ("seed=many", ["'seed' must be of type int", "'many'"]),
        ("corpus.sources.web.reader=warx", ["no reader 'warx'", "crawl"]),
        ("corpus.sources.web.options={warc: {min_char: 3}}", ["min_char", "did you mean"]),
        ("corpus.sources.web.rules=[{column: perplexty, max: 1}]", ["did you mean 'perplexity'"]),
        ("corpus.sources.web.dedup_lines.group_shards=-1", ["group_shards=-1", "dedup_lines"]),
        ("corpus.sources.web.options={wet: {min_chars: -5}}", ["min_chars=-5", "must be >= 0"]),
        (
            "corpus.sources.web.options={min_chars: abc}",
            ["unknown key 'options.min_chars'", "'options.warc.min_chars' or 'options.wet.min_c"],
        ),
        ("corpus.sources.web.options={books: {}}", ["'options.books' are for reader 'books'"]),
        (
            "corpus.sources.web.c4={preset: paper, bad_words: nofile.txt}",
            ["nofile.txt is not there", "(corpus.sources.web.c4.bad_words)"],
        ),
        (
            "corpus.sources.web.c4={preset: paper, bad_words: /}",
            ["/ cannot be read", "(corpus.sources.web.c4.bad_words)"],
        ),
        ("spark.partitions=-1", ["partitions=-1", "spark"]),
        ("corpus.sources.web.buckets.table=/nope.csv", ["/nope.csv", "corpus.sources.web.buckets"]),
        ("corpus.models.lm=/nope", ["/nope", "corpus.models.lm", "altiplano models fetch lm"]),
        ("mixture.weights={wob: 1}", ["wob", "no such source"]),
        ("train.parallel.tp=3", ["tp=3", "does not divide", "train.parallel.tp"]),
        (
            "corpus.sources.web.input=nowhere",
            ["no input at", "/nowhere;", "(corpus.sources.web.input)"],
        ),
        ("corpus.sources.web.input='no[/red]where'", ["no input at", "/no[/red]where;"]),
        ("corpus.models.lid=nowhere.ftz", ["nowhere.ftz", "altiplano models fetch lid"]),
        ("corpus.models.kenlm_tools=nowhere", ["lmplz", "nowhere"]),
        ("output=/proc/altiplano", ["output=/proc/altiplano cannot be written ("]),
        ("output=/sys/kernel", ["output=/sys/kernel cannot be written", "choose another 'output'"]),
    ],
)
def test_one_line_says_what_where_and_how_to_mend(refused, override, words):
    line = refused("build", "config.yaml", "--set", override)
    for word in words:
        assert word in line, line


def test_a_spark_that_does_not_start(run_folder):
    line = one_line(altiplano(run_folder, "build", "config.yaml", "--set", "spark.master=foo"))
    assert "Spark does not start with master=foo" in line
    assert "spark.master" in line


def test_files_that_are_no_language_models_are_told_before_any_work(run_folder, refused):
    (run_folder / "lm").mkdir()
    for name in ("en.sp.model", "en.arpa.bin"):
        (run_folder / "lm" / name).write_text("no model at all")
    line = refused("build", "config.yaml", "--set", "corpus.models.lm=lm")
    assert "en.sp.model is no SentencePiece model" in line
    assert "(corpus.models.lm)" in line
    assert not (run_folder / "run/extracted").exists()


@pytest.mark.parametrize("key", ["lid", "references"])
def test_a_file_that_is_no_such_model_is_told_before_any_work(run_folder, refused, key):
    (run_folder / "text.ftz").write_text("no model at all\n" * 99)
    override = f"corpus.models.{key}=text.ftz"
    line = refused("build", "config.yaml", "--set", override)
    assert "text.ftz is no fastText model" in line
    assert f"(corpus.models.{key})" in line
    assert not (run_folder / "run/extracted").exists()


def test_a_list_that_is_not_there_is_told_before_any_work(run_folder, refused):
    override = "corpus.sources.web.c4={preset: paper, bad_words: nofile.txt}"
    assert "nofile.txt" in refused("build", "config.yaml", "--set", override)
    assert not (run_folder / "run/extracted").exists()


def test_no_config_and_no_input(run_folder, refused):
    assert "no config file missing.yaml" in refused("build", "missing.yaml")
    (run_folder / "empty").mkdir()
    line = refused("build", "config.yaml", "--set", "corpus.sources.web.input=empty")
    assert "no input files" in line
    assert "empty" in line


def test_without_java(run_folder):
    folder = run_folder / "no-java"
    folder.mkdir()
    for tool in ("env", "sh", "bash"):
        (folder / tool).symlink_to(shutil.which(tool))
    line = one_line(altiplano(run_folder, "build", "config.yaml", PATH=str(folder), JAVA_HOME=""))
    assert "Java" in line


def test_damaged_files_are_named_and_the_rest_is_kept(tiny_inputs, run_folder):
    crawl = run_folder / "crawl"
    shutil.copytree(tiny_inputs / "crawl", crawl)
    cut = crawl / "crawl-0.warc.gz"
    cut.write_bytes(cut.read_bytes()[:-5000])
    (crawl / "words.warc.gz").write_bytes(gzip.compress(b"no WARC at all, only words\n" * 99))
    (crawl / "zeros.warc").write_bytes(bytes(4096))
    overrides = ["--set", "corpus.sources.web.input=crawl"]
    result = altiplano(run_folder, "build", "config.yaml", *overrides)
    assert result.returncode == 0, result.stderr
    counts = manifests.read(str(run_folder / "run/extracted/web")).counts
    assert counts.skipped["not a WARC file"] == 2
    assert counts.skipped["file cut short or damaged to its end"] == 1
    named = {place.split("#")[0].split(" ")[0] for p in counts.examples.values() for place in p}
    assert {"words.warc.gz", "zeros.warc", "crawl-0.warc.gz"} <= named
    assert counts.totals["documents"] > 350

    for path in crawl.glob("crawl-*"):
        path.unlink()
    line = one_line(altiplano(run_folder, "build", "config.yaml", *overrides))
    assert "no document in" in line
    assert "not a WARC file" in line


def test_rules_that_leave_nothing_are_told(run_folder):
    rules = "corpus.sources.web.rules=[{column: num_words, min: 5000000}]"
    line = one_line(altiplano(run_folder, "build", "config.yaml", "--set", rules))
    assert "no document of source 'web' was kept" in line
    assert "dropped by num_words" in line
    assert "corpus.sources.web.rules" in line


def test_a_damaged_shard_stops_a_training_before_its_first_step(tiny_run, tiny_inputs, tmp_path):
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tmp_path / "run")
    shutil.copytree(tiny_run, tree["output"])
    shard = next((tmp_path / "run/shards").glob("web-*train*.arrow"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 0x80
    shard.write_bytes(content)
    with pytest.raises(ShardError, match="--redo shards"):
        train(build_config(RunConfig, tree))
    assert not (tmp_path / "run/train/metrics.jsonl").exists()


def test_a_missing_shard_stops_altiplano_train_in_one_line(tiny_run, tiny_inputs, tmp_path):
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tmp_path / "run")
    shutil.copytree(tiny_run, tree["output"])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(tree))
    shard = sorted((tmp_path / "run/shards").glob("web-*valid*.arrow"))[-1]
    shard.unlink()
    line = one_line(altiplano(tmp_path, "train", "config.yaml"))
    assert f"{shard} is missing; restore it" in line
    assert not (tmp_path / "run/train").exists()


def test_files_of_others_are_not_swept(run_folder):
    thesis = run_folder / "run/documents/thesis.pdf"
    thesis.parent.mkdir(parents=True)
    thesis.write_bytes(b"years of work")
    line = one_line(altiplano(run_folder, "build", "config.yaml"))
    assert "thesis.pdf, which no build wrote" in line
    assert thesis.read_bytes() == b"years of work"


def test_a_training_is_not_put_where_files_of_others_are(tiny_run, tiny_inputs, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tiny_run)
    tree["train"]["output"] = str(tmp_path)
    with pytest.raises(ConfigError, match="not deleted"):
        train(build_config(RunConfig, tree), fresh=True)
    assert (tmp_path / "thesis.txt").exists()


def test_a_reference_line_that_is_no_document_is_named(tmp_path):
    path = tmp_path / "reference.jsonl"
    path.write_text('{"text": "a\u2028b\u0085c"}\n\n{"body": 1}\n', encoding="utf-8")
    texts = read_texts(str(path))
    assert next(texts) == "a\u2028b\u0085c"
    with pytest.raises(DataError, match=r"reference\.jsonl:3 is no JSON object"):
        next(texts)


@pytest.mark.parametrize(
    ("verb", "words"),
    [("export", "train it first"), ("generate", "no model in"), ("train", "build it first")],
)
def test_nothing_built_yet(refused, verb, words):
    assert words in refused(verb, "config.yaml")


def test_every_verb_shows_an_example(capsys):
    def help_of(*arguments: str) -> str:
        with pytest.raises(SystemExit, match=r"^0$"):
            main([*arguments, "--help"])
        return " ".join(capsys.readouterr().out.split())

    listed = help_of()
    for verb in "demo build train export generate report explain ablate models doctor".split():
        assert verb in listed
        assert f"example: altiplano {verb}" in help_of(verb)
