"""What is written is on the disk before it bears its name, and the name before the call returns."""

import os
from pathlib import Path

import pytest

from corpus import storage


@pytest.fixture
def steps(tmp_path, monkeypatch) -> list[str]:
    taken: list[str] = []
    replace, fsync = os.replace, os.fsync

    def named(source: str, target: str) -> None:
        taken.append("named")
        replace(source, target)

    def flushed(holder: int) -> None:
        taken.append("folder" if os.path.samestat(os.fstat(holder), os.stat(tmp_path)) else "file")
        fsync(holder)

    monkeypatch.setattr(os, "replace", named)
    monkeypatch.setattr(os, "fsync", flushed)
    return taken


def test_of_a_small_file(tmp_path, steps):
    storage.put_bytes(str(tmp_path / "manifest.json"), b"{}")
    assert steps == ["file", "named", "folder"]


def test_of_a_scratch_file(tmp_path: Path, steps):
    (tmp_path / "scratch").write_bytes(b"rows")
    storage.put_file(tmp_path / "scratch", str(tmp_path / "a.parquet"))
    assert steps == ["file", "named", "folder"]
    assert os.listdir(tmp_path) == ["a.parquet"]
