"""The bench of readers: what a case writes is gone when it has been timed."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

import pytest

from jobs.bench import sources
from jobs.bench.cases import Case


def test_a_case_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = TemporaryDirectory(dir=tmp_path)
    path = Path(folder.name) / "input"
    path.write_bytes(b"x" * 1000)

    def work() -> None:
        for _ in range(1000):
            path.read_bytes()

    module = ModuleType("jobs.bench.source_it")
    module.case = lambda data, peers: Case("peer", 1000, 1, work, work, folder)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys, "argv", ["sources", str(tmp_path), str(tmp_path), "it"])
    monkeypatch.setattr(sys, "path", [*sys.path])
    sources.main()
    assert "peer" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
