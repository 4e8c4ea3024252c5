"""Model files written in unusual ways: read as protocol buffers have it, or left to the library."""

import pyarrow as pa
import pytest
from made_model import BYTES, NORMAL, field, library, model_file

from corpus.annotate.model_file import MisfitError
from corpus.errors import DataError
from corpus.sentencepiece_model import BYTE_FALLBACK, EXTRA_SPACES, MODEL_TYPE, read_model_file
from tokenizer.bpe import BpeModel
from tokenizer.encode import Encoder, piece_bytes

PLAIN = model_file([*BYTES, ("a", -1.0, NORMAL)])
GROUP = bytes([15 << 3 | 3, 1 << 3, 5, 15 << 3 | 4])  # wire types 3 and 4 around a field
TEXTS = ["a  aa b", "", "b"]


def ids(model: BpeModel, encoder: Encoder) -> list[int]:
    tokens, _ = model.encode(pa.array(TEXTS), encoder.bos_id, encoder.eos_id, "u2")
    return tokens.tolist()


@pytest.mark.parametrize(
    "more",
    [field(2, field(4, 7)), field(2, b""), field(3, b""), field(3, field(6, b"x"))],
    ids=["trainer", "no trainer", "no normalizer", "normalizer"],
)
def test_a_message_stated_twice_is_one(tmp_path, more):
    path = tmp_path / "a.model"
    for content in (PLAIN + more, more + PLAIN):
        path.write_bytes(content)
        expected = [token for text in TEXTS for token in [1, *library(content).encode(text), 2]]
        assert ids(BpeModel(content), Encoder(str(path))) == expected


def test_of_a_field_stated_twice_the_later_counts():
    _, trainer, normalizer = read_model_file(PLAIN + field(2, field(3, 1)) + field(3, field(4, 1)))
    assert (trainer[MODEL_TYPE], trainer[BYTE_FALLBACK], normalizer[EXTRA_SPACES]) == (1, 1, 1)


ODD = {
    "a group": (PLAIN + GROUP, "field 15 is a group"),
    "a group in a piece": (
        PLAIN + field(1, field(1, b"z") + field(2, -1.0) + GROUP),
        "field 15 is a group",
    ),
    "a score that is a varint": (
        PLAIN + field(1, field(1, b"z") + field(2, 5)),
        "field 2 is of wire type 0, not 5",
    ),
    "a type that is bytes": (
        PLAIN + field(1, field(1, b"z") + field(3, b"\x06")),
        "field 3 is of wire type 2, not 0",
    ),
    "a piece that is no UTF-8": (
        PLAIN + field(1, field(1, b"z\xff") + field(2, -1.0)),
        r"piece 260 \(b'z\\xff'\) is no valid UTF-8",
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_read_otherwise_is_left_to_the_library(tmp_path, kind):
    content, why = ODD[kind]
    with pytest.raises(MisfitError, match=why):
        BpeModel(content)
    path = tmp_path / "odd.model"
    path.write_bytes(content)
    expected = [token for text in TEXTS for token in [1, *library(content).encode(text), 2]]
    assert Encoder(str(path)).encode_batch(pa.array(TEXTS))[0].tolist() == expected


def test_a_piece_that_is_no_utf8_has_no_bytes_to_count(tmp_path):
    path = tmp_path / "odd.model"
    path.write_bytes(ODD["a piece that is no UTF-8"][0])
    with pytest.raises(DataError, match=r"odd\.model: piece 260 .* is no valid UTF-8"):
        piece_bytes(str(path))
