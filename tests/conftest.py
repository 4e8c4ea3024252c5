"""What every test shares: the shared data's place and one real Spark session."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from corpus.spark import Engine, SparkConfig

ROOT = Path(__file__).parents[1]
SHARED = ROOT / ".." / "shared" / "data"

settings.register_profile("altiplano", deadline=None, max_examples=60)
settings.load_profile("altiplano")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Has several workers (pytest-xdist's -n) share the tests out by file.

    Those of tests/jobs stay together, as they use builds that take a minute each, and go first.
    """
    items.sort(key=lambda item: item.path.parent.name != "jobs")
    for item in items:
        is_job = item.path.parent.name == "jobs"
        item.add_marker(pytest.mark.xdist_group("jobs" if is_job else item.path.name))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes name no test: gzip's have the second they were made in, and workers must agree."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared real data; tests that need it are skipped on a machine without it."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared/data beside the project: real crawls and models are not here")
    return SHARED.resolve()


@pytest.fixture(scope="session")
def engine():
    """A real Spark session on this machine, started when first used.

    Its Python workers find what tests define at the top of their modules.
    """
    folders = [str(path) for path in (ROOT / "tests").iterdir() if path.is_dir()]
    os.environ["PYTHONPATH"] = os.pathsep.join([*folders, os.environ.get("PYTHONPATH", "")])
    spark = Engine(SparkConfig(master="local[2]", driver_memory="1g"))
    yield spark
    spark.close()
