"""The doctor finds what is missing, says how to mend it, and Java is asked for in one line."""

from pathlib import Path

import pytest

from corpus.errors import ConfigError
from jobs import doctor, models


def fake_java(home: Path, version: str) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    java.chmod(0o755)
    return home


def complete_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALTIPLANO_HOME", str(folder))
    for tool in doctor.KENLM_TOOLS:
        path = folder / "kenlm" / "bin" / tool
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o755)
    model = models.MODELS["lid"]
    (folder / "models").mkdir()
    (folder / "models" / model.file).write_bytes(bytes(model.size))


def test_a_complete_machine_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    complete_home(tmp_path, monkeypatch)
    assert doctor.run() == 0
    out = capsys.readouterr().out
    assert "this machine is ready" in out
    assert "pyspark" in out


def test_every_gap_has_its_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    complete_home(tmp_path, monkeypatch)
    (tmp_path / "kenlm" / "bin" / "lmplz").unlink()
    (tmp_path / "models" / "lid.176.ftz").write_bytes(b"cut off")
    assert doctor.run() == 1
    failed = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fail")]
    assert len(failed) == 2
    assert "mend: make setup" in failed[0]
    assert "mend: altiplano models fetch lid" in failed[1]


def test_a_library_of_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\ndependencies = ["numpy==1.0.0", "no-such-library==2.0", "torch==2.13.0"]\n'
    )
    monkeypatch.setattr(doctor, "_ROOT", tmp_path)
    states = {finding.what: finding for finding in doctor.libraries()}
    assert states["numpy"].state == "fail"
    assert "1.0.0 is wanted" in states["numpy"].found
    assert states["no-such-library"].found == "not installed, 2.0 is wanted"
    assert states["torch"].state == "ok"  # whatever build: +cpu is no other version


@pytest.mark.parametrize("version", ["17.0.15", "21.0.2", "25"])
def test_java_that_spark_can_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path / "a jdk", version)))
    doctor.require_java()


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_402"])
def test_an_old_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(fake_java(tmp_path, version)))
    with pytest.raises(ConfigError, match=f"version {version}; apt-get install openjdk-17"):
        doctor.require_java()


def test_no_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError) as caught:
        doctor.require_java()
    assert "\n" not in str(caught.value)
    assert "there is no java on PATH; apt-get install openjdk-17-jre-headless" in str(caught.value)


def test_a_java_home_without_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="has no bin/java that runs"):
        doctor.require_java()
    (finding,) = doctor.spark_start()
    assert finding.state == "fail"
