"""The language-model kernels give what the libraries give, to the last bit of every score."""

import logging
import pydoc_data.topics
import random
import subprocess
import sys
from pathlib import Path

import kenlm
import numpy as np
import pyarrow as pa
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from corpus.annotate.kenlm_file import open_ngrams
from corpus.annotate.lm_lines import Bytes, lines_of
from corpus.annotate.model_file import MisfitError
from corpus.annotate.perplexity import CompiledModel, LibraryModel, PerplexityModels
from corpus.annotate.sentencepiece_file import UnigramModel
from corpus.dedup.normalize import normalize_for_lm
from corpus.errors import DataError
from corpus.kernels import ngrams
from corpus.kernels.unigram import UNKNOWN
from corpus.lm import train_lm
from corpus.lm_config import LmConfig

TOOLS = Path(__file__).parents[2] / ".altiplano" / "kenlm" / "bin"
pytestmark = pytest.mark.skipif(
    not (TOOLS / "lmplz").exists(), reason="needs KenLM's tools; `make setup` builds them"
)
ALPHABETS = {
    "el": "αάβγδεέζηήθικλμνξοόπρσςτυφχψωΣΑ",
    "ko": "가나다라마바사아자차카타파하한국어말은는이을를에서",
    "zh": "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子",
    "hi": "कखगघचछजझटठडढणतथदधनपफबभमयरलवशषसहािीुूेैोौ्ं",
    "ar": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
}
# Capital sigma, a stray U+2581, compatibility forms that make spaces, marks, digits of scripts.
HARD = "Σσς▁¨´ﷺ　\u200b\u00a0…—１9٣İß가각ｶﾞ😀\U0001d165\U0001d16e\u302e\u0301\u0327"
HARD += "\x00\x01\x85'\"., \t\n"


def sentences(alphabet: str, count: int, seed: int) -> list[str]:
    """Text of words that come back, as a language's do."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(alphabet, k=draw.randint(1, 9))) for _ in range(400)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    return [" ".join(draw.choices(words, weights, k=draw.randint(3, 40))) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("models")
    topics = list(pydoc_data.topics.topics.values())[:30]
    train_lm(iter(topics), LmConfig(pieces=700, memory="100M"), TOOLS, out)
    for seed, (language, alphabet) in enumerate(ALPHABETS.items()):
        config = LmConfig(language=language, pieces=200, memory="100M", character_coverage=0.99)
        train_lm(sentences(alphabet, 600, seed), config, TOOLS, out)
    return out


class Pair:
    """A model's compiled and library forms."""

    def __init__(self, folder: Path, language: str) -> None:
        pieces, ngrams = folder / f"{language}.sp.model", folder / f"{language}.arpa.bin"
        self.unigram, self.ngrams = UnigramModel(pieces.read_bytes()), open_ngrams(str(ngrams))
        self.compiled = CompiledModel(self.unigram, self.ngrams)
        self.processor = sentencepiece.SentencePieceProcessor(model_file=str(pieces))
        self.kenlm = kenlm.Model(str(ngrams))
        self.libraries = LibraryModel(self.processor, self.kenlm)

    def check(self, texts: list[str]) -> None:
        lines = [normalize_for_lm(text) for text in texts]
        encoded = self.unigram.encode(Bytes.join([line.encode() for line in lines]))
        scores = self.compiled.scores(encoded)
        runs = iter(encoded.unknown.tolist())
        for row, line in enumerate(lines):
            ids = encoded.ids[encoded.offsets[row] : encoded.offsets[row + 1]].tolist()
            pieces = [self._piece(id_, encoded.text, runs) for id_ in ids]
            assert pieces == self.processor.encode(line, out_type=str), line[:200]
            assert scores[row] == self.kenlm.score(" ".join(pieces)), line[:200]
        array, rows = pa.array(texts, pa.string()), np.arange(len(texts))
        assert self.compiled.perplexities(array, rows) == self.libraries.perplexities(array, rows)

    def _piece(self, id_: int, text: np.ndarray, runs) -> str:
        if id_ != UNKNOWN:
            return self.processor.id_to_piece(id_)
        start, end = next(runs)
        return text[start:end].tobytes().decode().replace(" ", "\u2581")


