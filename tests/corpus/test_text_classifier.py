"""The kernels' answers are fastText's own: on small models of every kind, and on lid.176."""

import io
import random
import struct
import zipfile
from pathlib import Path

import fasttext
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.annotate.fasttext_file import SUPERVISED, Loss, read_model
from corpus.annotate.text_classifier import TextClassifier, rounded
from corpus.counts import Counts
from corpus.errors import DataError
from corpus.kernels.fasttext_vectors import BLOCK_BYTES, CACHE_LINE
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"
LID = SHARED / "models/fasttext-lid/lid.176.ftz"
needs_lid = pytest.mark.skipif(not LID.exists(), reason=f"needs ../shared/{LID.name}")

KINDS = {
    "softmax of words": {"loss": Loss.SOFTMAX, "dim": 100},
    "softmax of n-grams": {"loss": Loss.SOFTMAX, "minn": 1, "maxn": 3, "bucket": 997, "dim": 16},
    "tree of n-grams": {"loss": Loss.HIERARCHICAL_SOFTMAX, "minn": 2, "maxn": 4, "bucket": 5000},
    "pairs of words": {"loss": Loss.SOFTMAX, "wordNgrams": 2, "bucket": 997},
    "one against all": {"loss": Loss.ONE_VS_ALL},
}
QUANTIZED = {
    "tree, quantized and pruned": {"qnorm": True, "cutoff": 900, "dsub": 2},
    "tree, quantized, parts of unequal width": {"qnorm": False, "dsub": 5},
}
WORDS = "</s> the of and house la les maison être der die das haus привет дом мы 日本語 <".split()
LABELS = {"en": 50, "fr": 20, "de": 20, "ru": 7, "ja": 1}
COMPILED = ("softmax of words", "softmax of n-grams", "tree of n-grams", *QUANTIZED)
PIECES = st.sampled_from(
    [
        *("the", "le", "der", " ", "\n", "\0", "\t", "\r", "\v", "\f", "</s>", "__label__en"),
        *("__label__", "\u00a0", "<", ">", "日本語", "ø", "прив", "x" * 60, "word " * 30, "\u200b"),
        *("\x85", "🙂"),
    ]
)
TEXTS = st.lists(
    st.one_of(st.none(), st.text(), st.lists(PIECES, max_size=12).map("".join)), max_size=8
)


def write_model(path: Path, loss: Loss, task: int = SUPERVISED, **settings_: int) -> None:
    """A model of random weights; fastText's own training never gives the same twice."""
    at = {"dim": 12, "wordNgrams": 1, "bucket": 0, "minn": 0, "maxn": 0, **settings_}
    dim, draw = at["dim"], np.random.default_rng(3)
    numbers = (dim, 5, 5, 1, 5, at["wordNgrams"], loss, task, at["bucket"], at["minn"], at["maxn"])
    counts = {**dict.fromkeys(WORDS, 9), **{f"__label__{k}": v for k, v in LABELS.items()}}
    rows = len(WORDS) + at["bucket"]
    with path.open("wb") as stream:
        stream.write(struct.pack("<ii12id", 793712314, 12, *numbers, 100, 1e-4))
        stream.write(struct.pack("<3i2q", len(counts), len(WORDS), len(LABELS), 999, -1))
        for number, (word, count) in enumerate(counts.items()):
            kind = number >= len(WORDS)
            stream.write(word.encode() + b"\0" + struct.pack("<qb", count, kind))
        for height, size in ((rows, 1.0), (len(LABELS), 3.0)):
            stream.write(struct.pack("<?2q", False, height, dim))
            stream.write(draw.normal(0, size, (height, dim)).astype("<f4").tobytes())


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TextClassifier]:
    folder = tmp_path_factory.mktemp("models")
    paths = {}
    for kind, settings_ in KINDS.items():
        paths[kind] = folder / f"{kind}.bin"
        write_model(paths[kind], **settings_)
    for kind, settings_ in QUANTIZED.items():
        model = fasttext.load_model(str(paths["tree of n-grams"]))
        model.quantize(**settings_)
        paths[kind] = folder / f"{kind}.ftz"
        model.save_model(str(paths[kind]))
    return {kind: TextClassifier(str(path), "fix", False) for kind, path in paths.items()}


@pytest.fixture(scope="module")
def lid() -> TextClassifier:
    return TextClassifier(str(LID), "fix", keep_newlines=False)


def assert_as_fasttext(classifier: TextClassifier, texts: pa.Array, decimals: int = 2) -> None:
    labels, probabilities = classifier.likeliest(texts, decimals)
    theirs, values = classifier._ask_fasttext(texts)
    assert labels.tolist() == theirs.tolist()
    assert probabilities.tolist() == values.astype(np.float64).round(decimals).tolist()


