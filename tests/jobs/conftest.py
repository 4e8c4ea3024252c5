"""A small real run: pages and sources of the standard library, every stage, in seconds."""

from pathlib import Path

import pytest
from tiny import tiny_config, write_code, write_crawl, write_reference


@pytest.fixture(scope="session")
def tiny_inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_crawl(folder / "crawl", files=5)
    write_code(folder / "code", files=3)
    write_reference(folder / "reference")
    return folder


@pytest.fixture(scope="session")
def tiny_run(tiny_inputs, engine, tmp_path_factory) -> Path:
    """A finished build of the small input; tests read it and leave it as it is."""
    from corpus.config import build as build_config
    from jobs.config import RunConfig
    from jobs.pipeline import build

    tree = tiny_config(tiny_inputs)
    tree["output"] = str(tmp_path_factory.mktemp("tiny-run") / "run")
    build(build_config(RunConfig, tree), engine.session)
    return Path(tree["output"])


@pytest.fixture(scope="session")
def reported_run(tiny_inputs, engine, tmp_path_factory):
    """A run that is built, trained and has something for every section of the report."""
    from report_run import make_run

    models = tiny_config(tiny_inputs)["corpus"]["models"]
    return make_run(tmp_path_factory.mktemp("reported"), models, engine)