@pytest.fixture(scope="module")
def pairs(folder: Path) -> dict[str, Pair]:
    return {language: Pair(folder, language) for language in ("en", *ALPHABETS)}


def test_the_line_of_every_character() -> None:
    characters = [chr(c) for c in range(sys.maxunicode + 1) if not 0xD800 <= c < 0xE000]
    texts = [text for c in characters for text in (c, f"a{c}b")]
    lines = lines_of(pa.array(texts), np.arange(len(texts)))
    expected = Bytes.join([normalize_for_lm(text).encode() for text in texts])
    assert (lines.offsets == expected.offsets).all()
    assert (lines.values == expected.values).all()


@given(st.lists(st.text() | st.text(HARD + "aB "), max_size=6), st.booleans(), st.data())
def test_lines_of_any_text(texts: list[str], large: bool, data: st.DataObject) -> None:
    array = pa.array(texts, pa.large_string() if large else pa.string())
    start = data.draw(st.integers(0, len(texts)))
    rows = np.array(data.draw(st.permutations(range(len(texts) - start))), np.int64)
    found = lines_of(array.slice(start), rows)
    expected = Bytes.join([normalize_for_lm(texts[start + row]).encode() for row in rows])
    assert found.offsets.tolist() == expected.offsets.tolist()
    assert found.values.tobytes() == expected.values.tobytes()


@given(st.data())
def test_any_text_scores_as_the_libraries_say(pairs: dict[str, Pair], data: st.DataObject) -> None:
    language = data.draw(st.sampled_from(list(pairs)))
    own = ALPHABETS.get(language, "etaoin shrdlu THE the and. `()_")
    text = st.text(own + " ", max_size=60) | st.text(own + HARD, max_size=40) | st.text(max_size=40)
    pairs[language].check(data.draw(st.lists(text, max_size=8)))


@pytest.mark.parametrize("language", ["en", *ALPHABETS])
def test_texts_of_a_language(pairs: dict[str, Pair], language: str) -> None:
    texts = list(pydoc_data.topics.topics.values())[30:60]
    if language != "en":
        texts = sentences(ALPHABETS[language], 300, 99) + texts[:2]
    pairs[language].check(["", " ", "\n\t ", *texts])


def test_rounding_decides_far_into_a_text(pairs: dict[str, Pair]) -> None:
    """A megabyte on one line, over the score where the library starts anew, full of near ties."""
    draw = random.Random(3)
    topics = " ".join(pydoc_data.topics.topics.values())
    ties = " ".join("".join(draw.choices("0aei", k=draw.randint(1, 30))) for _ in range(20_000))
    pairs["en"].check([topics * 2, ties * 3, "0" * 300_000, "ab" * 50_000])
    pairs["zh"].check(["".join(draw.choices(ALPHABETS["zh"], k=200_000))])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_words_longer_than_the_search_keeps_scores_of(
    pairs: dict[str, Pair], language: str
) -> None:
    """About each end of its window, and of a buffer of steps; with unknown characters there."""
    own = ALPHABETS.get(language, "etaoinshrdlu")
    draw = random.Random(11)
    long = "".join(draw.choices(own * 3 + "字Ω🙂", k=9000))
    sizes = [*range(1000, 1050), *range(2040, 2060), 3072, 9000]
    texts = [long[size % 7 : size] for size in sizes]
    texts += ["字" * size for size in (1023, 1024, 1025)] + ["a" * size for size in sizes]
    pairs[language].check([*texts, " ".join(texts)])


def test_runs_of_unknown_characters(pairs: dict[str, Pair]) -> None:
    runs = ["字", "字字字", "a字 字b", "字 字 字", "字 " * 50, "字" * 5000, "x" + "字" * 60 + " y"]
    pairs["en"].check(runs * 3 + [" ".join(runs)])


