"""The config of all seven sources makes one corpus of the shared data, and a report of it."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import ROOT

from corpus import manifest as manifests
from jobs.config import load_run
from jobs.installed_packages import write_archives
from jobs.pipeline import build
from jobs.report.page import write_report
from tokenizer.shards import shard_files, split_tokens

CONFIG = ROOT / "jobs/configs/seven_sources.yaml"
INPUTS = {
    "commoncrawl": "crawl/wet/crawl-00000.warc.wet.gz",
    "c4": "c4/c4_sample",
    "wikipedia": "wikipedia/dbpedia-minidumps",
    "books": "books",
    "arxiv": "arxiv/lab156/tests",
    "stackexchange": "stackexchange",
}


def test_the_config_goes_on_to_a_tokenizer_and_a_tiny_training() -> None:
    config = load_run(CONFIG)
    training = config.training()
    assert training.shape.vocab == config.tokenizer.vocab_size == 4096
    assert set(training.weights) == {"github", *INPUTS}
    paper = load_run(CONFIG.with_name("llama.yaml"))
    assert (paper.train, paper.mixture.valid_share) == (None, 0.01)
    assert paper.tokenizer.vocab_size == 32_000


@pytest.fixture(scope="module")
def run(shared: Path, tmp_path_factory, engine) -> Path:
    folder = tmp_path_factory.mktemp("seven")
    write_archives(folder / "packages", ("datasketch", "packaging"))
    models = {
        "models.lid": "models/fasttext-lid/lid.176.ftz",
        "models.lm": "models/ccnet-lm",
        "sources.commoncrawl.buckets.table": "models/cc_net/cutoff.csv",
    }
    inputs = {f"sources.{name}.input": place for name, place in INPUTS.items()}
    places = {f"corpus.{key}": shared / place for key, place in {**models, **inputs}.items()}
    places["corpus.sources.github.input"] = folder / "packages"
    places["output"] = folder / "run"
    build(load_run(CONFIG, [f"{key}={place}" for key, place in places.items()]), engine.session)
    return folder / "run"


def test_every_source_is_in_the_corpus(run: Path) -> None:
    made = manifests.read(str(run / "documents"))
    rows = [row for f in made.files for row in pq.read_table(made.path(f)).to_pylist()]
    kept = {name: 0 for name in ("github", *INPUTS)}
    for row in rows:
        kept[row["source"]] += 1
    assert kept["books"] == 32, "three of the 35 are other editions"
    assert kept["c4"] == 496
    assert kept["stackexchange"] == 591
    assert kept["wikipedia"] == 43
    assert all(count > 10 for name, count in kept.items() if name != "arxiv"), kept
    assert kept["arxiv"] >= 1


def test_every_source_is_in_the_shards(run: Path) -> None:
    held = split_tokens(shard_files(str(run / "shards" / "manifest.json")), "train")
    assert held.keys() == {"github", *INPUTS}
    assert all(tokens > 1000 for tokens in held.values()), held


def test_what_was_dropped_is_told_by_reason(run: Path) -> None:
    def totals(stage: str) -> dict[str, int]:
        return manifests.read(str(run / stage)).counts.totals

    assert totals("decisions/books")["dropped by overlap"] == 3
    assert totals("decisions/c4")["dropped by c4"] == 2
    assert totals("cleaned/c4")["pages: too few sentences"] == 2
    page = Path(write_report(str(run))).read_text()
    for said in ("Cleaned by C4&#x27;s rules", "Repeats removed by C4&#x27;s rules"):
        assert said in page, said
    assert "nothingnothing" not in page  # of two kinds of losses at one stage
    for said in ("Overlaps looked for", "Copies looked for"):
        assert said in page, said
    for source in ("github", *INPUTS):
        assert f"<code>{source}</code>" in page
