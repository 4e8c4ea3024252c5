import hashlib
import io
import itertools
import random
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import example, given, settings
from hypothesis import strategies as st

from corpus.errors import DataError
from tokenizer.encode import Encoder, piece_bytes

UDHR = Path(__file__).parents[2] / ".." / "shared/data/multilingual/nltk_data/udhr2.zip"
# Any Unicode string that Arrow can hold; U+2581 SentencePiece takes for itself.
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"))
controls = st.sampled_from(["<s>", "</s>", "<unk>", "<0x0A>", "7", "42", "def"])
spaces = st.sampled_from([" ", "  ", "\t", "\r\n", "\u3000", "\0"])
rare = st.sampled_from("\u2585\u2047\ufeff\xe9\u0301\U0001f600\ufffd\U0010ffff")
traps = st.lists(controls | spaces | rare).map("".join)


@pytest.fixture(scope="module")
def encoder(model_path) -> Encoder:
    return Encoder(model_path)


@pytest.fixture(scope="module")
def sizes(model_path) -> np.ndarray:
    return piece_bytes(model_path)


@settings(max_examples=400, deadline=None)
@given(text=any_text | traps)
@example(text="")
@example(text=" leading and trailing ")
def test_decoding_gives_back_any_text_and_bytes_are_counted(encoder, sizes, text):
    tokens, offsets = encoder.encode_batch(pa.array([text]))
    assert offsets.tolist() == [0, len(tokens)]
    assert encoder.decode(tokens) == text
    prefix = 1 if text else 0
    assert sizes[tokens].sum() == len(text.encode()) + prefix
    assert tokens[0] == encoder.bos_id
    assert tokens[-1] == encoder.eos_id
    assert not np.isin(tokens[1:-1], [0, encoder.bos_id, encoder.eos_id]).any()


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(any_text, max_size=6))
def test_a_batch_is_its_documents_one_after_another(encoder, texts):
    tokens, offsets = encoder.encode_batch(pa.array(texts, pa.large_string()))
    alone = [encoder.encode_batch(pa.array([text]))[0].tolist() for text in texts]
    assert [tokens[a:b].tolist() for a, b in itertools.pairwise(offsets)] == alone
    assert (tokens.dtype, offsets.dtype) == (np.uint16, np.int64)


def test_a_sliced_array_encodes_its_own_rows_only(encoder):
    whole = pa.array(["one", "two", "three"])
    tokens, _ = encoder.encode_batch(whole.slice(1, 1))
    assert encoder.decode(tokens) == "two"


LAYOUTS = {
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "binary_view": pa.binary_view(),
}


