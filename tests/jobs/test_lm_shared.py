"""A given model made again by `altiplano lm train`, to the byte, and one of another alphabet."""

import lzma
import random
import re
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
import sentencepiece

from corpus.annotate.perplexity import PerplexityModels
from jobs.cli import main

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / ".altiplano" / "kenlm" / "bin"
pytestmark = pytest.mark.skipif(
    not (TOOLS / "lmplz").exists(), reason="needs KenLM's tools; `make setup` builds them"
)
DOCUMENT = re.compile(r"<doc [^>]*>\n.*?\n(.*?)</doc>", re.DOTALL)


def train(language: str, texts: Path, output: Path, *overrides: str) -> None:
    values = [f"input={texts}", f"output={output}", f"kenlm_tools={TOOLS}", *overrides]
    sets = [word for value in values for word in ("--set", value)]
    assert main(["lm", "train", language, str(ROOT / "jobs/configs/lm.yaml"), *sets]) == 0


def test_the_given_model_is_made_again(shared: Path, tmp_path: Path) -> None:
    """The given one learnt from lines of articles of 300 characters or more, without titles."""
    lines = tmp_path / "en.txt"
    with tarfile.open(shared / "wikipedia" / "WikiTasks-en-dev.tar.xz") as archive:
        names = sorted(name for name in archive.getnames() if "/wiki_" in name)
        files = {name: archive.extractfile(name) for name in names}
        bodies = [
            body.strip()
            for file in files.values()
            if file is not None
            for body in DOCUMENT.findall(file.read().decode())
        ]
    lines.write_text("\n".join(body for body in bodies if len(body) >= 300))
    settings = "pieces=16384 max_sentence_length=16384 prune=[0,0,1,1,1] memory=1G structure=trie"
    settings += " quantize_bits=8 pointer_bits=22"
    train("en", lines, tmp_path, "documents=lines", *(f"training.{s}" for s in settings.split()))
    given = shared / "models" / "ccnet-lm"
    assert (tmp_path / "en.arpa.bin").read_bytes() == (given / "en.arpa.bin").read_bytes()
    # its SentencePiece file also names the files it was trained from
    pieces = [
        sentencepiece.SentencePieceProcessor(model_file=str(folder / "en.sp.model"))
        for folder in (given, tmp_path)
    ]
    listed = [[(p.id_to_piece(i), p.get_score(i)) for i in range(p.vocab_size())] for p in pieces]
    assert listed[0] == listed[1]


def test_words_in_order_are_likelier_than_words_out_of_order(shared: Path, tmp_path: Path) -> None:
    """Ukrainian, from the wikitext of a dump as it is: markup and all, which is no less a text."""
    with lzma.open(shared / "wikipedia" / "xztextfilter" / "ukwiki-truncated-100k.xml.xz") as file:
        text = file.read().decode()
    prose = [line for line in text.split("\n") if len(line) > 300 and line[0].isalpha()]
    prose = prose[:1500]
    held, kept = prose[::20], [line for index, line in enumerate(prose) if index % 20]
    (tmp_path / "uk.txt").write_text("\n".join(kept))
    settings = ("pieces=6000", "max_sentence_length=0", "memory=500M")
    train(
        "uk", tmp_path / "uk.txt", tmp_path, "documents=lines", *(f"training.{s}" for s in settings)
    )
    shuffle = random.Random(0).sample
    shuffled = [" ".join(shuffle(words := line.split(), len(words))) for line in held]
    models = PerplexityModels(str(tmp_path))
    good, bad = (
        models.annotate(pa.array(texts), pa.array(["uk"] * len(texts))).to_pylist()
        for texts in (held, shuffled)
    )
    assert len(held) > 50
    assert sum(a < b for a, b in zip(good, bad, strict=True)) > 0.98 * len(held)
