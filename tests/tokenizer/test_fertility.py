import numpy as np
import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from corpus.counts import Counts
from corpus.kernels.words import num_words
from corpus.ragged import utf8_bytes
from tokenizer.encode import Encoder
from tokenizer.fertility import Fertility, count_fertility, fertility, summed

spaced = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(" \t\n\x1c\x85\u3000"))


@given(texts=st.lists(spaced))
@example(texts=["", " ", "one", " two words ", "a\u2028b\u205fc\u180ed\u200be"])
def test_words_are_those_of_str_split(texts):
    words = num_words(*utf8_bytes(pa.array(texts, pa.large_string())))
    assert words.tolist() == [len(text.split()) for text in texts]


def test_batches_add_up_by_source_and_language():
    counts = Counts()
    texts = pa.array(["two words", "\u4e2d\u6587", "one", "", "more of it"], pa.large_string())
    languages = pa.array(["en", "zh", "en", None, "en"])
    offsets = np.array([0, 5, 10, 13, 15, 20])  # begin and end included
    count_fertility(counts, "web", languages, texts, offsets)
    count_fertility(counts, "web", languages[:1], texts[:1], offsets[:2])
    count_fertility(counts, "books", languages[2:3], texts[2:3], np.array([0, 3]))
    count_fertility(counts, "books", languages[:0], texts[:0], np.array([0]))
    rows = fertility(counts)
    assert rows == [
        Fertility("books", "en", documents=1, words=1, characters=3, bytes=3, tokens=1),
        Fertility("web", "en", documents=4, words=8, characters=31, bytes=31, tokens=10),
        Fertility("web", "zh", documents=1, words=1, characters=2, bytes=6, tokens=3),
        Fertility("web", "-", documents=1, words=0, characters=0, bytes=0, tokens=0),
    ]
    assert rows[1].ratios() == {
        "tokens_per_word": 10 / 8,
        "bytes_per_token": 3.1,
        "characters_per_token": 3.1,
    }
    assert summed(rows[1:], "web", "all") == Fertility("web", "all", 6, 9, 33, 37, 13)
    assert fertility(Counts()) == []


def test_tokens_are_those_of_the_encoder_without_begin_and_end(model_path):
    texts = pa.array(["def run(self):", ""], pa.large_string())
    tokens, offsets = Encoder(model_path).encode_batch(texts)
    counts = Counts()
    count_fertility(counts, "code", pa.array(["en", "en"]), texts, offsets)
    assert fertility(counts)[0].tokens == len(tokens) - 4