def test_which_models_the_kernels_answer_for(models: dict[str, TextClassifier]) -> None:
    compiled = {kind for kind, model in models.items() if model._kernels is not None}
    assert compiled == set(COMPILED)


@pytest.mark.parametrize("kind", [*KINDS, *QUANTIZED])
@given(TEXTS, st.integers(0, 2))
@settings(max_examples=80)
def test_every_kind_of_model(
    models: dict[str, TextClassifier], kind: str, texts: list[str | None], skipped: int
) -> None:
    """Also on a slice, whose buffers begin with other texts."""
    assert_as_fasttext(models[kind], pa.array(texts, pa.large_string()).slice(skipped))


@pytest.mark.parametrize("kind", COMPILED)
@given(TEXTS)
def test_text_vectors_are_fasttexts_to_the_bit(
    models: dict[str, TextClassifier], kind: str, texts: list[str | None]
) -> None:
    classifier = models[kind]
    assert classifier._kernels is not None
    vectors, num_rows = classifier._kernels.vectors(pa.array(texts, pa.string()), False)
    for text, vector, number in zip(texts, vectors, num_rows, strict=True):
        theirs = classifier._model.get_sentence_vector((text or "").replace("\n", ""))
        assert np.array_equal(vector, theirs) or number == 0


@pytest.mark.parametrize("kind", [*KINDS, *QUANTIZED])
@pytest.mark.parametrize("keep_newlines", [False, True])
def test_the_probability_of_a_label(
    models: dict[str, TextClassifier], kind: str, keep_newlines: bool
) -> None:
    classifier = models[kind]
    classifier._keep_newlines = keep_newlines
    texts = ["the house\nwas not", "la maison avec le haus", "привет", "", None, "the\ndie"]
    try:
        found = classifier.probability(pa.array(texts), "fr")
        theirs = classifier._ask_fasttext_for(pa.array(texts), classifier.labels.index("fr"))
    finally:
        classifier._keep_newlines = False
    assert found == pytest.approx(theirs, abs=1e-6)


def test_a_label_the_model_does_not_have(models: dict[str, TextClassifier]) -> None:
    with pytest.raises(DataError, match="label 'it' is not of the model, only en, fr, de, ru, ja"):
        models["softmax of words"].probability(pa.array(["a"]), "it")


def test_a_model_of_word_vectors_only(tmp_path: Path) -> None:
    path = tmp_path / "vectors.bin"
    write_model(path, Loss.NEGATIVE_SAMPLING, task=2)
    assert read_model(str(path)).task == 2
    with pytest.raises(DataError, match=r"vectors\.bin makes word vectors .*; fix"):
        TextClassifier(str(path), "fix", False)


def test_words_that_displace_each_other(models: dict[str, TextClassifier]) -> None:
    """More than the cache holds, each twice in a text, most of them twice in a block."""
    texts = [f"le{n} maison der{n} le{n} 日本{n} der{n}" for n in range(60_000)]
    for _ in range(2):
        assert_as_fasttext(models["tree of n-grams"], pa.array([" ".join(texts), *texts[:50]]), 6)


