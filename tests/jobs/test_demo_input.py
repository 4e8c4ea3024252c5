"""The demo's input, made small: real pages over HTTP, whole or not at all, kept, the same twice."""

import json
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.formats.time_limit import Failure, TimeLimitedExtractor
from corpus.sources import READERS
from corpus.storage import list_files
from jobs import demo_crawl, demo_input, demo_modules
from jobs.config import load_run
from jobs.demo import INPUT, make_input_named_in
from jobs.demo_input import DemoInputConfig
from jobs.demo_texts import license_of

ROOT = Path(__file__).parents[2]
SMALL = DemoInputConfig(
    crawl_files=2,
    max_modules=12,
    code_files=2,
    code_bytes=300_000,
    reference_bytes=50_000,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "demo-input"
    demo_input.make(folder, SMALL)
    return folder


def documents(folder: Path, reader: str) -> list[dict]:
    found = READERS[reader]
    counts = Counts()
    rows = []
    for file in list_files(str(folder), found.suffixes):
        for batch in found.read(file, reader, found.config(), counts):
            rows += batch.to_pylist()
    assert set(counts.skipped) <= {"shorter than 300 characters"} or reader == "code"
    return rows


def test_the_crawl_is_of_pydoc_pages(made: Path) -> None:
    manifest = json.loads((made / demo_input.MANIFEST).read_text())
    rows = documents(made / "crawl", "warc")
    assert manifest["crawl"]["pages"] >= len(rows) >= 8
    page = next(row for row in rows if row["url"] == "http://abc.docs.test/abc.html")
    assert "Abstract Base Classes" in page["text"]
    assert page["date"] == demo_crawl.DATE


def test_code_is_an_export_with_licenses(made: Path) -> None:
    rows = documents(made / "code", "code")
    assert rows
    assert {row["license"] for row in rows} <= {
        "MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0 OR BSD-2-Clause",
    }  # fmt: skip
    assert len(list((made / "code").iterdir())) == 2


def test_reference_is_held_out_of_the_crawl(made: Path) -> None:
    (path,) = (made / "reference").iterdir()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert sum(len(line["text"].encode()) for line in lines) >= 50_000
    crawled = {row["title"] for row in documents(made / "crawl", "warc")}
    assert crawled
    assert not {f"docstrings of {title.split()[-1]}" for title in crawled} & {
        line["name"] for line in lines
    }


def test_the_choice_is_the_same_twice_and_keyed() -> None:
    chosen = demo_input._choose(SMALL)
    assert chosen == demo_input._choose(SMALL)
    assert chosen[1] != demo_input._choose(DemoInputConfig(seed=1, max_modules=12))[1]
    assert not set(chosen[0]) & set(chosen[1])


def test_what_is_complete_is_kept_and_another_config_makes_it_anew(made: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*")}
    assert demo_input.make(made, SMALL) == json.loads((made / demo_input.MANIFEST).read_text())
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*")} == before


def test_a_remake_has_the_same_bytes(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    demo_input.make(again, SMALL)
    names = [
        p.relative_to(made) for p in sorted(made.rglob("*")) if p.suffix in (".gz", ".parquet")
    ]
    assert len(names) == 4
    for name in names:
        assert (again / name).read_bytes() == (made / name).read_bytes(), name


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match="holds something other than demo input"):
        demo_input.make(tmp_path, SMALL)
    assert (tmp_path / "thesis.tex").read_text() == "mine"


def test_a_failed_make_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> tuple[int, int]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo_input, "write_code", full_disk)
    monkeypatch.setattr(demo_input, "_record_all", lambda *_: demo_crawl.CrawlCounts(0, 0, 0, 0))
    dead = tmp_path / "x.making-999999999"
    dead.mkdir()
    with pytest.raises(DataError, match="No space left on device"):
        demo_input.make(tmp_path / "x", SMALL)
    assert list(tmp_path.iterdir()) == []


def test_rendering_shows_nothing_of_this_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET_TOKEN", "hunter2")
    with TimeLimitedExtractor(20, demo_crawl._RENDER, demo_crawl._ENVIRONMENT) as renderer:
        page, missing = renderer.extract([("os",), ("no_such_module",)])
    assert b"environ" in page
    assert b"hunter2" not in page
    assert isinstance(missing, Failure)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"License-Expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0"),
        ({"License": "Apache 2.0 License"}, "Apache-2.0"),
        ({"License": "BSD 2-Clause License"}, "BSD-2-Clause"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, "BSD-3-Clause"),
        (
            {"License": "Copyright (c) me", "Classifier": "License :: OSI Approved :: MIT License"},
            "MIT",
        ),
        ({"Classifier": "Programming Language :: Python"}, None),
    ],
)
def test_license_of_metadata(tmp_path: Path, headers: dict[str, str], expected: str | None) -> None:
    info = tmp_path / "some.dist-info"
    info.mkdir()
    lines = [f"{name}: {value}\n" for name, value in {"Name": "some", **headers}.items()]
    (info / "METADATA").write_text("".join(lines))
    assert license_of(Distribution.at(info)) == expected


def test_modules_that_open_windows_are_never_chosen() -> None:
    names = {module.name for module in demo_modules.standard_library()}
    assert "json.decoder" in names
    assert not {n.partition(".")[0] for n in names} & {"antigravity", "this", "turtle", "idlelib"}


def test_bad_config_is_refused() -> None:
    with pytest.raises(ConfigError, match="crawl_files=0 must be at least 1"):
        DemoInputConfig(crawl_files=0)


@pytest.mark.parametrize(
    ("overrides", "wanted"),
    [
        ([], True),
        (["corpus.models.lm=models"], False),
        (["corpus.sources.web.annotate.perplexity=false"], False),
        (["corpus.models.reference=own.txt"], False),
    ],
)
def test_a_crawl_of_ones_own_makes_the_reference_only_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], wanted: bool
) -> None:
    made: list[str] = []
    monkeypatch.setattr(demo_input, "make", made.append)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "crawl").mkdir()
    (tmp_path / "own.txt").write_text("a text")
    own = "corpus.sources.web.input=crawl"
    make_input_named_in(load_run(ROOT / "jobs/configs/crawl.yaml", [own, *overrides]))
    assert made == ([INPUT] if wanted else [])
