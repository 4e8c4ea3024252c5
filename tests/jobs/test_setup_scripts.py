"""The shell side of set-up: what is missing is told in one line, what is there is left alone."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = ROOT / "jobs" / "setup"
HIDDEN = {"java", "cmake"}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A fresh checkout as far as set-up looks at it, at a place with a space in its name."""
    folder = tmp_path / "a checkout"
    for name in ("pyproject.toml", "jobs/models.py", "jobs/setup/requirements.lock"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for script in SETUP.glob("*.sh"):
        shutil.copy(script, folder / "jobs" / "setup")
    return folder


def path_without(hidden: set[str], folder: Path) -> str:
    """A PATH with every command of this machine but the hidden ones."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for command in Path(place).iterdir() if Path(place).is_dir() else ():
            link = folder / command.name
            if command.name not in hidden and not link.is_symlink():
                link.symlink_to(command)
    return str(folder)


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )


def test_missing_system_parts_are_one_line(checkout: Path, tmp_path: Path) -> None:
    path = path_without(HIDDEN, tmp_path / "bin")
    script = checkout / "jobs" / "setup" / "bootstrap.sh"
    done = run(script, PATH=path, JAVA_HOME="", ALTIPLANO_NO_APT="1")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "sudo apt-get install -y openjdk-17-jre-headless cmake" in line
    assert done.stdout == ""
    assert not (checkout / ".venv").exists()


def test_kenlm_that_is_built_is_left_alone(tmp_path: Path) -> None:
    script = (SETUP / "kenlm.sh").read_text()
    sha256 = next(line for line in script.splitlines() if line.startswith("sha256=")).split("=")[1]
    for tool in ("lmplz", "build_binary"):
        path = tmp_path / "bin" / tool
        path.parent.mkdir(exist_ok=True)
        path.touch(mode=0o755)
    (tmp_path / "version").write_text(sha256 + "\n")
    assert run(SETUP / "kenlm.sh", "/bin/false", tmp_path).returncode == 0
    (tmp_path / "bin" / "lmplz").unlink()
    assert run(SETUP / "kenlm.sh", "/bin/false", tmp_path).returncode == 1


def test_a_changed_kenlm_archive_is_refused(tmp_path: Path) -> None:
    index = tmp_path / "python"  # stands for an index that serves another file under the name
    index.write_text(
        '#!/bin/bash\nwhile [ "$1" != --dest ]; do shift; done\n'
        'echo other >"$2/kenlm-0.3.0.tar.gz"\n'
    )
    index.chmod(0o755)
    done = run(SETUP / "kenlm.sh", index, tmp_path / "kenlm")
    assert done.returncode == 1
    assert "is not the kenlm 0.3.0" in done.stderr
    assert not (tmp_path / "kenlm" / "bin").exists()
    assert not (tmp_path / "kenlm" / "work").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["start", "/tmp/a folder"], "has a space"),
        (["start", "folder"], "is not absolute"),
        (["halt"], "usage: slurm.sh install"),
    ],
)
def test_slurm_says_what_it_cannot_do(arguments: list[str], message: str) -> None:
    done = run(SETUP / "slurm.sh", *arguments)
    assert done.returncode == 1
    assert message in done.stderr


def test_make_tells_what_there_is() -> None:
    done = run("make", "-C", ROOT, "--no-print-directory")
    for target in ("demo", "test", "test-cluster", "check", "setup", "clean"):
        assert f"make {target} " in done.stdout
