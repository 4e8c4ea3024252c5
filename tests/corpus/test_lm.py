"""Training a language model with the real lmplz, on documentation every Python has."""

import itertools
import pydoc_data.topics
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotate.perplexity import PerplexityModels
from corpus.dedup.normalize import normalize_for_lm
from corpus.errors import ConfigError, DataError
from corpus.lm import _spread, train_lm
from corpus.lm_config import LmConfig

TOOLS = Path(__file__).parents[2] / ".altiplano" / "kenlm" / "bin"
needs_tools = pytest.mark.skipif(
    not (TOOLS / "lmplz").exists(), reason="needs KenLM's tools; `make setup` builds them"
)
TEXTS = list(pydoc_data.topics.topics.values())[:30]
CONFIG = LmConfig(pieces=600, prune=(0, 0, 1), memory="100M")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lm")
    train_lm(iter(TEXTS), CONFIG, TOOLS, folder)
    return folder


@needs_tools
def test_the_models_know_their_text(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == ["en.arpa.bin", "en.sp.model"]
    processor = sentencepiece.SentencePieceProcessor(model_file=str(trained / "en.sp.model"))
    assert processor.get_piece_size() == 600
    seen = "The assert statement is a convenient way to insert assertions."
    texts = pa.array([seen, "Vqx zzjk wpfh qqxk vvbn jjq kkz wwx qqp."])
    known, unknown = PerplexityModels(str(trained)).annotate(texts, pa.array(["en"] * 2))
    assert known.as_py() < unknown.as_py() / 3


@needs_tools
def test_the_same_text_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a folder elsewhere"
    folder.mkdir()
    train_lm(TEXTS, CONFIG, TOOLS, folder)
    for path in trained.iterdir():
        assert (folder / path.name).read_bytes() == path.read_bytes(), path.name


@needs_tools
def test_long_documents_are_not_left_out_and_symbols_are_text(tmp_path: Path) -> None:
    long = "<s> </s> <unk> " + " ".join(TEXTS)  # of one line, 70 times SentencePiece's default
    train_lm([long, "", "\n"], LmConfig(language="xx", pieces=300, order=2), TOOLS, tmp_path)
    assert PerplexityModels(str(tmp_path)).languages == ("xx",)


@needs_tools
def test_a_text_too_small_for_the_pieces(tmp_path: Path) -> None:
    texts = ["a few words only, and a few more words"]
    with pytest.raises(ConfigError, match=r"pieces=5000 are more than the \d\d that") as told:
        train_lm(texts, LmConfig(pieces=5000), TOOLS, tmp_path)
    assert str(told.value).count("hard_vocab_limit") == 1
    with pytest.raises(ConfigError, match=r"pieces=9 are fewer than the 1\d that") as told:
        train_lm(texts, LmConfig(pieces=9), TOOLS, tmp_path)
    assert "hard_vocab_limit" not in str(told.value)
    assert list(tmp_path.iterdir()) == []


@needs_tools
def test_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text to train"):
        train_lm(["", " \n"], CONFIG, TOOLS, tmp_path)


def test_missing_tools(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no lmplz of KenLM at .*make setup"):
        train_lm(TEXTS, CONFIG, tmp_path, tmp_path)


def test_a_tool_that_fails(tmp_path: Path) -> None:
    for name in ("lmplz", "build_binary"):
        (tmp_path / name).write_text("#!/bin/sh\necho no room left >&2\nexit 3\n")
        (tmp_path / name).chmod(0o755)
    folder = tmp_path / "models"
    folder.mkdir()
    with pytest.raises(DataError, match=r"lmplz failed with status 3: no room left"):
        train_lm(TEXTS, LmConfig(pieces=600), tmp_path, folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("memory", ["lots", "1.5G", "0", "-1G", "1GB", "1g", "1 G", "", "5%%"])
def test_memory_that_lmplz_cannot_read(memory: str) -> None:
    with pytest.raises(ConfigError, match=rf"memory='{memory}' must be a whole number"):
        LmConfig(memory=memory)


@pytest.mark.parametrize("memory", ["1b", "2M", "2000", "999T", "101%", "9999999999G"])
def test_memory_that_is_too_little_or_too_much_is_told_before_a_text_is_read(memory: str) -> None:
    with pytest.raises(ConfigError, match=rf"memory={memory} must be at least 4M, .* at most \d+M"):
        LmConfig(memory=memory).require_memory()


@needs_tools
@pytest.mark.parametrize("memory", ["4M", "4096", "1%"])
def test_the_least_memory_is_enough(tmp_path: Path, memory: str) -> None:
    config = LmConfig(hard_vocab_limit=False, memory=memory)
    assert train_lm(TEXTS[:2], config, TOOLS, tmp_path).documents == 2


@pytest.mark.parametrize("prune", [(1,), (0, 2, 1), (0, 0, 0, 0, 0, 0)])
def test_prunings_that_lmplz_would_refuse(prune: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="prune="):
        LmConfig(prune=prune)


def test_orders_kenlm_is_not_compiled_for() -> None:
    with pytest.raises(ConfigError, match="order=7"):
        LmConfig(order=7)


@needs_tools
def test_what_was_counted(tmp_path: Path) -> None:
    config = LmConfig(pieces=120, order=2, max_documents=3, max_sentence_length=3000)
    texts = ["", *TEXTS[:2], "x" * 3001, "never read"]
    made = train_lm(texts, config, TOOLS, tmp_path)
    assert made.documents == 3
    assert made.piece_documents == sum(len(text) <= 3000 for text in TEXTS[:2])
    assert made.characters == sum(len(normalize_for_lm(text)) for text in TEXTS[:2]) + 3001
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "en.sp.model"))
    encoded = [
        pieces.encode(normalize_for_lm(text), out_type=str) for text in [*TEXTS[:2], "x" * 3001]
    ]
    assert made.tokens == sum(map(len, encoded))
    assert (
        made.ngrams[0] == len({piece for line in encoded for piece in line}) + 3
    )  # <s> </s> <unk>
    marked = [["<s>", *line, "</s>"] for line in encoded]
    assert made.ngrams[1] == len({pair for line in marked for pair in itertools.pairwise(line)})


@needs_tools
def test_a_soft_limit_gives_what_the_text_has(tmp_path: Path) -> None:
    config = LmConfig(pieces=5000, order=2, hard_vocab_limit=False)
    assert train_lm(["a few words only, and a few more"], config, TOOLS, tmp_path).vocabulary < 100


@given(st.integers(0, 40), st.integers(0, 50))
def test_a_sample_is_evenly_spread(total: int, wanted: int) -> None:
    taken = list(_spread(iter(range(total)), total, wanted))
    assert len(taken) == (min(wanted, total) or total)
    gaps = {after - before for before, after in itertools.pairwise(taken)}
    assert max(gaps, default=0) - min(gaps, default=0) <= 1


@needs_tools
def test_a_trie_is_smaller_and_scores_alike(trained: Path, tmp_path: Path) -> None:
    small = replace(CONFIG, structure="trie", quantize_bits=8, pointer_bits=22)
    train_lm(iter(TEXTS), small, TOOLS, tmp_path)
    sizes = [(folder / "en.arpa.bin").stat().st_size for folder in (trained, tmp_path)]
    assert sizes[1] < sizes[0] / 2
    texts, languages = pa.array(TEXTS), pa.array(["en"] * len(TEXTS))
    whole = PerplexityModels(str(trained)).annotate(texts, languages).to_pylist()
    quantized = PerplexityModels(str(tmp_path)).annotate(texts, languages).to_pylist()
    assert quantized == pytest.approx(whole, rel=0.05)
    assert quantized != whole


@pytest.mark.parametrize(
    "values",
    [{"quantize_bits": 8}, {"structure": "trie", "quantize_bits": 26}, {"pointer_bits": 1}],
)
def test_packings_that_build_binary_would_refuse(values: dict) -> None:
    with pytest.raises(ConfigError, match="_bits="):
        LmConfig(**values)
