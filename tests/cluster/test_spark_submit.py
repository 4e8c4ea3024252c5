"""The build by spark-submit on a standalone cluster equals `altiplano build`, byte for byte."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from commands import BIN, ROOT, files, manifests, run

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


def python_without_the_project(path: Path) -> Path:
    """A Python with the installed libraries, but not this project: that comes in the zip alone.

    Without `site` the editable installation is not hooked in.
    """
    libraries = sysconfig.get_paths()["purelib"]
    path.write_text(
        f'#!/bin/sh\nPYTHONPATH="{libraries}:$PYTHONPATH" exec "{sys.executable}" -S "$@"\n'
    )
    path.chmod(0o755)
    done = subprocess.run([path, "-c", "import corpus"], cwd=path.parent, capture_output=True)
    assert b"No module named 'corpus'" in done.stderr
    return path


def test_the_cluster_builds_the_same_bytes(
    standalone: str, config: Path, built: Path, place: Path
) -> None:
    zipped = place / "altiplano.zip"
    run(BIN / "altiplano", "pyfiles", zipped)
    python = python_without_the_project(place / "python")
    output = place / "submitted"
    out = run(
        BIN / "spark-submit",
        "--master",
        standalone,
        "--py-files",
        zipped,
        "--conf",
        "spark.driver.host=127.0.0.1",
        "--conf",
        "spark.ui.enabled=false",
        "--driver-memory",
        "1g",
        "--executor-memory",
        "1g",
        ROOT / "jobs" / "submit.py",
        "build",
        config,
        "--set",
        "output=submitted",  # relative: the workers must not take it for a place of their own
        env={**os.environ, "PYSPARK_PYTHON": str(python), "SPARK_LOCAL_IP": "127.0.0.1"},
        cwd=place,  # nothing may come from the checkout as the current folder
    )
    assert "documents" in out
    assert manifests(built)
    assert manifests(output) == manifests(built)
    assert files(output) == files(built)
    executors = list((place / "worker-0").glob("app-*/*/stderr"))
    assert executors, "no executor of the standalone worker did anything"
