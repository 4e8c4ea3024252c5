"""Turns text into token ids and back, with a SentencePiece model.

A document becomes begin, its tokens, end. LLaMA's inference starts every text with the begin token,
so training shows it at every document's head; the end token is what teaches a model to stop, and
both keep packed documents apart.
"""

import hashlib
import operator
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import sentencepiece

from corpus import storage
from corpus.annotate.model_file import MisfitError
from corpus.errors import DataError
from tokenizer.bpe import BpeModel
from tokenizer.shards import token_dtype

_TEXT_TYPES = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
)


class Encoder:
    """A loaded model. hash: SHA-256 of its file in hex, which names the tokenizer in shards."""

    def __init__(self, model_path: str):
        model = storage.read_bytes(model_path)
        self._path = model_path
        self._model = _load(model_path, model)
        self.hash = hashlib.sha256(model).hexdigest()
        self.vocab_size: int = self._model.vocab_size()
        self.bos_id: int = self._model.bos_id()
        self.eos_id: int = self._model.eos_id()
        if min(self.bos_id, self.eos_id) < 0:  # the library's -1 would become a token's id
            raise DataError(
                f"{model_path} has no begin or no end piece, which stand around every document; "
                "train one with both"
            )
        self._kernels: BpeModel | None
        try:
            self._kernels = BpeModel(model)
        except MisfitError:
            self._kernels = None

    def encode_batch(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """Maps D strings to tokens [N] (uint16, or uint32 as in shards) and offsets [D + 1] int64.

        Document d is tokens[offsets[d]:offsets[d + 1]], begin and end included, with the ids that
        SentencePiece gives. One thread: Spark runs as many of these as there are cores. Strings of
        any Arrow layout, bytes that are UTF-8 and dictionaries of them are taken. Raises DataError
        for other types, for a null, and for what is no UTF-8.
        """
        texts = _strings(texts)
        if texts.null_count:
            raise DataError(f"{texts.null_count} of {len(texts)} texts are null; drop them before")
        try:
            texts.validate(full=True)
        except pa.ArrowInvalid as error:
            raise DataError(f"a text is no valid UTF-8: {error}; mend it before") from None
        dtype = token_dtype(self.vocab_size)
        if self._kernels is None:
            return self._encode_by_library(texts, dtype)
        return self._kernels.encode(texts, self.bos_id, self.eos_id, dtype)

    def _encode_by_library(self, texts: pa.Array, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
        encoded = self._model.encode_as_numpy(
            texts.to_pylist(), add_bos=True, add_eos=True, num_threads=1
        )
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(tokens) for tokens in encoded], out=offsets[1:])
        tokens = np.empty(offsets[-1], dtype=dtype)
        if encoded:
            np.concatenate(encoded, out=tokens, casting="unsafe")
        return tokens, offsets

    def decode(self, tokens: Iterable[int]) -> str:
        """The text of token ids; begin and end give nothing, bytes not UTF-8 give U+FFFD.

        DataError for what is no id of the model.
        """
        ids = [operator.index(token) for token in tokens]
        if ids and not 0 <= min(ids) <= max(ids) < self.vocab_size:
            wrong = min(ids) if min(ids) < 0 else max(ids)
            raise DataError(
                f"token {wrong} is none of {self._path}, whose ids are 0 to {self.vocab_size - 1}; "
                "decode with the tokenizer that encoded it"
            )
        return self._model.decode(ids)


def piece_bytes(model_path: str) -> np.ndarray:
    """UTF-8 bytes each token stands for, [vocab_size] int64.

    Control pieces stand for none, a byte piece for one, U+2581 inside a piece for the one space it
    is. So the tokens of a text sum to its bytes and one more for the prefix, which an empty text
    has not. A text's own U+2581 (three bytes) is a space to SentencePiece and counts one, as it
    does in what `decode` gives back; three where a space is no piece and falls back to its bytes.
    DataError for a piece that is no UTF-8.
    """
    model = _load(model_path, storage.read_bytes(model_path))
    sizes = np.zeros(model.vocab_size(), dtype=np.int64)
    for piece in range(len(sizes)):
        if model.is_byte(piece):
            sizes[piece] = 1
        elif not (model.is_control(piece) or model.is_unknown(piece)):
            sizes[piece] = len(_piece(model_path, model, piece).replace("\u2581", " ").encode())
    return sizes


def _piece(model_path: str, model: sentencepiece.SentencePieceProcessor, piece: int) -> str:
    try:
        return model.id_to_piece(piece)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{model_path}: piece {piece} ({error.object!r}) is no valid UTF-8; train a tokenizer"
        ) from None


def _strings(texts: pa.Array) -> pa.Array:
    """The texts as an array that holds offsets and bytes."""
    if texts.type in (pa.string(), pa.large_string()):
        return texts
    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    if not any(holds(kind) for holds in _TEXT_TYPES):
        raise DataError(f"texts to encode are of type {texts.type}, not string; cast them before")
    try:
        if pa.types.is_dictionary(texts.type):
            return texts.dictionary.cast(pa.large_string()).take(texts.indices)
        return texts.cast(pa.large_string())
    except pa.ArrowInvalid as error:
        raise DataError(f"a text is no valid UTF-8: {error}; mend it before") from None


def _load(model_path: str, model: bytes) -> sentencepiece.SentencePieceProcessor:
    try:
        if not model:  # the library would take it for no argument
            raise ValueError
        return sentencepiece.SentencePieceProcessor(model_proto=model)
    except (RuntimeError, ValueError):
        raise DataError(
            f"{model_path} is no SentencePiece model; train one or give its path"
        ) from None
