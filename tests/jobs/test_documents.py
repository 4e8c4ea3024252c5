"""What is written down stays true: shipped configs load, links lead somewhere, commands parse."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from tiny import ROOT

from corpus.config import load
from jobs.ablate import AblationConfig, plan
from jobs.cli import _parser
from jobs.config import load_run
from jobs.evaluation.config import EvaluateConfig, read_task
from jobs.lm_train import LmRunConfig
from jobs.references_train import ReferencesConfig

CONFIGS = sorted((ROOT / "jobs/configs").rglob("*.yaml"))
PAGES = [p for p in ROOT.rglob("*.md") if not {".venv", "runs", ".altiplano"} & set(p.parts)]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_loads(path):
    tree = yaml.safe_load(path.read_text())
    if "training" in tree:  # of a language model, whose input is the caller's to give
        assert load(LmRunConfig, path, ["input=texts"]).training.pieces == 65536
    elif "mixtures" in tree:
        assert len(plan(load(AblationConfig, path), path.parent)) >= 2
    elif "benchmarks" in tree:
        assert load(EvaluateConfig, path, [f"task_files={path.parent / 'evaluate'}"]).tasks
    elif "task" in tree:  # of the lm-evaluation-harness
        assert read_task(path)["task"] == path.stem
    elif "classifier" in tree:
        assert load(ReferencesConfig, path).pages.split == "site"
    else:
        assert load_run(path).corpus.sources


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page}: {target}"


def test_every_package_has_its_page():
    for package in ("corpus", "tokenizer", "train", "jobs"):
        assert (ROOT / package / "README.md").is_file()


def commands() -> list[str]:
    text = "\n".join(page.read_text().replace("\\\n", " ") for page in PAGES)
    found = re.findall(r"^\.venv/bin/(altiplano .*)$", text, re.MULTILINE)
    heads = "\n".join(path.read_text().replace("\\\n#", " ") for path in CONFIGS)
    return [*found, *re.findall(r"^#   (altiplano .*)$", heads, re.MULTILINE)]


def test_commands_in_the_pages_parse():
    assert len(commands()) >= 5
    for command in commands():
        _parser().parse_args(shlex.split(command, comments=True)[1:])


def test_make_targets_that_pages_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", Path(ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"`make ([a-z-]+)`", page.read_text())) <= targets, page
