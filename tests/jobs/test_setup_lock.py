"""The lock agrees with pyproject.toml, is complete, and names no host and no local build."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "jobs/setup/requirements.lock").read_text().splitlines()
LOCK = dict(line.split("==") for line in LINES if not line.startswith("#"))


def test_every_line_is_a_plain_pin() -> None:
    for line in LINES:
        assert line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==[0-9A-Za-z.]+", line), line
    assert list(LOCK) == sorted(LOCK)


def test_the_lock_holds_every_pin_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for pin in project["dependencies"] + project["optional-dependencies"]["dev"]:
        name, version = pin.split("==")
        assert LOCK[canonicalize_name(name)] == version, pin


def test_the_lock_is_closed_and_installed() -> None:
    for name, version in LOCK.items():
        found = importlib.metadata.distribution(name)
        assert found.version.partition("+")[0] == version, name
        for text in found.requires or []:
            needed = Requirement(text)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert canonicalize_name(needed.name) in LOCK, f"{name} needs {text}"
                assert needed.specifier.contains(LOCK[canonicalize_name(needed.name)]), text
