"""C4's release through a build: its rules, URL dedup and what is repeated decide, and are told."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tiny import ROOT

from corpus import manifest as manifests
from corpus.c4.rules import FEW_LEFT
from corpus.config import build as build_config
from corpus.errors import ConfigError
from jobs.config import RunConfig, load_run
from jobs.pipeline import build
from jobs.report.data import read_run
from jobs.report.explain import explain
from jobs.report.page import write_report
from jobs.report.training_sections import _work_of

GOOD = "The river rises in the hills here. It flows to the north from there. Then it meets the sea."
ROWS = [
    {"url": "http://a.test/1", "text": f"Menu\n{GOOD}\nShare this"},
    {"url": "http://a.test/2", "text": "Buy now!"},
    {"url": "http://a.test/1", "text": f"{GOOD} It is another text."},
    {"url": "http://a.test/3", "text": f"{GOOD}\nThe set {{a, b}} is what it is."},
]


def config(folder: Path, **source: object) -> RunConfig:
    web = {
        "reader": "c4",
        "input": str(folder / "in"),
        "dedup_lines": {"enabled": False},
        "annotate": {"perplexity": False},
        "c4": {"preset": "tfds"},
        "duplicates": {"by": "url"},
        "rules": [{"column": "c4", "allow": ["kept"]}, {"column": "duplicate_of", "absent": True}],
        **source,
    }
    tree = {
        "output": str(folder / "run"),
        "corpus": {
            "models": {"lid": str(ROOT / ".altiplano/models/lid.176.ftz")},
            "sources": {"c4": web},
        },
    }
    return build_config(RunConfig, tree)


def test_pages_are_cleaned_decided_and_explained(tmp_path, engine, capsys) -> None:
    (tmp_path / "in").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "in/c4-train.00000.json").write_text(lines)
    build(config(tmp_path), engine.session)
    made = manifests.read(str(tmp_path / "run/documents"))
    (table,) = [pq.read_table(made.path(file)) for file in made.files]
    rows = table.to_pylist()
    assert [row["url"] for row in rows] == ["http://a.test/1"]
    assert rows[0]["text"] in (GOOD, ROWS[2]["text"])
    decisions = manifests.read(str(tmp_path / "run/decisions/c4")).counts.totals
    assert decisions["dropped by c4"] == 2
    assert decisions["dropped by duplicate_of"] == 1
    explain("http://a.test/3", str(tmp_path / "run"))
    assert "DROPPED by c4: curly bracket, kept where one of kept" in capsys.readouterr().out


FIVE = "The Tarn is a lake. It is deep. It is cold. Trout live in it. No one swims there."
OWN = "It has no road. It has a hut. It has two owners. It is wide. It is far off."
REPEATED = [
    {"url": "http://b.test/1", "text": f"Home\n{GOOD}\n{FIVE}"},
    {"url": "http://b.test/2", "text": f"{FIVE}\n{GOOD}\n{OWN}"},
    {"url": "http://b.test/3", "text": f"{GOOD}\nAbout\n{FIVE}"},
]


@pytest.mark.parametrize(
    ("preset", "unit", "gone"), [("paper", "sentences", 16), ("tfds", "lines", 4)]
)
def test_repeats_go_and_are_told(tmp_path, engine, capsys, preset, unit, gone) -> None:
    (tmp_path / "in").mkdir()
    lines = "".join(json.dumps(row) + "\n" for row in REPEATED)
    (tmp_path / "in/c4-train.00000.json").write_text(lines)
    build(config(tmp_path, c4={"preset": preset}), engine.session)
    run = str(tmp_path / "run")
    made = manifests.read(f"{run}/documents")
    (kept,) = [pq.read_table(made.path(file)).column("text").to_pylist() for file in made.files]
    assert ["\n".join(kept).count(text) for text in (GOOD, FIVE, OWN)] == [1, 1, 1]
    totals = manifests.read(f"{run}/unrepeated/c4").counts.totals
    assert totals[f"{unit}_in"] - totals[f"{unit}_out"] == gone
    assert totals[f"pages: {FEW_LEFT}"] == 3 - len(kept) > 0
    page = Path(write_report(run)).read_text()
    assert f"{gone} taken out: <b>repeated {unit}" in page
    assert f"{3 - len(kept)} pages to drop: <b>{FEW_LEFT}" in page
    known = read_run(run)
    (speed,) = (speed for speed in known.speeds if speed.stage == "span_hashes/c4")
    assert _work_of(known, speed)[1] == 3
    for row in REPEATED:
        explain(row["url"], run)
    said = " ".join(capsys.readouterr().out.split())
    assert said.count(f"repeats to drop: {FEW_LEFT}") == 3 - len(kept)
    assert said.count(f"DROPPED by c4: {FEW_LEFT}") == 3 - len(kept)
    assert "C4's rules 2 lines left" in said


def test_without_the_last_step(tmp_path, engine) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/c4-train.00000.json").write_text(f"{json.dumps(REPEATED[0])}\n" * 2)
    tree = {"c4": {"preset": "tfds", "dedup": False}, "duplicates": {"by": "none"}}
    built = build(config(tmp_path, **tree, rules=[]), engine.session)
    assert "unrepeated/c4" not in built
    assert built["documents"].counts.totals["documents"] == 2


@pytest.mark.parametrize("preset", ["paper", "tfds"])
def test_the_config_of_either_list(preset) -> None:
    run = load_run(ROOT / "jobs/configs/c4.yaml", [f"corpus.sources.web.c4.preset={preset}"])
    web = run.corpus.sources["web"]
    assert (web.c4.preset, web.c4.removes_repeats, web.dedup_lines.enabled) == (preset, True, False)
    assert [rule.column for rule in web.rules] == ["c4", "duplicate_of", "language"]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ({"c4": {"preset": "none"}}, "the rule on 'c4' needs 'c4: {preset: paper}'"),
        ({"duplicates": {"by": "none"}}, "the rule on 'duplicate_of' needs"),
    ],
)
def test_a_rule_on_what_is_not_measured_is_refused(tmp_path, source, fault) -> None:
    with pytest.raises(ConfigError, match=fault):
        config(tmp_path, **source)
