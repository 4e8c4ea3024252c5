"""The compiled encoder gives the ids of the library, for any model and any text."""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import example, given
from hypothesis import strategies as st
from made_model import BYTES, CONTROL, NORMAL, UNUSED, USER_DEFINED, library, model_file

from corpus.annotate.model_file import MisfitError
from corpus.errors import DataError
from tokenizer.bpe import BpeModel
from tokenizer.encode import Encoder
from tokenizer.train import TokenizerConfig, train

ROOT = Path(__file__).parents[2]
README = ROOT / "tokenizer/README.md"
LETTERS = " abé\u4e2d\U0001f6001"


def expected(model: sentencepiece.SentencePieceProcessor, texts: list[str]) -> list[int]:
    encoded = [model.encode(text, add_bos=True, add_eos=True) for text in texts]
    return [token for tokens in encoded for token in tokens]


def given_ids(model: BpeModel, texts: list[str]) -> list[int]:
    ids, offsets = model.encode(pa.array(texts, pa.large_string()), 1, 2, np.dtype(np.uint16))
    assert (len(offsets), offsets[0], offsets[-1]) == (len(texts) + 1, 0, len(ids))
    return ids.tolist()


letters = st.text(LETTERS, min_size=1, max_size=5)
# Few scores, so that many are equal, and a piece may score above what it is made of.
scores = st.sampled_from([-3.0, -2.0, -1.0, -0.0, 0.0])  # the library tells both zeros apart
vocabularies = st.dictionaries(letters, scores, max_size=40)


@given(vocabulary=vocabularies, texts=st.lists(st.text(LETTERS + "\u2581\0x", max_size=200)))
@example(vocabulary={"aa": -1.0, "aaa": 0.0}, texts=["a" * 100, "a" * 5])
@example(vocabulary={" a": 0.0, "a ": 0.0, "  ": -1.0}, texts=["  a  a ", "\u2581a\u2581"])
@example(vocabulary={}, texts=[" ", "", "\U0001f600"])
@example(vocabulary={"ab": -0.0, "ba": 0.0}, texts=["aba", "bab", "ab" * 60])
def test_any_model_gives_what_the_library_gives(vocabulary, texts):
    pieces = [(text, score, NORMAL) for text, score in vocabulary.items()]
    content = model_file([*BYTES, *pieces])
    assert given_ids(BpeModel(content), texts) == expected(library(content), texts)


@pytest.fixture(scope="module", params=[262, 400, 3000])
def trained(request, stdlib_texts, tmp_path_factory) -> bytes:
    """Real models, from hardly more than the bytes to more pieces than are ever used."""
    path = tmp_path_factory.mktemp("bpe") / "tokenizer.model"
    coverage = 0.98 if request.param == 262 else 1.0
    texts = ["aaa bab"] if request.param == 262 else stdlib_texts[::10]
    train(texts, TokenizerConfig(request.param, character_coverage=coverage), str(path))
    return path.read_bytes()


code = st.sampled_from(["self", "    ", "\n", "import", "==", "2026", "é", "\u4e2d", "\U0001f600"])
any_text = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(code).map("".join)


@given(texts=st.lists(any_text, max_size=8))
@example(texts=["\u2581", "\u2585\u2047", "e\u0301\u0301", "\ufeff\0 \0", "<s></s><0x0A><unk>"])
@example(texts=["return" * 50, " " * 500, "=" * 77, "\u4e2d" * 300, "the " * 99])
def test_trained_models_give_what_the_library_gives(trained, texts):
    assert given_ids(BpeModel(trained), texts) == expected(library(trained), texts)


def test_chunks_remembered_and_forgotten_stay_right(trained, stdlib_texts):
    model = BpeModel(trained)
    texts = ["\n".join(stdlib_texts[::5])[:1_500_000]]
    # More different words than the memory has rows for.
    rng = np.random.default_rng(0)
    words = rng.integers(97, 123, (300_000, 5)).astype(np.uint8)
    texts.append(" ".join(bytes(word).decode() for word in words))
    right = expected(library(trained), texts)
    assert given_ids(model, texts) == right
    assert given_ids(model, texts) == right


