"""An ablation on a small run: every mixture is trained, measured, printed and plotted."""

import json
from html.parser import HTMLParser

import pytest
import yaml
from tiny import tiny_config

from corpus.errors import ConfigError
from jobs.ablate import ablate


@pytest.fixture
def folder(tiny_run, tiny_inputs, tmp_path):
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tiny_run)
    tree["train"] = {
        "model": {"dim": 32, "num_heads": 2, "num_layers": 1, "ffn": 64, "seq_length": 32},
        "precision": "fp32",
        "steps": 3,
        "batch_sequences": 4,
        "micro_batch": 4,
        "optim": {"warmup_steps": 1},
        "eval_sequences": 4,
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(tree))
    return tmp_path


def config(folder, mixtures) -> str:
    tree = {"run": "run.yaml", "output": str(folder / "out"), "mixtures": mixtures}
    (folder / "ablation.yaml").write_text(yaml.safe_dump(tree))
    return str(folder / "ablation.yaml")


def test_mixtures_are_compared(folder, capsys):
    mixtures = {"prose": {"web": 1.0, "code": 0.0}, "half": {"web": 0.5, "code": 0.5}}
    assert ablate(config(folder, mixtures), []) == 0
    printed = capsys.readouterr().out
    results = json.loads((folder / "out/ablation.json").read_text())
    assert results["steps"] == 3
    for name, weights in mixtures.items():
        row = results["mixtures"][name]
        assert row["weights"] == weights
        assert set(row["bits_per_byte"]) == {"web", "code"}, "a source of weight 0 is measured too"
        for value in row["bits_per_byte"].values():
            assert f"{value:.3f}" in printed
    page = (folder / "out/ablation.html").read_text()
    HTMLParser().feed(page)
    assert "prose" in page
    assert "<svg" in page

    before = (folder / "out/prose/metrics.jsonl").stat().st_mtime_ns
    assert ablate(config(folder, mixtures), []) == 0
    assert (folder / "out/prose/metrics.jsonl").stat().st_mtime_ns == before, "done is done"


def test_mixtures_that_are_not_evaluated_are_not_compared(folder):
    given = config(folder, {"prose": {"web": 1.0}, "half": {"web": 0.5, "code": 0.5}})
    with pytest.raises(ConfigError, match=r"train\.eval_sequences=0 evaluates nothing, by which"):
        ablate(given, ["train.eval_sequences=0"])


@pytest.mark.parametrize(
    ("mixtures", "words"),
    [({"one": {"web": 1.0}}, "two mixtures"), ({"a": {"web": 1.0}, "b": {"wob": 1.0}}, "wob")],
)
def test_bad_mixtures_are_told_before_any_training(folder, mixtures, words):
    with pytest.raises(ConfigError, match=words):
        ablate(config(folder, mixtures), [])
    assert not (folder / "out").exists()
