"""One word as long as a record may be costs a worker a few times its bytes."""

import pydoc_data.topics
import subprocess
import sys
from pathlib import Path

import pytest

from corpus.lm import train_lm
from corpus.lm_config import LmConfig

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".altiplano" / "kenlm" / "bin"
LID = ROOT / ".." / "shared" / "data" / "models/fasttext-lid/lid.176.ftz"
SIZE_MB = 24
READ_BEFORE = """
import re, sys
from pathlib import Path
import numpy as np
import pyarrow as pa

def peak():  # not getrusage: its maximum begins with what the parent had when it forked
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10

def grown(annotate):
    annotate(pa.array(["hello world"], pa.large_string()))
    size = int(sys.argv[2]) << 20
    letters = np.random.default_rng(1).integers(97, 123, size, np.uint8)
    text = pa.LargeStringArray.from_buffers(
        1, pa.py_buffer(np.array([0, size], np.int64)), pa.py_buffer(letters)
    )
    before = peak()
    annotate(text)
    print(peak() - before)
"""
LANGUAGE = """
from corpus.annotate.language import LanguageIdentifier
grown(LanguageIdentifier(sys.argv[1]).annotate)
"""
PERPLEXITY = """
from corpus.annotate.perplexity import PerplexityModels
models = PerplexityModels(sys.argv[1])
grown(lambda texts: models.annotate(texts, pa.array(["en"])))
"""


def grown_mb(code: str, model: Path) -> int:
    ran = subprocess.run(
        [sys.executable, "-c", READ_BEFORE + code, str(model), str(SIZE_MB)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return int(ran.stdout)


@pytest.mark.skipif(not LID.exists(), reason=f"needs ../shared/{LID.name}")
def test_the_language_of_a_word() -> None:
    assert grown_mb(LANGUAGE, LID) < 3 * SIZE_MB


@pytest.mark.skipif(not (TOOLS / "lmplz").exists(), reason="needs KenLM's tools; `make setup`")
def test_the_perplexity_of_a_word(tmp_path: Path) -> None:
    topics = list(pydoc_data.topics.topics.values())[:30]
    train_lm(iter(topics), LmConfig(pieces=700, memory="100M"), TOOLS, tmp_path)
    assert grown_mb(PERPLEXITY, tmp_path) < 28 * SIZE_MB
