"""What a SentencePiece model file holds: a protocol buffer (sentencepiece_model.proto).

Read without a schema; the fields that the compiled segmenters ask for are numbered here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

TEXT, SCORE, TYPE = 1, 2, 3  # of a piece
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6  # its types
MODEL_TYPE, SUFFIX, BYTE_FALLBACK = 3, 24, 35  # of the trainer
UNIGRAM, BPE = 1, 2  # its model types
CHARSMAP, DUMMY_PREFIX, EXTRA_SPACES, ESCAPE = 2, 3, 4, 5  # of the normalizer
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3

Fields = dict[int, Any]  # by number; what a file does not state has its default


class ModelFile(NamedTuple):
    """A file's pieces in order, and how it was trained and normalises."""

    pieces: list[Fields]
    trainer: Fields
    normalizer: Fields


def read_model_file(content: bytes) -> ModelFile:
    """The parts of a model file that the library has loaded."""
    pieces: list[Fields] = []
    trainer: Fields = {}
    normalizer: Fields = {}
    for field, value in _fields(content):
        if field == _PIECE:
            pieces.append(dict(_fields(value)))
        elif field == _TRAINER:
            trainer = dict(_fields(value))
        elif field == _NORMALIZER:
            normalizer = dict(_fields(value))
    return ModelFile(pieces, trainer, normalizer)


def _fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """A message's fields by number: bytes, or a varint's value."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(content, at)
            yield tag >> 3, value
            continue
        if kind == 2:
            length, at = _varint(content, at)
        else:
            length = {1: 8, 5: 4}[kind]
        yield tag >> 3, content[at : at + length]
        at += length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
