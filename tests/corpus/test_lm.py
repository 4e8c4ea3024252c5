"""Training a language model with the real lmplz, on documentation every Python has."""

import pydoc_data.topics
from pathlib import Path

import pyarrow as pa
import pytest
import sentencepiece

from corpus.annotate.perplexity import PerplexityModels
from corpus.errors import ConfigError, DataError
from corpus.lm import LmConfig, train_lm

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
    with pytest.raises(ConfigError, match=r"pieces=5000 cannot .*<= \d+"):
        train_lm(["a few words only, and a few more words"], LmConfig(pieces=5000), TOOLS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@needs_tools
def test_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no text to train"):
        train_lm(["", " \n"], CONFIG, TOOLS, tmp_path)


def test_missing_tools(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no lmplz of KenLM at .*make setup"):
        train_lm(TEXTS, CONFIG, tmp_path, tmp_path)


@needs_tools
def test_a_tool_that_fails(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lmplz failed with status \d+: .*lots"):
        train_lm(TEXTS, LmConfig(pieces=600, memory="lots"), TOOLS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("prune", [(1,), (0, 2, 1), (0, 0, 0, 0, 0, 0)])
def test_prunings_that_lmplz_would_refuse(prune: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError, match="prune="):
        LmConfig(prune=prune)


def test_orders_kenlm_is_not_compiled_for() -> None:
    with pytest.raises(ConfigError, match="order=7"):
        LmConfig(order=7)
