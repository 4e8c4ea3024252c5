"""The classifier from raw files to its column in a build, on real pages where they are at hand."""

import gzip
import json
import re
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from tiny import ROOT, tiny_config

from corpus import stage
from corpus.config import build as build_config
from corpus.config import load
from corpus.errors import ConfigError, DataError
from corpus.references.curves import kept_at
from corpus.references.extract import citations_stage, cited_stage
from corpus.references.model import labels_and_probabilities, read_scores
from jobs.cli import main
from jobs.config import RunConfig
from jobs.pipeline import build
from jobs.references_train import ReferencesConfig, train
from jobs.report.references import write_page

CONFIG = ROOT / "jobs/configs/references.yaml"
PAGE = "<page><title>A</title><ns>0</ns><revision><text>{}</text></revision></page>"


def config_of(tmp_path: Path, **tree) -> ReferencesConfig:
    return build_config(ReferencesConfig, {"output": str(tmp_path / "references"), **tree})


def write_dump(path: Path, urls: list[str]) -> None:
    refs = "".join(f"&lt;ref&gt;{url}&lt;/ref&gt;" for url in urls)
    path.write_text(f"<mediawiki>{PAGE.format(refs)}</mediawiki>")


def extract(dump: Path, output: Path, engine) -> None:
    found = stage.run(citations_stage([str(dump)]), str(output), engine).manifest
    stage.run(cited_stage(found), str(output), engine)


def test_the_shipped_config_loads() -> None:
    config = load(ReferencesConfig, CONFIG)
    assert (config.crawl, config.cited) == ("runs/crawl", "runs/cited")
    assert config.pages.split == "site"


def test_cited_pages_of_a_crawl_and_the_rule_in_its_build(tiny_run, tiny_inputs, engine, tmp_path):
    """Cites the pages of half of the crawl's modules; then the build asks the classifier."""
    pages = [
        row
        for path in sorted((tiny_run / "documents").glob("web-*.parquet"))
        for row in pq.read_table(path, columns=["url", "text"]).to_pylist()
    ]
    cited = [row["url"] for row in pages if re.search(r"/(email|http|xml|ssl|socket)", row["url"])]
    write_dump(tmp_path / "wiki.xml", [url.replace("http://", "https://www.") for url in cited])
    extract(tmp_path / "wiki.xml", tmp_path / "cited", engine)
    tree = {"crawl": str(tiny_run), "cited": str(tmp_path / "cited")}
    pages_tree = {"min_chars": 300, "split": "page", "held_out": 0.3}
    config = config_of(tmp_path, **tree, pages=pages_tree, classifier={"epoch": 50, "lr": 0.5})
    made = train(config, engine)
    long_cited = [r for r in pages if r["url"] in cited and len(r["text"]) >= 300]
    assert made["candidates"].counts.totals["references"] == len(long_cited) >= 5
    urls = [row["url"] for row in read_scores(made["scores"]).to_pylist() if row["is_reference"]]
    assert set(urls) < set(cited)

    run = tiny_config(tiny_inputs)
    run["output"] = str(tmp_path / "run")
    run["corpus"]["models"]["references"] = str(tmp_path / "references/model/references.bin")
    run["corpus"]["sources"]["web"]["rules"] = [{"column": "reference_probability", "min": 0.5}]
    run["corpus"]["sources"]["code"]["annotate"]["references"] = False
    del run["tokenizer"], run["train"]
    built = build(build_config(RunConfig, run), engine.session)
    totals = built["decisions/web"].counts.totals
    assert totals["kept"] + totals["dropped by reference_probability"] == totals["documents"]
    assert totals["dropped by reference_probability"] > 0
    for name, measured in (("web", True), ("code", False)):
        for file in built[f"ledger/{name}"].files:
            ledger = pq.read_table(built[f"ledger/{name}"].path(file))
            column = ledger.column("reference_probability")
            assert column.null_count == (0 if measured else len(column))
    with pytest.raises(DataError, match="its pages are no random ones; build it without the rule"):
        train(config_of(tmp_path, crawl=run["output"], cited=str(tmp_path / "cited")), engine)


def wikipedia_texts(shared: Path) -> list[tuple[str, str]]:
    texts = []
    with tarfile.open(shared / "wikipedia/WikiTasks-en-dev.tar.xz") as archive:
        for member in archive:
            if "/wiki_" in member.name:
                content = archive.extractfile(member).read().decode()
                texts += re.findall(r'<doc id="(\d+)"[^>]*>\n(.*?)</doc>', content, re.DOTALL)
    return [(number, text.strip()) for number, text in texts]


@pytest.fixture(scope="module")
def labelled(shared, tmp_path_factory) -> Path:
    """Articles of Wikipedia as references; documentation of the shared crawl as random pages."""
    folder = tmp_path_factory.mktemp("labelled")
    with (folder / "pages.jsonl").open("w") as lines:
        for number, text in wikipedia_texts(shared):
            url = f"http://en.wikipedia.test/{number}"
            lines.write(json.dumps({"url": url, "text": text, "label": "reference"}) + "\n")
        for path in sorted((shared / "crawl/wet").glob("*.gz")):
            content = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
            for record in content.split("WARC/1.0\r\n")[2:]:
                head, _, text = record.partition("\r\n\r\n")
                url = re.search(r"WARC-Target-URI: (\S+)", head)[1]
                if "/en" in url and "readability" not in url:
                    row = {"url": url, "text": text.strip(), "label": "random"}
                    lines.write(json.dumps(row) + "\n")
    return folder


def test_articles_against_documentation(labelled, engine, tmp_path) -> None:
    pages = {"split": "page", "held_out": 0.3}
    rest = {"labelled": str(labelled), "pages": pages, "classifier": {"epoch": 25, "lr": 0.5}}
    config = config_of(tmp_path, **rest)
    made = train(config, engine)
    facts = made["scores"].files[0].facts
    assert made["scores"].counts.totals["pages"] > 100
    assert facts["auc"] > 0.95
    assert facts["average_precision"] > 0.9
    kept = kept_at(*labels_and_probabilities(read_scores(made["scores"])), 0.25)
    assert kept.references > 0.95
    assert kept.random < 0.25
    again = train(config_of(tmp_path / "again", **rest), engine)
    assert {name: m.digest for name, m in made.items()} == {n: m.digest for n, m in again.items()}
    page = Path(write_page(config.output, made)).read_text()
    for said in ("ROC curve", "Precision-recall", "Keep where ≥", made["model"].files[0].sha256):
        assert said in page
    assert f"{facts['auc']:.4f}" in page
    assert "<script" not in page


def test_what_cannot_be_learnt_from_is_told_in_one_line(tiny_run, tmp_path, capsys) -> None:
    with pytest.raises(ConfigError, match="nothing to learn from: give 'crawl' with 'cited'"):
        config_of(tmp_path, crawl=str(tiny_run))
    with pytest.raises(ConfigError, match="give 'crawl' too"):
        config_of(tmp_path, cited="c", labelled="l")
    path = tmp_path / "config.yaml"
    tree = {"output": str(tmp_path / "out"), "crawl": str(tiny_run), "cited": str(tmp_path)}
    path.write_text(yaml.safe_dump(tree))
    assert main(["references", "train", str(path)]) == 2
    assert main(["references", "train", str(path), "--set", "source=books"]) == 2
    assert main(["references", "train", str(path), "--set", f"crawl={tmp_path}"]) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line]
    assert len(said) == 3
    assert "/cited holds no finished output" in said[0]
    assert "no documents of source 'books', only of code, web" in said[1]
    assert "/documents holds no finished output" in said[2]
