"""Real code, the packages installed here, to documents: what a changed rule does to it."""

import hashlib
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

from corpus.code.cleaning import CodeConfig
from corpus.counts import Counts
from corpus.sources import code
from corpus.storage import InputFile

# by package and version: documents kept, skipped by reason, digest of all texts
GOLDEN: dict[tuple[str, str], tuple[int, dict[str, int], str]] = {
    ("rich", "15.0.0"): (
        78,
        {"data": 1, "generated": 21, "language not wanted": 3, "license file": 1},
        "7f6774ecf406a1fd",
    ),
    ("networkx", "3.6.1"): (
        554,
        {"empty": 24, "language not wanted": 5, "license file": 1, "license not allowed": 2},
        "35848a3e6ca195bd",
    ),
    ("datasketch", "2.0.0"): (
        21,
        {"language not wanted": 3, "license file": 1},
        "a3bd999fcb23c896",
    ),
    ("safetensors", "0.8.0"): (
        8,
        {"language not wanted": 4, "license file": 1},
        "0f8c88750ecb97e2",
    ),
    ("regex", "2026.11.15"): (
        0,
        {"language not wanted": 4, "license file": 1, "license not allowed": 4},
        "e3b0c44298fc1c14",
    ),
}


@pytest.mark.parametrize("package", GOLDEN)
def test_golden_packages(tmp_path: Path, package: tuple[str, str]) -> None:
    """Installed packages as archives: a changed rule shows here what it does to real code."""
    try:
        distribution = metadata.distribution(package[0])
    except metadata.PackageNotFoundError:
        pytest.skip(f"{package[0]} is not installed")
    if distribution.version != package[1]:
        pytest.skip(f"{package[0]} is {distribution.version}, not {package[1]}")
    wanted = (".py", ".pyi", ".c", ".h", ".js", ".css", ".html", ".md")
    path, counts = tmp_path / "x.tar", Counts()
    with tarfile.open(path, "w", dereference=True) as archive:
        for file in sorted(distribution.files or (), key=str):
            named = file.suffix in wanted or ".dist-info/" in str(file)
            of_installer = "/RECORD" in str(file) or "INSTALLER" in file.parts[-1]
            if named and not of_installer and ".." not in file.parts:
                archive.add(str(file.locate()), str(file))
    packed = InputFile(str(path), path.name, path.stat().st_size)
    batches = code.read(packed, "code", CodeConfig(), counts)
    texts = [text for batch in batches for text in batch.column("text").to_pylist()]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    assert (len(texts), dict(sorted(counts.skipped.items())), digest) == GOLDEN[package]
