"""Language identification with the real fastText model."""

from pathlib import Path

import pyarrow as pa
import pytest

from corpus.annotate.language import LanguageIdentifier, require_identifier
from corpus.errors import DataError
from corpus.references.training import ClassifierConfig, train_classifier

MODEL = Path(__file__).parents[2] / ".." / "shared" / "data" / "models/fasttext-lid/lid.176.ftz"
needs_model = pytest.mark.skipif(not MODEL.exists(), reason=f"needs ../shared/{MODEL.name}")


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier(str(MODEL))


@needs_model
def test_the_real_model_names_languages() -> None:
    require_identifier(str(MODEL))


@needs_model
def test_languages_and_rounded_scores(identifier: LanguageIdentifier) -> None:
    texts = [
        "The quick brown fox jumps over the lazy dog, and then it sleeps.",
        "Der schnelle braune Fuchs\nspringt über den faulen Hund.",
        "素早い茶色の狐がのろまな犬を飛び越える。",
    ]
    languages, scores = identifier.annotate(pa.array(texts, pa.large_string()))
    assert languages.to_pylist() == ["en", "de", "ja"]
    assert languages.type == pa.string()
    assert scores.type == pa.float64()
    assert all(score == round(score, 2) and score > 0.5 for score in scores.to_pylist())


@needs_model
def test_newlines_go_without_a_space(identifier: LanguageIdentifier) -> None:
    split, fused, spaced = (
        "le chat\nest là et il\ndort bien",
        "le chatest là et ildort bien",
        "le chat est là et il dort bien",
    )
    _, scores = identifier.annotate(pa.array([split, fused, spaced]))
    first, same, other = scores.to_pylist()
    assert first == same
    assert first != other


@needs_model
def test_nothing_is_said_of_blank_texts(identifier: LanguageIdentifier) -> None:
    languages, scores = identifier.annotate(pa.array(["", "\n \n", None, "Guten Morgen, Welt"]))
    assert languages.to_pylist() == [None, None, None, "de"]
    assert scores.to_pylist()[:3] == [None, None, None]
    empty, _ = identifier.annotate(pa.array([], pa.large_string()))
    assert len(empty) == 0


@needs_model
def test_a_text_does_not_depend_on_its_batch(identifier: LanguageIdentifier) -> None:
    texts = ["Bonjour tout le monde", "", "Hello to everybody", "x"]
    together = identifier.annotate(pa.array(texts))[1].to_pylist()
    assert together == [identifier.annotate(pa.array([t]))[1][0].as_py() for t in texts]


def test_a_missing_model_names_the_file_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no model file .*lid\.ftz; .*altiplano models fetch lid"):
        LanguageIdentifier(str(tmp_path / "lid.ftz"))


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    broken = tmp_path / "lid.ftz"
    broken.write_bytes(b"not a model" * 100)
    for read in (LanguageIdentifier, require_identifier):
        with pytest.raises(DataError, match=r"lid\.ftz is no fastText model, .*models fetch lid"):
            read(str(broken))


def test_a_classifier_of_other_things_names_no_languages(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text("__label__reference a b\n__label__random c d\n")
    train_classifier(tmp_path / "lines", ClassifierConfig(dim=4), tmp_path / "x.bin")
    with pytest.raises(DataError, match=r"has the labels .*reference.*, which are no languages"):
        require_identifier(str(tmp_path / "x.bin"))


@needs_model
@pytest.mark.parametrize("kept", [0.001, 0.5, 0.999])
def test_a_truncated_model(tmp_path: Path, kept: float) -> None:
    content = MODEL.read_bytes()
    broken = tmp_path / "lid.176.ftz"
    broken.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(DataError, match=r"lid\.176\.ftz .*models fetch lid"):
        LanguageIdentifier(str(broken))