def test_more_words_than_the_memory_has_rows_for(pairs: dict[str, Pair]) -> None:
    draw = random.Random(5)
    words = ["".join(draw.choices("etaoinshr", k=draw.randint(1, 14))) for _ in range(150_000)]
    pairs["en"].check([" ".join(words[at : at + 500]) for at in range(0, len(words), 500)])


def test_models_for_the_libraries_alone(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Pieces that are no unigram model are scored all the same."""
    with (tmp_path / "lines").open("w") as lines:
        lines.writelines(f"{topic}\n" for topic in pydoc_data.topics.topics.values())
    sentencepiece.SentencePieceTrainer.train(
        input=str(tmp_path / "lines"),
        model_prefix=str(tmp_path / "xx.sp"),
        model_type="bpe",
        vocab_size=500,
        minloglevel=2,
    )
    with pytest.raises(MisfitError, match="no unigram"):
        UnigramModel((tmp_path / "xx.sp.model").read_bytes())
    (tmp_path / "xx.arpa.bin").write_bytes((folder / "en.arpa.bin").read_bytes())
    with caplog.at_level(logging.WARNING):
        models = PerplexityModels(str(tmp_path))
    assert "xx: scored by the libraries" in caplog.text
    assert models.annotate(pa.array(["The text."]), pa.array(["xx"])).null_count == 0


def test_a_trie_of_order_2_is_for_the_libraries(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = LmConfig(pieces=300, order=2, structure="trie", memory="100M")
    train_lm(list(pydoc_data.topics.topics.values())[:5], config, TOOLS, tmp_path)
    with caplog.at_level(logging.WARNING):
        models = PerplexityModels(str(tmp_path))
    assert "it is a trie of order 2" in caplog.text
    assert models.annotate(pa.array(["The text."]), pa.array(["en"])).null_count == 0


@pytest.mark.parametrize("order", [3, 5])
@pytest.mark.parametrize("how", ["trie", "-a 22 trie", "-q 8 -b 7 trie", "-a 22 -q 4 -b 5 trie"])
def test_packed_tries(folder: Path, tmp_path: Path, how: str, order: int) -> None:
    topics, arpa = list(pydoc_data.topics.topics.values()), tmp_path / "arpa"
    (tmp_path / "en.sp.model").write_bytes((folder / "en.sp.model").read_bytes())
    processor = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "en.sp.model"))
    lines = [" ".join(processor.encode(normalize_for_lm(t), out_type=str)) for t in topics[:30]]
    estimate = [TOOLS / "lmplz", "-o", str(order), "-S", "100M", "--discount_fallback"]
    text = "\n".join(lines).encode()
    subprocess.run([*estimate, "--arpa", arpa], input=text, check=True, capture_output=True)
    pack = [TOOLS / "build_binary", *how.split(), arpa, tmp_path / "en.arpa.bin"]
    subprocess.run(pack, check=True, capture_output=True)
    Pair(tmp_path, "en").check(["", "字 字", *topics[:60], " ".join(topics)])
    cut_short(tmp_path)


def cut_short(folder: Path) -> None:
    packed = folder / "en.arpa.bin"
    content = packed.read_bytes()
    for size in (10, 100, 120, 5000, len(content) // 10, len(content) // 2):
        packed.write_bytes(content[:size])
        with pytest.raises(DataError, match=r"en\.arpa\.bin is no .*KenLM model"):
            PerplexityModels(str(folder))


def test_a_packed_model_cut_short(folder: Path, tmp_path: Path) -> None:
    for name in ("en.sp.model", "en.arpa.bin"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    cut_short(tmp_path)


def test_a_search_in_a_full_table_ends() -> None:
    """KenLM leaves free entries; a damaged file may have none."""
    full = np.arange(1, 10, dtype=np.uint32)  # three entries: two cells of key, one of index
    hashes = np.array([(5 << 32) + 4, 77], np.uint64)
    assert ngrams.look_up(hashes, full, 0, 3).tolist() == [6, 0]