@pytest.mark.parametrize("unit", ["a", " ", "=", "ab", "ACCTG", "internationalization", "\u0430"])
def test_one_word_of_a_million_characters(trained, unit):
    text = (unit * 1_000_000)[:1_000_000]
    tokens = library(trained).encode_as_numpy([text], add_bos=True, add_eos=True)[0]
    ids, _ = BpeModel(trained).encode(pa.array([text]), 1, 2, np.dtype(np.uint16))
    assert np.array_equal(ids, tokens)


@pytest.mark.parametrize("repeats", [40, 500_000])
def test_a_word_whose_every_join_makes_two_new_pairs(repeats):
    """More pairs than there is room for wait in the heap: it is made anew of those that hold."""
    pieces = {"ab": 0.0, "ba": -1.0, "aba": -2.0, "abab": -3.0, "baba": -4.0}
    content = model_file([*BYTES, *[(text, score, NORMAL) for text, score in pieces.items()]])
    texts = ["ab" * repeats, "ba" * repeats + "b"]
    assert given_ids(BpeModel(content), texts) == expected(library(content), texts)


MEMORY = """
import sys
import pyarrow as pa
from tokenizer.encode import Encoder

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

encoder = Encoder(sys.argv[1])
encoder.encode_batch(pa.array(["a" * 1000]))
texts = pa.array(["a" * 16_000_000])
open("/proc/self/clear_refs", "w").write("5")  # the peak is from here on
before = peak()
encoder.encode_batch(texts)
print((peak() - before) / 16_000_000)
"""


def test_memory_of_one_word_is_what_the_readme_says(model_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, model_path], env=environment, capture_output=True, text=True
    )
    said = re.search(r"seconds and (\d+) bytes a character", README.read_text().replace("\n ", ""))
    assert float(done.stdout) <= int(said[1]) + 1, done.stderr


@pytest.mark.parametrize("unit", ["a", " ", "return", "random letters"])
def test_one_word_of_sixteen_million_characters_takes_seconds(model_path, unit):
    size = 16_000_000
    if unit == "random letters":
        text = bytes(np.random.default_rng(0).integers(97, 123, size, np.uint8)).decode()
    else:
        text = (unit * size)[:size]
    encoder = Encoder(model_path)
    tokens, _ = encoder.encode_batch(pa.array([text]))
    assert encoder.decode(tokens) == text


def test_wide_ids_are_the_same(trained):
    texts = pa.array(["def run(self):\n    return 'é\u4e2d'"])
    ids = [BpeModel(trained).encode(texts, 1, 2, np.dtype(t))[0] for t in (np.uint16, np.uint32)]
    assert ids[0].tolist() == ids[1].tolist()
    assert ids[1].dtype == np.uint32


ONE = [*BYTES, ("a", -1.0, NORMAL)]
ODD = {
    "unigram": model_file(ONE, trainer=((3, 1), (35, 1))),
    "no byte fallback": model_file([("a", -1.0, NORMAL)], trainer=((3, 2),)),
    "spaces after": model_file(ONE, trainer=((3, 2), (24, 1), (35, 1))),
    "extra spaces go": model_file(ONE, normalizer=((3, 1), (4, 1), (5, 1))),
    "no prefix": model_file(ONE, normalizer=((3, 0), (4, 0), (5, 1))),
    "no escape": model_file(ONE, normalizer=((3, 1), (4, 0), (5, 0))),
    "user defined": model_file([*ONE, ("ab", 0.0, USER_DEFINED)]),
    "unused": model_file([*ONE, ("ab", 0.0, UNUSED)]),
    "control of a character": model_file([*ONE, ("b", 0.0, CONTROL)]),
}


@pytest.mark.parametrize("kind", ODD)
def test_other_models_are_left_to_the_library(tmp_path, kind):
    with pytest.raises(MisfitError):
        BpeModel(ODD[kind])
    path = tmp_path / "odd.model"
    path.write_bytes(ODD[kind])
    texts = [" ab  ba ", "", "b"]
    tokens, _ = Encoder(str(path)).encode_batch(pa.array(texts))
    assert tokens.tolist() == expected(library(ODD[kind]), texts)


def test_what_is_no_utf8_is_refused(model_path):
    buffers = [None, pa.py_buffer(struct.pack("<2i", 0, 3)), pa.py_buffer(b"\xed\xa0\x80")]
    surrogate = pa.StringArray.from_buffers(1, buffers[1], buffers[2])
    with pytest.raises(DataError, match="no valid UTF-8"):
        Encoder(model_path).encode_batch(surrogate)
