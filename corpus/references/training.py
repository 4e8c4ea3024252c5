"""fastText's supervised training, made the same to the byte each time.

Two things stand in the way. Threads race over the weights, so there is one. And of the word
vectors fastText 0.9.3 fills a tenth for each of its threads and leaves the rest as memory held it:
with one thread, nine tenths are chance, or not a number. So every word's first vector is given, as
`pretrainedVectors`. Word n-grams have no such way in and are not offered.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import fasttext
import numpy as np

from corpus.annotate.references import PREFIX
from corpus.errors import ConfigError, DataError

_END = "</s>"  # fastText's own word for the end of a line


@dataclass(frozen=True)
class ClassifierConfig:
    """fastText's supervised settings, by default its own (those RedPajama trained with).

    The model takes 4 * dim bytes a word; `min_count` leaves the rare ones out.
    """

    dim: int = 100
    epoch: int = 5
    lr: float = 0.1
    min_count: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("dim", "epoch", "min_count"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")
        if not 0 < self.lr <= 10:
            raise ConfigError(f"lr={self.lr} must lie above 0 and at most at 10")


def train_classifier(examples: Path, config: ClassifierConfig, model: Path) -> int:
    """Trains on a file of `__label__<label> <text>` lines and writes a model; returns its words.

    Equal examples and config give equal bytes. The examples must be in random order already:
    fastText takes them as they come. DataError where training fails.
    """
    words = _vocabulary(examples, config.min_count)
    if not words:
        raise DataError(f"no word occurs {config.min_count} times; lower min_count")
    vectors = model.with_suffix(".vec")
    _write_first_vectors(words, config, vectors)
    try:
        trained = fasttext.train_supervised(
            str(examples),
            dim=config.dim,
            epoch=config.epoch,
            lr=config.lr,
            minCount=config.min_count,
            seed=config.seed,
            pretrainedVectors=str(vectors),
            thread=1,
            verbose=0,
        )
    except RuntimeError as error:
        raise DataError(
            f"fastText could not learn from {examples.name}: {error}; with lr={config.lr} the "
            "weights may have grown without bound, so lower it"
        ) from None
    finally:
        vectors.unlink()
    trained.save_model(str(model))
    return len(words)


def _vocabulary(examples: Path, min_count: int) -> list[str]:
    """The words fastText will know, sorted: split as it does, at ASCII white space alone."""
    counts: Counter[bytes] = Counter()
    with examples.open("rb") as lines:
        for line in lines:
            counts.update(line.split())
            counts[_END.encode()] += 1
    words = (word.decode() for word, count in counts.items() if count >= min_count)
    return sorted(word for word in words if not word.startswith(PREFIX))


def _write_first_vectors(words: list[str], config: ClassifierConfig, path: Path) -> None:
    """A random sign a word and dimension, of the size of fastText's own first values."""
    size = f"{1 / config.dim:.4g}"
    signs = np.array([size, "-" + size])
    with path.open("w", encoding="utf-8") as stream:
        stream.write(f"{len(words)} {config.dim}\n")
        for word in words:
            bits = hashlib.shake_128(f"{config.seed}\0{word}".encode()).digest(-(-config.dim // 8))
            chosen = np.unpackbits(np.frombuffer(bits, np.uint8))[: config.dim]
            stream.write(f"{word} {' '.join(signs[chosen].tolist())}\n")
