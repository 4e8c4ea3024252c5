"""One small real tokenizer, trained once on the standard library's own sources."""

import sysconfig
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tokenizer.sample import Sample
from tokenizer.train import TokenizerConfig, train

SMALL = TokenizerConfig(vocab_size=1500)


@pytest.fixture(scope="session")
def stdlib_texts() -> list[str]:
    folder = Path(sysconfig.get_paths()["stdlib"])
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]


@pytest.fixture(scope="session")
def model_path(stdlib_texts, tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")
    sample = Sample(1_000_000, seed=5)
    ids = np.arange(len(stdlib_texts), dtype=np.uint64)
    sample.add(ids, pa.array(stdlib_texts, pa.large_string()))
    train([text for _, text in sample.documents()], SMALL, path)
    return path
