"""Books through a build: the shorter edition goes by its rule, and `explain` names the other."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny import ROOT

from corpus import manifest as manifests
from corpus.config import build as build_config
from corpus.errors import ConfigError
from jobs.config import RunConfig
from jobs.pipeline import build
from jobs.report.explain import explain

WORDS = [f"word{n}" for n in np.random.default_rng(7).integers(0, 9999, 3000)]
BOOK = """The Project Gutenberg EBook of The Tarn, by Ann Author

Title: The Tarn

Author: Ann Author

Release Date: May 1, 2004 [EBook #{number}]

*** START OF THIS PROJECT GUTENBERG EBOOK THE TARN ***

{text}

*** END OF THIS PROJECT GUTENBERG EBOOK THE TARN ***
"""


def config(folder: Path, **source: object) -> RunConfig:
    books = {
        "reader": "books",
        "input": str(folder / "in"),
        "dedup_lines": {"enabled": False},
        "annotate": {"perplexity": False},
        "overlap": {"enabled": True},
        "rules": [{"column": "overlap", "max": 0.9, "missing": "keep"}],
        **source,
    }
    tree = {
        "output": str(folder / "run"),
        "corpus": {
            "models": {"lid": str(ROOT / ".altiplano/models/lid.176.ftz")},
            "sources": {"books": books},
        },
    }
    return build_config(RunConfig, tree)


def test_the_longer_edition_stays(tmp_path, engine, capsys) -> None:
    (tmp_path / "in").mkdir()
    texts = {31: WORDS, 32: [word.upper() for word in WORDS[100:]], 33: WORDS[::-1]}
    for number, text in texts.items():
        book = BOOK.format(number=number, text=" ".join(text))
        (tmp_path / f"in/{number}-0.txt").write_text(book)
    build(config(tmp_path), engine.session)
    made = manifests.read(str(tmp_path / "run/documents"))
    rows = [row for file in made.files for row in pq.read_table(made.path(file)).to_pylist()]
    kept = {row["url"].rpartition("/")[2]: row for row in rows}
    assert sorted(kept) == ["31", "33"]
    assert kept["31"]["author"] == "Ann Author"
    explain("https://www.gutenberg.org/ebooks/32", str(tmp_path / "run"))
    said = capsys.readouterr().out
    assert "DROPPED by overlap: 1, kept where <= 0.9" in said
    assert "https://www.gutenberg.org/ebooks/31 (31-0.txt#0)" in said


def test_a_rule_on_what_is_not_measured_is_refused(tmp_path) -> None:
    with pytest.raises(ConfigError, match="the rule on 'overlap' needs 'overlap:"):
        config(tmp_path, overlap={})
