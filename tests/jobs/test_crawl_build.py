"""Whole builds by the command from remote input: over HTTP, and from S3 to S3."""

import hashlib
import os
import subprocess
import sys
from collections import deque
from pathlib import Path

import crawl_server
import pyarrow.parquet as pq
import pytest
import s3_server
import yaml
from crawl_server import CRAWL, Answer
from tiny import ROOT, tiny_config

from corpus import manifest as manifests
from corpus import storage
from jobs.verify import verify_run


def altiplano(folder: Path, tree: dict, *arguments: str) -> str:
    """What the command says on its way to success, run with a config of a tree."""
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    result = subprocess.run(
        [sys.executable, "-m", "jobs.cli", *arguments, "config.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **s3_server.CREDENTIALS},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert result.returncode == 0, result.stderr
    return result.stderr


def web_alone(source: dict, output: str) -> dict:
    """The tree of a build of documents that needs no language model."""
    source = {"reader": "crawl", "annotate": {"perplexity": False}, **source}
    return {
        "output": output,
        "spark": {"master": "local[4]", "driver_memory": "1g"},
        "corpus": {
            "sources": {"web": source},
            "models": {"lid": str(ROOT / ".altiplano/models/lid.176.ftz")},
        },
    }


def outputs(root: str) -> dict[str, str]:
    """SHA-256 of all that a run's manifests list, and of the manifests, by their places."""
    found = {}
    for file in storage.list_files(root):
        if file.name.startswith("metrics/") or file.name == "config.yaml":
            continue
        content = storage.read_bytes(file.uri)
        found[file.name] = hashlib.sha256(content).hexdigest()
    return found


def test_a_snapshot_over_http_gives_what_its_mirror_gives(tmp_path):
    with crawl_server.serve() as site:
        site.files.update(crawl_server.made_crawl(12))
        for path, content in site.files.items():
            if "segments" in path:  # the list of them is no file of the crawl
                (tmp_path / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / "mirror" / path).write_bytes(content)
                site.answers[path] = deque([Answer(cut=700), Answer(503), Answer(cut=90)])
        site.always = Answer(pause=0.1)
        source = {
            "crawl": CRAWL,
            "kind": "wet",
            "base": site.base,
            "max_connections": 2,
            "retry": {"first_wait_s": 0.01},
        }
        altiplano(tmp_path, web_alone({"input": source}, "run"), "build")
        assert site.most_connections <= 2
        asked = len(site.requests)
        again = altiplano(tmp_path, web_alone({"input": source}, "run"), "build")
        assert again.count("up to date, skipped") == 7
        assert len(site.requests) == asked + 1
    altiplano(tmp_path, web_alone({"input": "mirror"}, "local"), "build")
    for name in ("extracted/web", "deduped/web", "documents"):
        run, local = (manifests.read(str(tmp_path / root / name)) for root in ("run", "local"))
        assert run.files == local.files
        assert run.counts == local.counts
    (file,) = manifests.read(str(tmp_path / "run/documents")).files[:1]
    assert pq.read_metadata(tmp_path / "run/documents" / file.name).num_rows > 0


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    with s3_server.serve(tmp_path_factory.mktemp("s3")) as found:
        yield found


def test_a_build_from_s3_to_s3_is_the_local_one(s3, tiny_inputs, tiny_run, tmp_path, monkeypatch):
    fs = s3.filesystem()
    for path in sorted(p for p in tiny_inputs.rglob("*") if p.is_file()):
        place = f"private/{path.relative_to(tiny_inputs)}"
        with fs.open_output_stream(place, compression=None) as stream:
            stream.write(path.read_bytes())
    tree = tiny_config(tiny_inputs)
    sources, models = tree["corpus"]["sources"], tree["corpus"]["models"]
    for name, folder in (("web", "crawl"), ("code", "code")):
        sources[name]["input"] = f"s3://private/{folder}?{s3.query}"
    models["reference"] = f"s3://private/reference?{s3.query}"
    tree["output"] = f"s3://private/run?{s3.query}"
    altiplano(tmp_path, tree, "build")

    for name, value in s3_server.CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    assert outputs(tree["output"]) == outputs(str(tiny_run))
    assert verify_run(tree["output"])[1] == []
    assert "up to date, skipped" in altiplano(tmp_path, tree, "build")
