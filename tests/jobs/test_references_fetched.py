"""Cited pages that a fetcher brought: `urls.txt` over HTTP to WARC, a build, the classifier."""

import io
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from crawl_server import Answer, serve
from tiny import tiny_config
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from corpus import stage
from corpus.config import build as build_config
from corpus.errors import DataError
from corpus.references.extract import citations_stage, cited_stage
from corpus.references.model import read_scores
from jobs.config import RunConfig
from jobs.pipeline import build
from jobs.references_train import ReferencesConfig, train

NAMES = "river lake hill coast island forest desert valley delta glacier canyon plain".split()
GONE = "gone"


def page(name: str) -> bytes:
    told = f"The {name} is told of in this article, with its length, its name and its people. "
    lines = "".join(f"<p>{n}. {told * 3}</p>" for n in range(9))
    return f"<!doctype html><html><title>{name}</title><body>{lines}</body></html>".encode()


def cite(urls: list[str], folder: Path, engine) -> list[str]:
    """What `references extract` lists of a dump that cites the URLs."""
    refs = "".join(f"&lt;ref&gt;{url}&lt;/ref&gt;" for url in urls)
    dump = folder / "wiki.xml"
    dump.write_text(
        f"<mediawiki><page><title>A</title><ns>0</ns><revision><text>{refs}</text></revision>"
        "</page></mediawiki>"
    )
    found = stage.run(citations_stage([str(dump)]), str(folder / "cited"), engine).manifest
    stage.run(cited_stage(found), str(folder / "cited"), engine)
    return (folder / "cited/cited/urls.txt").read_text().splitlines()


def fetch(urls: list[str], path: Path) -> None:
    """Each URL's answer as a WARC record, whatever its status, as fetchers write them."""
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for url in urls:
            try:
                with urllib.request.urlopen(url) as response:
                    status, body = f"{response.status} OK", response.read()
            except urllib.error.HTTPError as error:
                status, body = f"{error.code} {error.reason}", error.read()
            head = StatusAndHeaders(status, [("Content-Type", "text/html")], protocol="HTTP/1.1")
            writer.write_record(
                writer.create_warc_record(
                    url, "response", payload=io.BytesIO(body), http_headers=head
                )
            )


@pytest.fixture
def fetched(tiny_inputs, engine, tmp_path) -> tuple[str, list[str]]:
    """A build of the pages that a dump cites, one of which is not there any more; their URLs."""
    with serve() as site:
        site.files |= {f"{name}.html": page(name) for name in NAMES}
        site.answers[GONE].append(Answer(404))
        asked = cite(
            [f"{site.base}/{n}.html" for n in NAMES] + [f"{site.base}/{GONE}"], tmp_path, engine
        )
        (tmp_path / "fetched").mkdir()
        fetch(asked, tmp_path / "fetched" / "pages.warc.gz")
        assert len(asked) == len(site.requests) == len(NAMES) + 1
    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tmp_path / "run")
    web = {"reader": "warc", "input": str(tmp_path / "fetched"), "dedup_lines": {"enabled": False}}
    web["annotate"] = {"perplexity": False}
    tree["corpus"]["sources"] = {"cited": web}
    for section in ("tokenizer", "train", "mixture"):
        tree.pop(section, None)
    build(build_config(RunConfig, tree), engine.session)
    return tree["output"], [url for url in asked if GONE not in url]


def test_fetched_pages_are_references_and_the_crawl_is_random(
    fetched, tiny_run, engine, tmp_path
) -> None:
    run, urls = fetched
    tree = {
        "output": str(tmp_path / "references"),
        "crawl": str(tiny_run),
        "fetched": run,
        "pages": {"min_chars": 300, "split": "page", "held_out": 0.3},
        "classifier": {"epoch": 25, "lr": 0.5},
    }
    made = train(build_config(ReferencesConfig, tree), engine)
    totals = made["candidates"].counts.totals
    assert totals["references"] == len(NAMES)
    assert totals["random"] > 100
    rows = [
        row
        for file in made["candidates"].files
        for row in pq.read_table(made["candidates"].path(file)).to_pylist()
    ]
    assert sorted(row["url"] for row in rows if row["is_reference"]) == sorted(urls)
    assert {row["url"].split("/")[2] for row in rows if not row["is_reference"]} == {"docs.test"}
    held_out = read_scores(made["scores"]).to_pylist()
    assert {row["url"] in urls for row in held_out if row["is_reference"]} == {True}
    assert made["scores"].files[0].facts["auc"] == 1.0, "articles of one form against documentation"

    tree["pages"]["min_chars"] = 100_000
    with pytest.raises(DataError, match=r"none of the 0 pages is a reference: .* fetch the cited"):
        train(build_config(ReferencesConfig, tree), engine)
