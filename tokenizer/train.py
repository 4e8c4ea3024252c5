"""Trains the tokenizer: SentencePiece BPE with the settings of LLaMA's released model.

LLaMA (arXiv:2302.13971, section 2, "Tokenizer"): BPE, numbers split into single digits, unknown
UTF-8 falls back to bytes. The rest of the settings is what the released model file states of
itself. The model is a pure function of the texts and the config: same input, same bytes.
"""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sentencepiece

from corpus import storage
from corpus.errors import ConfigError, DataError

LLAMA_SETTINGS: dict[str, Any] = {
    "model_type": "bpe",
    "normalization_rule_name": "identity",
    "add_dummy_prefix": True,
    "remove_extra_whitespaces": False,
    "byte_fallback": True,
    "split_digits": True,
    "split_by_number": True,
    "split_by_unicode_script": True,
    "split_by_whitespace": True,
    "allow_whitespace_only_pieces": True,
    "max_sentencepiece_length": 16,
    "unk_id": 0,
    "bos_id": 1,
    "eos_id": 2,
    "pad_id": -1,
}
_FIRST_PIECES = 3 + 256  # unknown, begin, end and a piece for every byte
_SENTENCE_BYTES = 4192  # SentencePiece drops longer ones, so no longer one is handed to it
_SENTENCE_CHARS = _SENTENCE_BYTES // 4
_SKIPPED_CHARS = ("\0", "\u2585")  # SentencePiece drops every sentence that holds one of these


@dataclass(frozen=True)
class TokenizerConfig:
    """vocab_size in pieces; sample_bytes of UTF-8 text to train on.

    model: a SentencePiece model of vocab_size pieces to be used as it is, so that a model made
    elsewhere can be trained on; nothing is sampled or trained then. Default: none.
    """

    vocab_size: int = 32_000
    model: str | None = None
    sample_bytes: int = 10_000_000
    character_coverage: float = 0.99995  # of the sample's characters; the rest falls to bytes

    def __post_init__(self) -> None:
        if self.vocab_size <= _FIRST_PIECES:
            raise ConfigError(
                f"vocab_size={self.vocab_size} must be above {_FIRST_PIECES}, the byte and control "
                "pieces; 32000 is LLaMA's"
            )
        if self.sample_bytes < 1:
            raise ConfigError(f"sample_bytes={self.sample_bytes} must be 1 or more")
        if not 0.98 <= self.character_coverage <= 1:
            raise ConfigError(
                f"character_coverage={self.character_coverage} must be 0.98 to 1; "
                "LLaMA's is 0.99995"
            )


def train(texts: Iterable[str], config: TokenizerConfig, model_path: str) -> None:
    """Trains on all of `texts` and writes the SentencePiece model, whole or not at all.

    Raises DataError where there is no text, ConfigError where it is too little for vocab_size.
    """
    sentences = _sentences(texts)
    first = next(sentences, None)
    if first is None:
        raise DataError("no text to train a tokenizer on; check what the earlier stages kept")
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_chain(first, sentences),
            model_writer=model,  # a file name would be written into the model's bytes
            vocab_size=config.vocab_size,
            character_coverage=config.character_coverage,
            max_sentence_length=_SENTENCE_BYTES,
            shuffle_input_sentence=False,
            num_threads=1,  # it, too, is written into the model
            minloglevel=2,
            **LLAMA_SETTINGS,
        )
    except RuntimeError as error:
        reason = (
            str(error).rpartition("] ")[2].strip().rstrip(".")
        )  # what follows its C++ source line
        raise ConfigError(
            f"vocab_size={config.vocab_size} does not fit the text it is trained on: {reason} "
            "(vocab_size, sample_bytes)"
        ) from None
    storage.put_bytes(model_path, model.getvalue())


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _sentences(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for char in _SKIPPED_CHARS:
            text = text.replace(char, "\n")
        for line in text.split("\n"):
            start = 0
            while len(line) - start > _SENTENCE_CHARS:
                space = line.rfind(" ", start + 1, start + _SENTENCE_CHARS)
                end = space if space > 0 else start + _SENTENCE_CHARS
                yield line[start:end]
                start = end
            if start < len(line):
                yield line[start:]
