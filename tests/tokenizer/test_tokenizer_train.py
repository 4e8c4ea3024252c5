from pathlib import Path

import pytest
import sentencepiece

from corpus.errors import ConfigError, DataError
from tokenizer.train import TokenizerConfig, train

TINY = TokenizerConfig(vocab_size=500)


def pieces(path: Path) -> list[str]:
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(i) for i in range(model.vocab_size())]


def test_the_model_has_llamas_layout(model_path):
    found = pieces(Path(model_path))
    assert len(found) == 1500
    assert found[:3] == ["<unk>", "<s>", "</s>"]
    assert found[3:259] == [f"<0x{byte:02X}>" for byte in range(256)]
    assert not any(sum(char.isdigit() for char in piece) > 1 for piece in found[259:])
    assert any(set(piece) == {"\u2581"} and len(piece) > 3 for piece in found)  # indentation
    assert not any(
        "\u2581" in piece.lstrip("\u2581") for piece in found
    )  # no piece crosses a space


def test_the_same_text_gives_the_same_bytes_under_any_name(stdlib_texts, tmp_path):
    for name in ("one.model", "another.model"):
        train(iter(stdlib_texts[:20]), TINY, str(tmp_path / name))
    assert (tmp_path / "one.model").read_bytes() == (tmp_path / "another.model").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "qxq" * 20_000,  # one line far longer than SentencePiece's limit, without a space
        "qxq " * 20_000,
        ("\U00020000" * 3 + "q") * 5_240,  # the limit is in bytes, these are four each
        "qxq\0zzz" * 50,  # SentencePiece drops sentences that hold these two
        "qxq\u2585zzz" * 50,
    ],
)
def test_no_text_is_dropped_silently(text, tmp_path):
    path = tmp_path / "a.model"
    train([text, "ab cd"], TokenizerConfig(vocab_size=267, character_coverage=1), str(path))
    assert "q" in "".join(pieces(path))


@pytest.mark.parametrize("texts", [[], [""], ["\n\n", "\0"]])
def test_no_text_is_said_in_one_line(texts, tmp_path):
    with pytest.raises(DataError, match="no text to train a tokenizer on"):
        train(texts, TINY, str(tmp_path / "a.model"))
    assert not list(tmp_path.iterdir())


def test_a_vocabulary_the_text_cannot_fill_is_said_in_one_line(tmp_path):
    config = TokenizerConfig(vocab_size=30_000)
    with pytest.raises(ConfigError, match=r"vocab_size=30000 does not fit .* \d+") as caught:
        train(["ab cd ef"], config, str(tmp_path / "a.model"))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "values", [{"vocab_size": 259}, {"sample_bytes": 0}, {"character_coverage": 0.5}]
)
def test_values_that_cannot_be_used_are_refused(values):
    name, value = next(iter(values.items()))
    with pytest.raises(ConfigError, match=f"{name}={value} must be"):
        TokenizerConfig(**values)
