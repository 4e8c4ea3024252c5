"""The shipped configs on the shared crawl, their input changed and nothing else of the pipeline.

For ccnet.yaml the public cc_net's own output is the judge: the WET files give its documents and no
other, equal to the last digit.
"""

import gzip
import hashlib
import json

import pyarrow.parquet as pq
import pytest
import yaml
from tiny import ROOT

from corpus import manifest as manifests
from corpus.config import build as build_config
from jobs.config import RunConfig, load_run
from jobs.pipeline import build


def config_on(shared, output, folder: str) -> dict:
    tree = yaml.safe_load((ROOT / "jobs/configs/demo.yaml").read_text())
    tree["output"] = str(output)
    web = tree["corpus"]["sources"]["web"]
    web["input"] = str(shared / "crawl" / folder)
    tree["corpus"]["sources"] = {"web": web}
    tree["corpus"]["models"] = {
        "lid": str(ROOT / ".altiplano/models/lid.176.ftz"),
        "lm": str(shared / "models/ccnet-lm"),
    }
    tree["mixture"]["weights"] = {"web": 1.0}
    return tree


@pytest.fixture(scope="module")
def golden(shared) -> dict[str, dict]:
    with gzip.open(shared / "golden/ccnet-crawl.jsonl.gz", "rt") as lines:
        return {row["url"]: row for row in map(json.loads, lines)}


def test_wet_gives_what_cc_net_gives(shared, golden, engine, tmp_path):
    config = load_run(
        ROOT / "jobs/configs/ccnet.yaml",
        [
            f"corpus.sources.web.input={shared}/crawl/wet",
            f"corpus.sources.web.buckets.table={shared}/models/cc_net/cutoff.csv",
            f"corpus.models.lid={shared}/models/fasttext-lid/lid.176.ftz",
            f"corpus.models.lm={shared}/models/ccnet-lm",
            f"output={tmp_path}/run",
        ],
    )
    manifest = build(config, engine.session)["documents"]
    rows = [row for f in manifest.files for row in pq.read_table(manifest.path(f)).to_pylist()]
    ours = {row["url"]: row for row in rows}
    assert len(rows) == len(golden) == 6777
    assert set(ours) == set(golden)
    same = ("digest", "line_ids", "language", "language_score", "perplexity", "bucket")
    for url, expected in golden.items():
        row = ours[url]
        assert hashlib.sha1(row["text"].encode()).hexdigest() == expected["text_sha1"], url
        assert {k: row[k] for k in same} == {k: expected.get(k) for k in same}, url


def test_warc_runs_to_its_shards(shared, engine, tmp_path):
    tree = config_on(shared, tmp_path / "run", "warc")
    made = build(build_config(RunConfig, tree), engine.session)
    assert made["extracted/web"].counts.totals["documents"] > 8000
    kept = made["documents"]
    languages = set()
    for file in kept.files:
        languages.update(
            pq.read_table(kept.path(file), columns=["language"])["language"].to_pylist()
        )
    assert languages == {"en"}
    assert sum(f.facts["tokens"] for f in made["shards"].files) > 500_000
    assert manifests.read(str(tmp_path / "run/shards")).digest == made["shards"].digest
