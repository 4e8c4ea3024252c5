"""One small real tokenizer, trained once on the standard library's own sources."""

import sysconfig
from pathlib import Path

import pytest

from tokenizer.train import TokenizerConfig, sample_documents, train

SMALL = TokenizerConfig(vocab_size=1500, sample_bytes=1_000_000, seed=5)


@pytest.fixture(scope="session")
def stdlib_texts() -> list[str]:
    folder = Path(sysconfig.get_paths()["stdlib"])
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))]


@pytest.fixture(scope="session")
def model_path(stdlib_texts, tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("tokenizer") / "tokenizer.model")
    train(sample_documents(enumerate(stdlib_texts), SMALL), SMALL, path)
    return path
