"""CCNet's perplexity with the real SentencePiece and KenLM models, and its cutoff table."""

import shutil
from pathlib import Path

import kenlm
import pyarrow as pa
import pytest
import sentencepiece

from corpus.annotate.cutoffs import read_cutoff_table
from corpus.annotate.heuristics import WITHOUT_SIZES
from corpus.annotate.ledger import AnnotateConfig, Annotator
from corpus.annotate.perplexity import PerplexityModels, require_language_models
from corpus.errors import ConfigError, DataError
from corpus.schema import DOCUMENT, LEDGER

MODELS = Path(__file__).parents[2] / ".." / "shared" / "data" / "models"
LM = MODELS / "ccnet-lm"
LID = MODELS / "fasttext-lid" / "lid.176.ftz"
TABLE = MODELS / "cc_net" / "cutoff.csv"
needs_models = pytest.mark.skipif(not LM.exists(), reason="needs ../shared/data/models")

ENGLISH = "The river rises in the mountains\nand flows north into the sea."
GIBBERISH = "zxq vvkj qqq wpf xkcd jjj zzzt"


@pytest.fixture(scope="module")
def models() -> PerplexityModels:
    return PerplexityModels(str(LM))


@needs_models
def test_a_damaged_head_is_told_by_the_file(tmp_path: Path) -> None:
    content = bytearray((LM / "en.arpa.bin").read_bytes())
    content[30] ^= 0x80
    (tmp_path / "en.arpa.bin").write_bytes(content)
    (tmp_path / "en.sp.model").write_bytes((LM / "en.sp.model").read_bytes())
    with pytest.raises(DataError, match=r"en\.arpa\.bin is no KenLM model"):
        PerplexityModels(str(tmp_path))


@needs_models
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("en.sp.model", None, r"no model file .*en\.sp\.model"),
        ("en.sp.model", b"words", r"en\.sp\.model is no SentencePiece model"),
        ("en.sp.model", b"", r"en\.sp\.model is no SentencePiece model"),
        ("en.arpa.bin", b"words", r"en\.arpa\.bin is no KenLM model"),
        ("en.arpa.bin", b"", r"en\.arpa\.bin is no KenLM model"),
        ("en.arpa.bin", None, r"no language model in "),
    ],
)
def test_models_are_looked_at_without_being_loaded(tmp_path, name, content, words) -> None:
    for file in LM.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    require_language_models(str(tmp_path), ("en",))
    with pytest.raises(DataError, match=r"no model of 'fr' in .*, only en"):
        require_language_models(str(tmp_path), ("fr",))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        require_language_models(str(tmp_path))


@needs_models
def test_the_published_formula(models: PerplexityModels) -> None:
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(LM / "en.sp.model")).encode(
        "the river rises in the mountainsand flows north into the sea.", out_type=str
    )
    score = kenlm.Model(str(LM / "en.arpa.bin")).score(" ".join(pieces), bos=True, eos=True)
    found = models.annotate(pa.array([ENGLISH]), pa.array(["en"]))
    assert found.to_pylist() == [round(10 ** (-score / (len(pieces) + 1)), 1)]


@needs_models
def test_only_languages_with_a_model_are_scored(models: PerplexityModels) -> None:
    assert models.languages == ("en",)
    texts = pa.array([GIBBERISH, "Der Fluss", ENGLISH, None, ENGLISH], pa.large_string())
    found = models.annotate(texts, pa.array(["en", "de", "en", None, None]))
    gibberish, german, english, blank, unknown = found.to_pylist()
    assert found.type == pa.float64()
    assert german is blank is unknown is None
    assert english < gibberish


@needs_models
def test_more_texts_than_a_batch_stay_in_order(models: PerplexityModels) -> None:
    texts = [f"{ENGLISH} {'word ' * n}" for n in range(150)]
    found = models.annotate(pa.array(texts), pa.array(["en"] * 150)).to_pylist()
    one_by_one = [models.annotate(pa.array([t]), pa.array(["en"]))[0].as_py() for t in texts]
    assert found == one_by_one


