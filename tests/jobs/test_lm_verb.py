"""`altiplano lm train` by the command's own entry: its files, its manifest, and being done once."""

import bz2
import hashlib
import json
import pydoc_data.topics
from pathlib import Path

import pytest

from jobs.cli import main

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".altiplano" / "kenlm" / "bin"
pytestmark = pytest.mark.skipif(
    not (TOOLS / "lmplz").exists(), reason="needs KenLM's tools; `make setup` builds them"
)
TEXTS = list(pydoc_data.topics.topics.values())[:40]


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "xx-cirrussearch-content.json"
    lines = [{"index": {}}, {"title": "no opening"}]
    for text in TEXTS:
        lines += [{"index": {}}, {"opening_text": text}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def train(reference: Path, output: Path, *overrides: str) -> int:
    values = [
        f"input={reference}",
        f"output={output}",
        f"kenlm_tools={TOOLS}",
        "training.pieces=600",
        "training.memory=100M",
        *overrides,
    ]
    sets = [word for value in values for word in ("--set", value)]
    return main(["lm", "train", "no", str(ROOT / "jobs/configs/lm.yaml"), *sets])


def test_the_models_and_what_they_are_made_of(reference, tmp_path, capsys) -> None:
    output = tmp_path / "models"
    assert train(reference, output) == 0
    assert sorted(path.name for path in output.iterdir()) == [
        "no.arpa.bin",
        "no.lm.json",
        "no.sp.model",
    ]
    tree = json.loads((output / "no.lm.json").read_bytes())
    for file in tree["files"]:
        content = (output / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        assert file["facts"]["documents"] == len(TEXTS)
        assert len(file["facts"]["ngrams"]) == 5
    assert tree["counts"]["skipped"] == {"article without opening_text": 1}
    assert list(tree["inputs"]) == [reference.name]
    assert tree["config"]["language"] == "no"  # which YAML alone would read as false
    assert str(tmp_path) not in (output / "no.lm.json").read_text()
    said = capsys.readouterr().err
    assert "40 documents" in said
    assert "1 × article without opening_text" in said
    assert "pieces learnt from" in said  # some topics are longer than the 4,192 bytes of the preset


def test_it_is_done_once_and_again_where_something_changed(reference, tmp_path, capsys) -> None:
    output, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    assert train(reference, output) == train(reference, elsewhere) == 0
    first = (output / "no.lm.json").read_bytes()
    assert (elsewhere / "no.lm.json").read_bytes() == first
    capsys.readouterr()
    assert train(reference, output) == 0
    assert "up to date, skipped" in capsys.readouterr().err
    (output / "no.arpa.bin").write_bytes(b"cut")
    assert train(reference, output) == 0
    assert (output / "no.lm.json").read_bytes() == first
    assert len((output / "no.arpa.bin").read_bytes()) > 3
    assert train(reference, output, "training.order=3", "training.prune=[0, 0, 1]") == 0
    assert len(json.loads((output / "no.lm.json").read_bytes())["files"][0]["facts"]["ngrams"]) == 3


def test_a_failed_training_leaves_no_finished_models(reference, tmp_path, capsys) -> None:
    output = tmp_path / "models"
    assert train(reference, output) == 0
    for memory in ("lots", "1b", "999T"):  # refused before anything is done
        assert train(reference, output, f"training.memory={memory}") == 2
        assert (output / "no.lm.json").exists()
    assert train(reference, output, "training.pieces=60000") == 2
    assert not (output / "no.lm.json").exists()
    assert "_scratch" not in [path.name for path in output.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "input=missing"], "no input at missing"),
        ([], "missing key 'input'"),
        (["--set", "input=x", "--set", "training.piece=1"], "did you mean 'pieces'"),
        (["--set", "input=x", "--set", "training.prune=[1]"], "prune="),
    ],
)
def test_bad_input_is_one_line(arguments, said, capsys) -> None:
    sets = ["--set", f"kenlm_tools={TOOLS}", *arguments]
    assert main(["lm", "train", "en", str(ROOT / "jobs/configs/lm.yaml"), *sets]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xml.bz2", bz2.compress(b"<mediawiki xmlns='x'>\n<page/>\n"), "is an XML dump, of wiki"),
        ("a.jsonl", b"<?xml version='1.0'?>\n<mediawiki>", "give a CirrusSearch dump"),
        ("a.xml.7z", b"7z\xbc\xaf\x27\x1c\0\4", "7-Zip, which is not read; unpack it"),
        ("a.txt", b"no line as short as this limit\n" * 9, "max_sentence_length=9 leaves no doc"),
    ],
)
def test_texts_of_the_wrong_kind_get_the_right_remedy(tmp_path, name, content, said, capsys):
    (tmp_path / name).write_bytes(content)
    settings = ["documents=lines", "training.max_sentence_length=9", "training.pieces=40"]
    assert train(tmp_path / name, tmp_path / "models", *settings) == 2
    error = capsys.readouterr().err.splitlines()
    assert said in error[-1]
    assert [line for line in error if line.startswith("error:")] == error[-1:]


def test_a_language_names_files_and_no_folders(capsys) -> None:
    sets = ["--set", "input=x"]
    assert main(["lm", "train", "../en", str(ROOT / "jobs/configs/lm.yaml"), *sets]) == 2
    assert "must be a code of letters" in capsys.readouterr().err
