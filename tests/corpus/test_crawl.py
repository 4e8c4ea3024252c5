"""A snapshot as input: its listing, its units, and what a Spark job asks of a server."""

import dataclasses
import gzip
import shutil
from collections import deque
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from crawl_server import CRAWL, Answer, Site, made_crawl, serve

from corpus import stage as stages
from corpus.config import build
from corpus.crawl import CrawlConfig, list_crawl, on_disk
from corpus.errors import ConfigError, DataError
from corpus.extract import InputConfig, stage
from corpus.manifest import Manifest
from corpus.retry import RetryConfig

LISTING = f"crawl-data/{CRAWL}/wet.paths.gz"
QUICK = RetryConfig(tries=6, first_wait_s=0.02, longest_wait_s=0.05, timeout_s=5.0)


@pytest.fixture
def site():
    with serve() as found:
        found.files.update(made_crawl(7))
        yield found


def wet(site: Site, **settings) -> CrawlConfig:
    return CrawlConfig(CRAWL, "wet", **{"base": site.base, "retry": QUICK, **settings})


def documents(manifest: Manifest) -> list[dict]:
    return [
        row for file in manifest.files for row in pq.read_table(manifest.path(file)).to_pylist()
    ]


def paths(site: Site) -> list[str]:
    return sorted(path for path in site.files if path != LISTING)


def test_files_are_named_by_their_paths_in_the_listing(site):
    files, fingerprint = list_crawl(wet(site))
    assert [file.name for file in files] == paths(site)
    assert [file.uri for file in files] == [f"{site.base}/{path}" for path in paths(site)]
    assert list_crawl(wet(site, files="2..4"))[0] == files[2:5]
    assert list_crawl(wet(site, files=(6, 0)))[0] == [files[6], files[0]]
    assert list_crawl(wet(site, base=site.base + "/", files=(0,)))[1] == fingerprint
    assert len(site.asked(LISTING)) == len(site.requests), "no file is asked for by a listing"


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        (b"no gzip", "is no whole gzip file"),
        (gzip.compress(b"a/b\n" * 99)[:-9], "is no whole gzip file"),
        (gzip.compress(b"\n"), "lists no file"),
        (gzip.compress(b"a/b\na/b\n"), "lists the same file twice"),
        (gzip.compress(b"a/../../b\n"), "lists 'a/../../b', which is no path"),
        (gzip.compress(b"http://elsewhere.test/b\n"), "which is no path below its base"),
    ],
)
def test_listings_that_cannot_be_used(site, listing, message):
    site.files[LISTING] = listing
    with pytest.raises(DataError, match=message):
        list_crawl(wet(site))


def test_numbers_beyond_the_listing(site):
    with pytest.raises(DataError, match=r"lists 7 files, so there is no file 7; choose .* 0\.\.6"):
        list_crawl(wet(site, files="0..7"))


def test_a_snapshot_that_is_not_there(site):
    with pytest.raises(DataError, match=r"CC-MAIN-1999-01/wet\.paths\.gz answered 404"):
        list_crawl(dataclasses.replace(wet(site), crawl="CC-MAIN-1999-01"))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"files": "9..3"}, "files '9..3' must be a first and a last number"),
        ({"files": "some"}, "such as 0..99"),
        ({"files": []}, "must be different numbers"),
        ({"files": [1, 1]}, "must be different numbers"),
        ({"files": [-1]}, "must be different numbers from 0"),
        ({"files": ["a"]}, r"'input.files\[0\]' must be of type int"),
        ({"files": 3}, "'input.files' must be of type str"),
        ({"kind": "wat"}, "'input.kind' must be one of 'wet', 'warc'"),
        ({"crawl": "../x"}, "must be a name such as CC-MAIN-2019-09"),
        ({"base": "ftp://x"}, "must begin with https://"),
        ({"max_connections": 0}, "max_connections=0 must be >= 1"),
        ({"retry": {"tires": 3}}, "did you mean 'tries'"),
        ({"kind": "warc"}, "reader 'wet' does not read warc files"),
    ],
)
def test_settings_that_make_no_sense(tree, message):
    whole = {"crawl": CRAWL, "kind": "wet", **tree}
    with pytest.raises(ConfigError, match=message):
        build(InputConfig, {"reader": "wet", "input": whole})


