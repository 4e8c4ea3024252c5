"""The classifier's training: the same bytes each time, though fastText alone gives others."""

import hashlib
from pathlib import Path

import fasttext
import numpy as np
import pytest

from corpus.errors import ConfigError, DataError
from corpus.references.training import ClassifierConfig, train_classifier

WORDS = "river senate report commission history shoes shipping discount click price".split()


def write_examples(path: Path) -> None:
    draw = np.random.default_rng(1)
    with path.open("w") as lines:
        for number in range(200):
            label, pool = ("reference", WORDS[:6]) if number % 2 else ("random", WORDS[4:])
            words = " ".join(draw.choice(pool, 12).tolist())
            lines.write(f"__label__{label} {words} naïve\u00a0café\t河\r\x0b{number}\n")


def test_equal_examples_give_equal_bytes(tmp_path: Path) -> None:
    examples, model = tmp_path / "train.txt", tmp_path / "model.bin"
    write_examples(examples)
    seen = set()
    for _ in range(4):
        train_classifier(examples, ClassifierConfig(), model)
        seen.add(hashlib.sha256(model.read_bytes()).hexdigest())
    assert len(seen) == 1
    train_classifier(examples, ClassifierConfig(seed=1), model)
    assert hashlib.sha256(model.read_bytes()).hexdigest() not in seen
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.bin", "train.txt"]


@pytest.mark.parametrize("min_count", [1, 2])
def test_every_word_of_the_model_was_given_its_first_vector(tmp_path: Path, min_count: int) -> None:
    examples, model = tmp_path / "train.txt", tmp_path / "model.bin"
    write_examples(examples)
    words = train_classifier(examples, ClassifierConfig(min_count=min_count), model)
    loaded = fasttext.load_model(str(model))
    assert len(loaded.get_words()) == words
    assert ("199" in loaded.get_words()) == (min_count == 1)
    assert {"naïve\u00a0café", "河", "</s>"} <= set(loaded.get_words())


def test_settings_that_cannot_work(tmp_path: Path) -> None:
    write_examples(tmp_path / "train.txt")
    with pytest.raises(ConfigError, match="dim=0 must be at least 1"):
        ClassifierConfig(dim=0)
    with pytest.raises(ConfigError, match="lr=0 must lie above 0"):
        ClassifierConfig(lr=0)
    with pytest.raises(DataError, match="no word occurs 9999 times; lower min_count"):
        train_classifier(
            tmp_path / "train.txt", ClassifierConfig(min_count=9999), tmp_path / "model.bin"
        )