def test_a_folder_without_models(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no language model in .*reference to train on"):
        PerplexityModels(str(tmp_path))


@needs_models
def test_a_language_without_a_model() -> None:
    with pytest.raises(DataError, match=r"no model of 'fr' in .*, only en"):
        PerplexityModels(str(LM), ("en", "fr"))


@needs_models
@pytest.mark.parametrize("broken", ["en.sp.model", "en.arpa.bin"])
def test_half_a_model_and_a_damaged_one(tmp_path: Path, broken: str) -> None:
    for name in ("en.sp.model", "en.arpa.bin"):
        shutil.copyfile(LM / name, tmp_path / name)
    content = (tmp_path / broken).read_bytes()
    (tmp_path / broken).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=f"{broken} is no"):
        PerplexityModels(str(tmp_path))
    if broken == "en.sp.model":
        (tmp_path / broken).unlink()
        with pytest.raises(DataError, match=f"no model file .*{broken}"):
            PerplexityModels(str(tmp_path))


@needs_models
def test_ccnets_cutoffs() -> None:
    table = read_cutoff_table(str(TABLE), 30, 60)
    assert len(table) == 48
    expected = {"en": (340, 520), "de": (370, 590), "fr": (180, 330), "zh": (1460, 1950)}
    assert {language: table[language] for language in expected} == expected


def test_a_table_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "cutoff.csv"
    path.write_text("<html>\nnot found\n")
    with pytest.raises(DataError, match=r"cutoff\.csv is no cutoff table"):
        read_cutoff_table(str(path), 30, 60)
    path.write_text("percentile\n0\n30\n60\n")
    with pytest.raises(DataError, match="has no language"):
        read_cutoff_table(str(path), 30, 60)
    path.write_text(",en,de\n30,1,2\n60,3\n")
    with pytest.raises(DataError, match="2 languages in its head, 2 and 1 values"):
        read_cutoff_table(str(path), 30, 60)
    with pytest.raises(ConfigError, match=r"middle=61 is no row of .*; choose one of 30 to 60"):
        read_cutoff_table(str(path), 30, 61)


def documents(texts: list[str]) -> pa.RecordBatch:
    rows = [
        {"doc_id": row, "source": "web", "url": f"http://x/{row}", "origin": "f", "text": text}
        for row, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, DOCUMENT)


@needs_models
def test_the_ledger_does_not_depend_on_slices() -> None:
    texts = [ENGLISH, "", "Der Fluss entspringt in den Bergen.", GIBBERISH, ENGLISH * 50]
    whole, sliced = (
        Annotator(str(LID), str(LM), AnnotateConfig(slice_bytes=size)).annotate(documents(texts))
        for size in (1 << 20, 40)
    )
    assert whole.schema == LEDGER
    assert whole.equals(sliced)
    rows = whole.to_pylist()
    assert [row["doc_id"] for row in rows] == [0, 1, 2, 3, 4]
    assert [row["language"] for row in rows][:3] == ["en", None, "de"]
    assert [row["perplexity"] is None for row in rows][:3] == [False, True, True]
    assert rows[0]["num_lines"] == 2


@needs_models
def test_the_ledger_without_language_models() -> None:
    for lm, config in ((None, AnnotateConfig()), (str(LM), AnnotateConfig(perplexity=False))):
        annotator = Annotator(str(LID), lm, config)
        ledger = annotator.annotate(documents([ENGLISH]))
        assert ledger.column("perplexity").to_pylist() == [None]
        assert annotator.annotate(documents([])).num_rows == 0


@needs_models
def test_the_ledger_without_heuristics() -> None:
    """The other columns are as ever."""
    batch = documents([ENGLISH, "", None, "Der Fluss entspringt in den Bergen."])
    whole, bare = (
        Annotator(str(LID), str(LM), AnnotateConfig(heuristics=taken)).annotate(batch)
        for taken in (True, False)
    )
    for name in LEDGER.names:
        if name in WITHOUT_SIZES:
            assert bare.column(name).null_count == 4
        else:
            assert bare.column(name).equals(whole.column(name)), name


@needs_models
def test_lines_fuse_as_in_cc_net_or_do_not() -> None:
    parted, spaced = ENGLISH * 3, (ENGLISH * 3).replace("\n", " ")
    fused = parted.replace("\n", "")
    asked = {
        switch: Annotator(str(LID), str(LM), AnnotateConfig(fused_lines=switch))
        .annotate(documents([parted, spaced, fused]))
        .select(["language", "language_score", "perplexity"])
        .to_pylist()
        for switch in ("exact", "fixed")
    }
    assert asked["exact"][0] == asked["exact"][2] != asked["exact"][1]
    assert asked["fixed"][0] == asked["fixed"][1] != asked["fixed"][2]
    assert asked["exact"][1:] == asked["fixed"][1:]
