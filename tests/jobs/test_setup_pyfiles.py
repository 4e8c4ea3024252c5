"""The zip for spark-submit is reproducible and is what a worker imports from."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from corpus.errors import DataError
from jobs.setup.pyfiles import PACKAGES, write_zip

ROOT = Path(__file__).parents[2]


def test_the_packages_import_from_the_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "new" / "altiplano.zip")
    code = "import corpus.stage, jobs.models, tokenizer, train; print(corpus.stage.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"{path}/corpus/stage.py", done.stderr


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = write_zip(tmp_path / "1.zip"), write_zip(tmp_path / "2.zip")
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == set(PACKAGES)
    assert "corpus/errors.py" in names


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_zip(tmp_path / "file" / "altiplano.zip")


def test_the_entry_tells_a_missing_config_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "jobs/submit.py"), "build", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no config file")
    assert len(done.stderr.strip().splitlines()) == 1
