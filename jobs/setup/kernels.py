"""Compiles the kernels of `corpus.kernels` ahead of their first use, by using each once.

Without this the first build on a machine would compile them in every Spark worker at once. What is
compiled is kept beside the sources, so a second run takes a second.
"""

import gzip
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
from numba import config

from corpus.annotate.ledger import AnnotateConfig, Annotator
from corpus.annotate.references import PREFIX, RANDOM, REFERENCE
from corpus.c4.pages import clean_batch
from corpus.c4.repeats import remove_repeats
from corpus.c4.rules import PRESETS
from corpus.c4.stage import C4RulesConfig, clean
from corpus.counts import Counts
from corpus.dedup.line_table import LineTable
from corpus.dedup.lines import LineDedupConfig, SeenLines, remove_lines, shard_hashes
from corpus.dedup.shingles import shingle_set
from corpus.kernels import sweep
from corpus.kernels.shingles import count_common
from corpus.latex import paper
from corpus.lm import train_lm
from corpus.lm_config import LmConfig
from corpus.references.training import ClassifierConfig, train_classifier
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile
from tokenizer.encode import Encoder
from tokenizer.fertility import count_fertility
from tokenizer.train import TokenizerConfig, train

_TEXT = "The river rises in the mountains.\nIt flows north, past 3 cités, into the sea.\n" * 8
_RECORD = (
    "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.test/\r\n"
    "Content-Length: {}\r\n\r\n{}\r\n\r\n"
)
_PAPER = r"""\documentclass{article}\begin{document}
\newcommand{\a}[1]{#1} \def\x[#1]{\a}  % a comment
\section{References}\x[1] \verb|x| \bibliography[a]
\appendix
"""


def compile_all(lid: str, tools: Path) -> None:
    """Uses every kernel on a page of text; `lid` is the language-ID model, `tools` KenLM's.

    What was compiled of older kernels goes, where it is the project's own to keep.
    """
    with tempfile.TemporaryDirectory(prefix="altiplano-kernels-") as name:
        folder = Path(name)
        page = folder / "page.wet.gz"
        page.write_bytes(gzip.compress(_RECORD.format(len(_TEXT.encode()), _TEXT).encode()))
        (batch,) = read(
            InputFile(str(page), page.name, page.stat().st_size), "web", WetConfig(), Counts()
        )
        once = shard_hashes([batch])
        left = remove_lines(batch, SeenLines(once.hashes[once.again]), Counts())
        keyed = shard_hashes([batch], "keep_first")
        spared = LineDedupConfig(policy="keep_first", blank_lines="fixed")
        remove_lines(batch, SeenLines(keyed.hashes, keyed.first), Counts(), spared)
        _outgrow_table()
        shingles = shingle_set(batch.column("text")[0], 5)
        count_common(shingles, shingles)
        clean_batch(pa.array([_TEXT], pa.large_string()), PRESETS["tfds"], Counter())
        _remove_repeats(batch)
        _read_paper()
        train([_TEXT], TokenizerConfig(vocab_size=300), str(folder / "tokenizer.model"))
        text = pa.array([_TEXT], pa.large_string())
        _, offsets = Encoder(str(folder / "tokenizer.model")).encode_batch(text)
        count_fertility(Counts(), "web", pa.array(["en"]), text, offsets)
        references = _classifier(folder)
        for structure in ("probing", "trie"):
            models = folder / structure
            models.mkdir()
            small = LmConfig(pieces=40, hard_vocab_limit=False, structure=structure)
            train_lm([_TEXT], small, tools, models)
            Annotator(lid, str(models), AnnotateConfig(), references).annotate(left)
    sweep(Path(config.CACHE_DIR))  # type: ignore[attr-defined]


def _outgrow_table() -> None:
    """More lines than a table begins with room for, and a look for those seen again."""
    table = LineTable(keyed=False)
    lines = np.arange(1 << 17, dtype=np.uint64)
    table.add(lines, np.ones(len(lines), np.uint32))
    table.seen_again(lines)


def _remove_repeats(documents: pa.RecordBatch) -> None:
    """By sentences and by lines, of a page that stands there twice."""
    pages = clean(pa.concat_batches([documents] * 2), C4RulesConfig("tfds"), Counts())
    seen = SeenLines(np.zeros(1, np.uint64), np.zeros(1, np.uint64))
    for rules in PRESETS.values():
        remove_repeats(pages, np.ones(2, bool), seen, rules, Counts())


def _read_paper() -> None:
    """A paper with all that compiled code has a part in."""
    definitions = "".join(f"\\def\\{'x' * n}{{}}" for n in range(2, 1200))
    text = f"{_PAPER}{definitions}\\end{{document}}"
    source = paper.read_source({"paper.tex": text.encode()})
    paper.clean(source, "paper.tex")


def _classifier(folder: Path) -> str:
    """A model of references, which unlike the language-ID model has a softmax."""
    examples, model = folder / "examples.txt", folder / "references.bin"
    lines = (f"{PREFIX}{label} {label} river\n" for label in (REFERENCE, RANDOM))
    examples.write_text("".join(lines))
    train_classifier(examples, ClassifierConfig(dim=2, epoch=1), model)
    return str(model)
