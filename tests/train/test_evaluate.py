"""Bits per byte and the unigram model, by hand."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest

from corpus.errors import CheckpointError, ConfigError, DataError
from tokenizer.encode import piece_bytes
from train import evaluate, heartbeat, parallel
from train.config import ModelConfig, OptimConfig
from train.launch import launch
from train.metrics import read
from train.token_counts import token_counts


def test_unigram_bits_by_hand():
    # Add-one over 4 tokens and 4 counts: probabilities 4/8, 1/8, 2/8, 1/8.
    counts = np.array([3, 0, 1, 0])
    targets = np.array([[0, 1], [2, 0]])
    assert evaluate.unigram_bits(counts, targets) == pytest.approx(1 + 3 + 2 + 1)


def test_held_out_bytes_are_those_of_the_predicted_tokens(tiny_config, tmp_path):
    config = tiny_config(tmp_path, eval_sequences=5)
    (code, web) = evaluate.held_out(config)
    assert (code.source, web.source) == ("code", "web")
    assert code.windows.shape == (5, 33)
    sizes = piece_bytes(config.tokenizer)
    assert code.num_bytes == sum(int(sizes[t]) for row in code.windows for t in row[1:])


def test_a_source_with_nothing_held_out_is_trained_on_where_nothing_is_evaluated(
    tiny_config, tiny_data, tmp_path
):
    shards = tmp_path / "shards"
    shutil.copytree(tiny_data.shards, shards)
    manifest = shards / "manifest.json"
    tree = json.loads(manifest.read_text())
    tree["files"] = [file for file in tree["files"] if file["facts"]["split"] == "train"]
    tree["counts"] = {}
    manifest.write_text(json.dumps(tree))
    changes = {
        "shards": str(shards),
        "steps": 4,
        "eval_interval": 2,
        "optim": OptimConfig(warmup_steps=1),
    }
    config = tiny_config(tmp_path / "run", **changes, eval_sequences=0)
    assert launch(config) == 0
    rows = read(tmp_path / "run/metrics.jsonl")
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
    assert not any("validation_bits_per_byte" in row for row in rows)
    evaluation = json.loads((tmp_path / "run/evaluation.json").read_text())
    assert evaluation == {"step": 4, "sources": {}}
    assert launch(config) == 0, "done is done"


def test_the_unigram_model_is_of_the_training_text_and_counts_a_bounded_sample(
    tiny_config, tmp_path, monkeypatch
):
    config = tiny_config(tmp_path, eval_sequences=5)
    (code, _) = evaluate.held_out(config)
    without = dataclasses.replace(config, unigram_baseline=False)
    assert evaluate.unigram_bits_per_byte(code, without) is None
    with parallel.joined(config):
        exact = evaluate.unigram_bits_per_byte(code, config)
        monkeypatch.setattr(evaluate, "UNIGRAM_TOKENS", 500)
        sampled = evaluate.unigram_bits_per_byte(code, config)
    for found, limit in ((exact, None), (sampled, 500)):
        counts = token_counts(config.manifest, "code", "train", 320, limit)
        assert found == evaluate.unigram_bits(counts, code.windows[:, 1:]) / code.num_bytes
    assert 0 < exact < sampled < 8


def test_figures_that_cannot_be_written_are_told_with_their_path(tiny_config, tmp_path):
    path = tmp_path / "evaluation.json"
    with parallel.joined(tiny_config(tmp_path)):
        evaluate.write(path, 3, {}, [], tiny_config(tmp_path))
        assert json.loads(path.read_text()) == {"step": 3, "sources": {}}
        path.unlink()
        path.mkdir()
        with pytest.raises(CheckpointError, match=rf"evaluation\.json.*: \[Errno 21\].*{path}"):
            evaluate.write(path, 4, {}, [], tiny_config(tmp_path))


def test_counting_is_what_others_may_wait_long_for(tiny_config, tmp_path, monkeypatch):
    config = tiny_config(tmp_path, eval_sequences=5)
    marked = []

    def recording(*arguments):
        marked.append(heartbeat._here.long)
        return token_counts(*arguments)

    monkeypatch.setattr(evaluate, "token_counts", recording)
    with parallel.joined(config):
        evaluate.unigram_bits_per_byte(evaluate.held_out(config)[0], config)
    assert (marked, heartbeat._here.long) == (["counting tokens"], None)


def test_a_source_of_weight_zero_is_evaluated_too(tiny_config, tmp_path):
    config = tiny_config(tmp_path, weights={"code": 1.0, "web": 0.0})
    assert [held.source for held in evaluate.held_out(config)] == ["code", "web"]


def test_another_tokenizers_vocabulary_is_refused(tiny_config, tmp_path):
    config = tiny_config(tmp_path, model=ModelConfig(vocab=4096))
    with pytest.raises(ConfigError, match=r"vocab=4096 is not the 320 pieces .* choose 320"):
        evaluate.held_out(config)


@pytest.mark.parametrize("bits", [2.0, 2.5, math.nan])
def test_not_beating_unigram_is_an_error_that_names_the_source(tmp_path, bits):
    path = tmp_path / "evaluation.json"
    good = {"bits_per_byte": 1.0, "unigram_bits_per_byte": 2.0}
    path.write_text(json.dumps({"step": 3, "sources": {"web": good}}))
    evaluate.check_beats_unigram(path)
    bad = {"bits_per_byte": bits, "unigram_bits_per_byte": 2.0}
    path.write_text(json.dumps({"step": 3, "sources": {"web": good, "code": bad}}))
    with pytest.raises(DataError, match=r"source 'code' is not below the unigram model's 2\.000"):
        evaluate.check_beats_unigram(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", "\0"])
def test_a_damaged_evaluation_is_none(tmp_path, content):
    path = tmp_path / "evaluation.json"
    path.write_text(content)
    assert evaluate.evaluated_step(path) is None
