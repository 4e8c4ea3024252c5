"""Perplexity of a finished model: the figures that its own run wrote."""

import json
import math
from pathlib import Path

import pytest

from corpus.errors import DataError, ShardError
from train import perplexity
from train.export import export
from train.generate import load


def test_a_checkpoint_and_its_export_get_the_bits_that_training_wrote(tp1_run, tmp_path):
    written = json.loads(Path(tp1_run.output, "evaluation.json").read_text())["sources"]
    export(tp1_run.output, str(tmp_path / "hf"), tp1_run.tokenizer)
    for model in (tp1_run.output, str(tmp_path / "hf")):
        found = dict(
            perplexity.by_source(
                load(model), tp1_run.shards, tp1_run.tokenizer, tp1_run.eval_sequences
            )
        )
        assert found.keys() == written.keys()
        for source, figures in found.items():
            assert figures.bits_per_byte == pytest.approx(
                written[source]["bits_per_byte"], rel=1e-5
            )
            assert figures.perplexity < 320
            assert math.log(figures.perplexity) > 0


def test_shards_of_another_tokenizer_are_refused(tp1_run, other_tokenizer):
    with pytest.raises((DataError, ShardError), match="tokenizer"):
        list(perplexity.by_source(load(tp1_run.output), tp1_run.shards, other_tokenizer, 4))
