"""What a SentencePiece model file holds: a protocol buffer (sentencepiece_model.proto).

Read without a schema; the fields that the compiled segmenters ask for are numbered here.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from corpus.annotate.model_file import MisfitError

TEXT, SCORE, TYPE = 1, 2, 3  # of a piece
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6  # its types
MODEL_TYPE, SUFFIX, BYTE_FALLBACK = 3, 24, 35  # of the trainer
UNIGRAM, BPE = 1, 2  # its model types
CHARSMAP, DUMMY_PREFIX, EXTRA_SPACES, ESCAPE = 2, 3, 4, 5  # of the normalizer
_PIECE, _TRAINER, _NORMALIZER = 1, 2, 3
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5  # how a value is written

# How the fields asked for are written; in another way the library takes them for unknown ones.
_FILE_KINDS = {_PIECE: _BYTES, _TRAINER: _BYTES, _NORMALIZER: _BYTES}
_PIECE_KINDS = {TEXT: _BYTES, SCORE: _FOUR_BYTES, TYPE: _VARINT}
_TRAINER_KINDS = {MODEL_TYPE: _VARINT, SUFFIX: _VARINT, BYTE_FALLBACK: _VARINT}
_NORMALIZER_KINDS = {
    CHARSMAP: _BYTES,
    DUMMY_PREFIX: _VARINT,
    EXTRA_SPACES: _VARINT,
    ESCAPE: _VARINT,
}

Fields = dict[int, Any]  # by number; what a file does not state has its default


class ModelFile(NamedTuple):
    """A file's pieces in order, and how it was trained and normalises."""

    pieces: list[Fields]
    trainer: Fields
    normalizer: Fields


def read_model_file(content: bytes) -> ModelFile:
    """The parts of a model file that the library has loaded.

    A trainer or normalizer stated twice is one, in which the later fields win, as protocol buffers
    have it. MisfitError for a file that is written in a way SentencePiece writes none.
    """
    pieces: list[Fields] = []
    trainer: Fields = {}
    normalizer: Fields = {}
    for field, value in _fields(content, _FILE_KINDS):
        if field == _PIECE:
            pieces.append(dict(_fields(value, _PIECE_KINDS)))
        elif field == _TRAINER:
            trainer.update(_fields(value, _TRAINER_KINDS))
        elif field == _NORMALIZER:
            normalizer.update(_fields(value, _NORMALIZER_KINDS))
    return ModelFile(pieces, trainer, normalizer)


def _fields(content: bytes, kinds: Mapping[int, int]) -> Iterator[tuple[int, Any]]:
    """A message's fields by number: bytes, or a varint's value."""
    at = 0
    while at < len(content):
        tag, at = _varint(content, at)
        field, kind = tag >> 3, tag & 7
        if kinds.get(field, kind) != kind:
            raise MisfitError(f"its field {field} is of wire type {kind}, not {kinds[field]}")
        if kind == _VARINT:
            value, at = _varint(content, at)
            yield field, value
            continue
        if kind == _BYTES:
            length, at = _varint(content, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            length = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise MisfitError(f"its field {field} is a group (wire type {kind})")
        yield field, content[at : at + length]
        at += length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