@pytest.mark.parametrize("files", ["0..3", [3, 5], ""])
def test_an_input_reads_as_a_place_or_as_a_snapshot(files):
    tree = {"crawl": CRAWL, "kind": "wet", "files": files}
    found = build(InputConfig, {"reader": "crawl", "input": tree}).input
    assert isinstance(found, CrawlConfig)
    assert build(InputConfig, {"reader": "crawl", "input": "folder"}).input == "folder"


def test_a_job_holds_its_connections_and_gives_what_local_files_give(site, engine, tmp_path):
    for path in paths(site):
        (tmp_path / "mirror" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mirror" / path).write_bytes(site.files[path])
    local = stage("web", InputConfig("wet", str(tmp_path / "mirror")))
    expected = stages.run(local, str(tmp_path / "local"), engine).manifest

    site.always = Answer(pause=0.03)
    cuts = (Answer(cut=900), Answer(503, (("Retry-After", "0"),)), Answer(403), Answer(cut=100))
    for path in paths(site):
        site.answers[path] = deque(cuts)
    config = InputConfig("crawl", wet(site, max_connections=1))
    found = stages.run(stage("web", config), str(tmp_path / "run"), engine)
    assert found.units_run == 7
    assert found.manifest.files == expected.files
    assert found.manifest.counts == expected.counts
    assert site.most_connections == 1
    assert len(documents(found.manifest)) == 42
    assert list((tmp_path / "run").rglob("input")) == [], "no copy is left behind"


def test_only_new_files_are_asked_for(site, engine, tmp_path):
    def run(files: str, **settings) -> stages.StageRun:
        config = InputConfig("crawl", wet(site, files=files, **settings))
        return stages.run(stage("web", config), str(tmp_path), engine)

    assert run("0..2").units_run == 3
    assert run("0..3", max_connections=3).units_run == 1
    asked = len(site.requests)
    assert run("0..3").units_run == 0
    assert len(site.requests) == asked + 1, "the listing alone"


def test_a_file_that_is_missing_is_an_error_and_the_others_are_kept(site, engine, tmp_path):
    gone = paths(site)[2]
    content = site.files.pop(gone)
    config = InputConfig("crawl", wet(site))
    with pytest.raises(DataError, match=f"{gone} answered 404 Not Found"):
        stages.run(stage("web", config), str(tmp_path), engine)
    site.files[gone] = content
    assert stages.run(stage("web", config), str(tmp_path), engine).units_run == 1


def test_a_file_cut_for_good_fails_its_unit(site, engine, tmp_path):
    cut = paths(site)[5]
    site.answers[cut] = deque([Answer(cut=500)] + [Answer(cut=0)] * 9)
    config = InputConfig("crawl", wet(site))
    with pytest.raises(DataError, match=r"broke off at byte 500 .* extracted/web, web-"):
        stages.run(stage("web", config), str(tmp_path), engine)
    shutil.rmtree(tmp_path)


def test_damage_in_a_fetched_file_is_counted_as_in_a_local_one(site, engine, tmp_path):
    damaged = paths(site)[0]
    content = bytearray(site.files[damaged])
    content[len(content) // 2 : len(content) // 2 + 20] = b"\xff" * 20
    site.files[damaged] = bytes(content)
    config = InputConfig("crawl", wet(site, files=(0,)))
    made = stages.run(stage("web", config), str(tmp_path), engine).manifest
    assert made.counts.skipped == {"damaged record": 1}
    assert made.counts.examples["damaged record"][0].startswith(damaged)
    assert len(documents(made)) == 5


def test_copies_are_made_in_the_units_own_scratch_folder(site, tmp_path):
    (file,), _ = list_crawl(wet(site, files=(4,)))
    local = on_disk(file, tmp_path, QUICK)
    assert Path(local.uri).parent == tmp_path
    assert local.name == file.name
    assert local.size == len(site.files[file.name])
    assert on_disk(local, tmp_path, QUICK) is local
    part = on_disk(replace(file, start=5, end=9), tmp_path, QUICK)
    assert (part.start, part.end) == (5, 9), "the copy of a part is read as that part"
