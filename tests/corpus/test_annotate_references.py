"""The classifier's column in the ledger, from a small model trained here."""

from pathlib import Path

import fasttext
import pyarrow as pa
import pytest

from corpus.annotate.ledger import AnnotateConfig, Annotator
from corpus.annotate.references import ReferenceClassifier, one_line
from corpus.config import build
from corpus.errors import ConfigError, DataError
from corpus.models import ModelFiles
from corpus.references.training import ClassifierConfig, train_classifier
from corpus.schema import DOCUMENT, LEDGER
from jobs.config import CorpusConfig

LID = Path(__file__).parents[2] / ".altiplano/models/lid.176.ftz"
CITED = "the senate adopted the report of the commission on the history of the river"
OTHER = "click here buy cheap shoes online now free shipping discount best price"


def train(folder: Path, labels: tuple[str, str]) -> str:
    lines = [f"__label__{labels[0]} {CITED}", f"__label__{labels[1]} {OTHER}"] * 50
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    config = ClassifierConfig(dim=8, epoch=20, lr=0.5)
    train_classifier(folder / "train.txt", config, folder / "model.bin")
    return str(folder / "model.bin")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return train(tmp_path_factory.mktemp("model"), ("reference", "random"))


def asked(model: str, texts: list, spoken: list, **config) -> list:
    found = ReferenceClassifier(model, **config).annotate(
        pa.array(texts, pa.large_string()), pa.array(spoken, pa.string())
    )
    assert found.type == pa.float64()
    return found.to_pylist()


def test_a_probability_of_being_a_reference(model: str) -> None:
    cited, other = asked(model, [CITED, OTHER], ["en", "en"])
    assert 0.9 < cited <= 1
    assert 0 <= other < 0.1


def test_the_probabilities_are_fasttexts(model: str) -> None:
    texts = [CITED, OTHER, f"{CITED} {OTHER}", "河 unknown", "shoes\u00a0report \x0b now"]
    _, theirs = fasttext.load_model(model).predict(texts, k=2)
    labels, _ = fasttext.load_model(model).predict(texts, k=1)
    ours = asked(model, texts, ["en"] * 5)
    for label, values, value in zip(labels, theirs, ours, strict=True):
        best = value if label[0] == "__label__reference" else 1 - value
        assert best == pytest.approx(values[0], abs=3e-5)


def test_what_is_not_measured_is_null(model: str) -> None:
    texts = [CITED, None, "", " \n ", "the senate", CITED]
    spoken = ["en", "en", None, None, "en", "de"]
    found = asked(model, texts, spoken, languages=("en",), min_chars=20)
    assert [value is None for value in found] == [False, True, True, True, True, True]
    found = asked(model, texts, spoken)
    assert [value is None for value in found] == [False, True, True, True, False, False]


def test_a_newline_is_a_space(model: str) -> None:
    broken, spaced, fused = asked(
        model, ["the senate\nreport", "the senate report", "the senatereport"], ["en"] * 3
    )
    assert broken == spaced != fused


def test_words_that_fasttext_takes_for_commands(model: str) -> None:
    text = f"</s> {CITED} __label__random"
    (line,) = one_line(pa.array([text + "\0a\nb"])).to_pylist()
    assert line == f"< /s> {CITED} __ label__random a b"
    end_first, plain = asked(model, [text, CITED], ["en"] * 2)
    assert end_first == pytest.approx(plain, abs=0.05), "the text behind '</s>' was read"


def test_a_model_of_other_labels(tmp_path: Path) -> None:
    path = train(tmp_path, ("cc", "wiki"))
    with pytest.raises(DataError, match="has the labels cc, wiki, not reference and random; train"):
        ReferenceClassifier(path)
    (tmp_path / "cut.bin").write_bytes(Path(path).read_bytes()[:-9])
    with pytest.raises(DataError, match="or cut short; train one by"):
        ReferenceClassifier(str(tmp_path / "cut.bin"))
    with pytest.raises(DataError, match="no model file"):
        ReferenceClassifier(str(tmp_path / "none.bin"))


def test_the_ledger_has_the_column(model: str) -> None:
    rows = [
        {"doc_id": row, "source": "web", "url": "http://x/", "origin": "f", "text": text}
        for row, text in enumerate([CITED, OTHER])
    ]
    batch = pa.RecordBatch.from_pylist(rows, DOCUMENT)
    ledger = Annotator(str(LID), None, AnnotateConfig(), model).annotate(batch)
    assert ledger.schema == LEDGER
    cited, other = ledger.column("reference_probability").to_pylist()
    assert cited > 0.25 > other
    for config, file in ((AnnotateConfig(), None), (AnnotateConfig(references=False), model)):
        ledger = Annotator(str(LID), None, config, file).annotate(batch)
        assert ledger.column("reference_probability").null_count == 2


def test_a_source_depends_on_the_models_it_asks() -> None:
    files = ModelFiles("l", "m", "r", (("en.sp.model", "1"), ("lid", "2"), ("references", "3")))
    assert files.used(True, True) == files
    assert files.used(False, True).fingerprints == (("lid", "2"), ("references", "3"))
    assert files.used(False, False) == ModelFiles("l", None, None, (("lid", "2"),))


def test_a_rule_without_the_model_is_refused() -> None:
    tree = {
        "models": {"lid": "lid.ftz"},
        "sources": {
            "web": {
                "reader": "wet",
                "input": "crawl",
                "rules": [{"column": "reference_probability", "min": 0.25}],
            }
        },
    }
    with pytest.raises(ConfigError, match=r"needs a classifier: give corpus\.models\.references"):
        build(CorpusConfig, tree)
    tree["models"]["references"] = "references.bin"
    assert build(CorpusConfig, tree).models.references == "references.bin"