@pytest.mark.parametrize("is_dictionary", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_strings_of_any_layout_have_the_same_ids(encoder, layout, is_dictionary):
    texts = pa.array(["one", "", "d\xe9j\xe0 vu", "three and more than twelve bytes", "one"])
    right, right_offsets = encoder.encode_batch(texts)
    given = texts.cast(LAYOUTS[layout])
    if is_dictionary:
        coded = texts.dictionary_encode()
        given = pa.DictionaryArray.from_arrays(
            coded.indices, coded.dictionary.cast(LAYOUTS[layout])
        )
    tokens, offsets = encoder.encode_batch(given)
    assert (tokens.tolist(), offsets.tolist()) == (right.tolist(), right_offsets.tolist())
    tokens, _ = encoder.encode_batch(given.slice(2, 2))
    assert tokens.tolist() == right[right_offsets[2] : right_offsets[4]].tolist()


def test_other_types_and_bytes_that_are_no_utf8_are_refused(encoder):
    for texts in (
        pa.array([1]),
        pa.array([["a"]]),
        pa.array([None]),
        pa.array([b"a"], pa.binary(1)),
    ):
        with pytest.raises(DataError, match="not string; cast them before"):
            encoder.encode_batch(texts)
    for texts in (pa.array([b"\xff"]), pa.array([b"\xff"]).dictionary_encode()):
        with pytest.raises(DataError, match="no valid UTF-8"):
            encoder.encode_batch(texts)
    with pytest.raises(DataError, match="1 of 2 texts are null"):
        encoder.encode_batch(pa.DictionaryArray.from_arrays([0, 1], pa.array(["a", None])))


def test_what_is_no_id_is_not_decoded(encoder, model_path):
    assert encoder.decode([]) == ""
    assert encoder.decode(np.array([1, encoder.vocab_size - 1], np.uint16))
    for wrong in (999_999, 1500, -1, 2**40):
        with pytest.raises(DataError, match=f"token {wrong} is none of {model_path}, .* 0 to 1499"):
            encoder.decode([1, wrong])


@pytest.mark.parametrize(("text", "size"), [("a\u2581b", 4), (" \u2581", 3), ("\u2581", 2)])
def test_the_symbol_of_spaces_counts_as_the_space_it_is_read_as(encoder, sizes, text, size):
    tokens, _ = encoder.encode_batch(pa.array([text]))
    assert encoder.decode(tokens) == text.replace("\u2581", " ")
    assert sizes[tokens].sum() == size == len(encoder.decode(tokens)) + 1


def test_digits_are_single_tokens(encoder):
    tokens, _ = encoder.encode_batch(pa.array(["20264"]))
    assert len(tokens) == 2 + 1 + 5  # begin and end, the prefix, five digits


def test_what_the_training_never_saw_falls_back_to_bytes(encoder, sizes):
    tokens, _ = encoder.encode_batch(pa.array(["\u16a0\u16a1"]))
    assert sizes[tokens].tolist() == [0, 1, *[1] * 6, 0]


def test_a_long_document_is_encoded_whole(encoder, sizes, stdlib_texts):
    words = " ".join(stdlib_texts).split(" ")
    text = " ".join(random.Random(0).choices(words, k=400_000)) + "x" * 500_000
    tokens, _ = encoder.encode_batch(pa.array([text]))
    assert encoder.decode(tokens) == text
    assert sizes[tokens].sum() == len(text.encode()) + 1


@pytest.mark.skipif(
    not UDHR.exists(), reason="no ../shared/data with the declaration in 388 languages"
)
def test_388_languages_come_back_unchanged(encoder, sizes):
    with zipfile.ZipFile(UDHR) as archive:
        names = [name for name in archive.namelist() if name.endswith(".txt")]
        texts = [archive.read(name).decode("utf-8", "replace") for name in names]
    assert len(texts) > 300
    tokens, offsets = encoder.encode_batch(pa.array(texts))
    for text, (start, end) in zip(texts, itertools.pairwise(offsets), strict=True):
        assert encoder.decode(tokens[start:end]) == text
        assert sizes[tokens[start:end]].sum() == len(text.encode()) + bool(text)


def test_the_hash_is_that_of_the_model_file(encoder, model_path):
    assert encoder.hash == hashlib.sha256(Path(model_path).read_bytes()).hexdigest()
    assert encoder.vocab_size == 1500


def test_null_texts_are_refused(encoder):
    with pytest.raises(DataError, match="1 of 2 texts are null"):
        encoder.encode_batch(pa.array(["a", None]))


def test_a_file_that_is_no_model_or_not_there_is_named(tmp_path):
    (tmp_path / "a.model").write_bytes(b"not a model")
    for opens in (Encoder, piece_bytes):
        with pytest.raises(DataError, match=r"a\.model is no SentencePiece model"):
            opens(str(tmp_path / "a.model"))
        with pytest.raises(DataError, match=r"b\.model is not there"):
            opens(str(tmp_path / "b.model"))


def test_a_model_without_begin_and_end_is_refused(tmp_path):
    for name, ids in (("begin", {"bos_id": -1}), ("end", {"eos_id": -1})):
        content = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c d e f"] * 20),
            model_writer=content,
            model_type="bpe",
            vocab_size=280,
            byte_fallback=True,
            hard_vocab_limit=False,
            minloglevel=2,
            **ids,
        )
        path = tmp_path / f"{name}.model"
        path.write_bytes(content.getvalue())
        with pytest.raises(DataError, match="no begin or no end piece"):
            Encoder(str(path))


def test_an_empty_file_is_no_model(tmp_path):
    (tmp_path / "empty.model").write_bytes(b"")
    with pytest.raises(DataError, match="is no SentencePiece model"):
        Encoder(str(tmp_path / "empty.model"))