def test_a_cache_of_one_word(
    models: dict[str, TextClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word may be displaced in the block that found it."""
    kernels = models["tree of n-grams"]._kernels
    assert kernels is not None
    monkeypatch.setattr(kernels._vectors, "_cache", np.zeros(CACHE_LINE, np.int32))
    texts = ["la la maison la", "maison la la der", "der " * 200 + "привет " * 200, "la </s> die"]
    assert_as_fasttext(models["tree of n-grams"], pa.array(texts * 2), 6)


@pytest.mark.parametrize("kind", COMPILED)
def test_there_is_room_for_the_words_of_very_short_texts(
    models: dict[str, TextClassifier], kind: str
) -> None:
    """Their brackets take the most room."""
    for texts in ([chr(code) for code in range(33, 127)], ["a b c d"], ["xy"] * 3, [""], []):
        assert_as_fasttext(models[kind], pa.array(texts, pa.string()))
    for size in range(1, 40):
        words = [("ø" if size % 3 else "x") * size, "z" * size, "本" * size]
        assert_as_fasttext(models[kind], pa.array([*words, " ".join(words)]), 6)


def assert_vectors_of_fasttext(classifier: TextClassifier, texts: list[str]) -> None:
    assert classifier._kernels is not None
    vectors, _ = classifier._kernels.vectors(pa.array(texts), False)
    for text, vector in zip(texts, vectors, strict=True):
        theirs = classifier._model.get_sentence_vector(text)
        assert np.array_equal(vector, theirs), (text[:20], len(text.encode()))


@pytest.mark.parametrize("kind", COMPILED)
def test_words_as_long_as_a_block(models: dict[str, TextClassifier], kind: str) -> None:
    """Cut at every byte of a character, between words that it shares no block with."""
    draw = random.Random(1)
    for letters in ("ab", "éß", "日本語", "🙂🙃", "aé日🙂"):
        width = max(len(letter.encode()) for letter in letters)
        long = "".join(draw.choices(letters, k=3 * BLOCK_BYTES))
        texts = []
        for pieces in (1, 2):
            for extra in range(-9, 6):
                raw = ("x" * (extra % width) + long).encode()[: pieces * BLOCK_BYTES + extra]
                word = raw.decode(errors="ignore")
                texts.append(f"la der {word} die la {word[5:]} </s> not read")
        assert_vectors_of_fasttext(models[kind], [*texts, long])


@pytest.mark.parametrize("kind", COMPILED)
def test_blocks_bounded_by_their_bytes(models: dict[str, TextClassifier], kind: str) -> None:
    draw = random.Random(2)
    words = ["".join(draw.choices("aé日🙂", k=draw.randint(1, 3000))) for _ in range(200)]
    texts = [" ".join(words), " ".join(f"la {word}" for word in words)]
    label = "__label__" + "x" * BLOCK_BYTES
    assert_vectors_of_fasttext(models[kind], [*texts, f"la {label} der", f"la {label[1:]} der"])


@needs_lid
def test_the_file_of_lid(lid: TextClassifier) -> None:
    file = read_model(str(LID))
    assert (file.num_words, len(file.entries) - file.num_words) == (7235, 176)
    assert (file.shortest_ngram, file.longest_ngram, file.buckets) == (2, 4, 2_000_000)
    assert lid.labels[:3] == ["en", "ru", "de"]
    assert lid._kernels is not None


@needs_lid
@given(TEXTS)
@settings(max_examples=200)
def test_any_text(lid: TextClassifier, texts: list[str | None]) -> None:
    assert_as_fasttext(lid, pa.array(texts, pa.string()))


@needs_lid
def test_long_texts(lid: TextClassifier) -> None:
    random.seed(7)
    letters = "abcdeé ijklmnoш стu日本 vw"
    texts = [
        "".join(random.choices(letters, k=1_000_000)),
        "buy now " * 125_000,
        "спам" * 125_000,
        "x" * 1_000_000,
    ]
    assert_as_fasttext(lid, pa.array(texts, pa.large_string()))


@needs_lid
def test_the_rights_of_man_in_every_language(lid: TextClassifier) -> None:
    archive = SHARED / "multilingual/nltk_data/udhr2.zip"
    if not archive.exists():
        pytest.skip(f"needs ../shared/{archive.name}")
    with zipfile.ZipFile(archive) as files:
        texts = [
            io.TextIOWrapper(files.open(name), "utf-8").read()
            for name in files.namelist()
            if name.endswith(".txt")
        ]
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    assert len(texts) > 380
    assert_as_fasttext(lid, pa.array(texts, pa.large_string()))
    assert_as_fasttext(lid, pa.array(lines, pa.large_string()))


@needs_lid
def test_a_real_crawl(lid: TextClassifier) -> None:
    files = sorted((SHARED / "crawl" / "wet").glob("*.wet.gz"))
    texts = 0
    for path in files:
        for batch in read(
            InputFile(str(path), path.name, path.stat().st_size), "web", WetConfig(), Counts()
        ):
            texts += batch.num_rows
            assert_as_fasttext(lid, batch.column("text"))
    assert texts == 8180 or not files


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.985, 0.99), (0.955, 0.95), (0.125, 0.12), (1.00001, 1.0)]
)
def test_scores_are_rounded_as_cc_net_rounds(probability: float, expected: float) -> None:
    # 0.985 and 0.955 lie just above and just below as float32, and on the middle when times 100
    assert rounded(np.array([probability], np.float32), 2).tolist() == [expected]


def test_a_model_that_names_more_vectors_than_it_has(tmp_path: Path) -> None:
    path = tmp_path / "short.bin"
    write_model(path, Loss.SOFTMAX, minn=1, maxn=3, bucket=997)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<i", 998)  # the ninth of the arguments, the number of buckets
    path.write_bytes(content)
    with pytest.raises(ValueError, match="fewer than it names"):
        read_model(str(path))
