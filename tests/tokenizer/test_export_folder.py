"""The folder of an export: new, local, on the disk before it bears its name, and one writer's."""

import errno
import fcntl
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from published_shards import HASH, publish

from corpus.errors import DataError
from jobs.cli import main
from tokenizer.export_folder import export, whole_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture
def manifest(tmp_path) -> str:
    (tmp_path / "shards").mkdir()
    shards = {"web-train-0.arrow": [[1, 2], []], "code-valid-0.arrow": [[3]]}
    return publish(tmp_path / "shards", shards, HASH)


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("", "the folder to export to has no name"),
        (".", r"\. is there already"),
        ("..", r"\.\. is there already"),
        ("/", "/ is there already"),
        ("s3://bucket/out", "s3://bucket/out is not on a local disk"),
        ("file://node/out", "file://node/out is not on a local disk"),
        ("hdfs://node:8020/out", "hdfs://node:8020/out is not on a local disk"),
    ],
)
def test_a_place_that_is_no_new_folder_is_refused(manifest, monkeypatch, capsys, folder, message):
    (Path(manifest).parent / "here").mkdir()
    monkeypatch.chdir(Path(manifest).parent / "here")
    assert main(["shards", "export", manifest, folder, "--to", "megatron"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert re.match(f"error: {message}", line)
    assert os.listdir(".") == []


def test_other_ways_to_write_a_folders_name_are_taken(manifest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("a/../one", "two/", f"file://{tmp_path}/three"):
        export(manifest, "megatron", folder)
    assert sorted(os.listdir(tmp_path)) == ["one", "shards", "three", "two"]


def test_all_of_an_export_reaches_the_disk_and_its_name_last(manifest, tmp_path, monkeypatch):
    synced = []
    real = os.fsync

    def fsync(holder: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{holder}")).relative_to(tmp_path).name)
        real(holder)

    monkeypatch.setattr(os, "fsync", fsync)
    export(manifest, "huggingface", str(tmp_path / "out"))
    inside = {path.name for path in (tmp_path / "out").rglob("*")}
    assert set(synced[:-1]) == {"out.partial", *inside}
    assert synced[-1] == ""


def test_a_folder_that_is_there_is_not_written_into(manifest, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("years of work")
    with pytest.raises(DataError, match="out is there already; choose another"):
        export(manifest, "megatron", str(tmp_path / "out"))
    assert os.listdir(tmp_path / "out") == ["thesis.txt"]


def test_the_second_of_two_writers_is_refused(tmp_path):
    with whole_folder(str(tmp_path / "out")) as place:
        (place / "a").write_text("mine")
        with (
            pytest.raises(DataError, match="another export is writing to"),
            whole_folder(str(tmp_path / "out")),
        ):
            pass
        assert (place / "a").read_text() == "mine"
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out/a").read_text() == "mine"


def test_a_disk_without_locks_is_written_on(tmp_path, monkeypatch, capsys):
    def refused(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with whole_folder(str(tmp_path / "out")) as place:
        (place / "a").write_text("mine")
    assert os.listdir(tmp_path / "out") == ["a"]
    assert "out.partial cannot be locked (No locks available)" in capsys.readouterr().err


def test_a_full_disk_leaves_nothing(tmp_path):
    def fill() -> None:
        with whole_folder(str(tmp_path / "out")) as place:
            (place / "a").write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match="No space left on device; make room"):
        fill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["megatron", "huggingface"])
def test_why_a_disk_takes_no_more_is_told(tmp_path, to):
    (tmp_path / "shards").mkdir()
    many = publish(tmp_path / "shards", {"web-train-0.arrow": [list(range(1, 4000))] * 300})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, before[1]))
    try:
        with pytest.raises(DataError, match=r"cannot be written: .*File too large.*make room"):
            export(many, to, str(tmp_path / "out"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == ["shards"]


def test_what_a_killed_export_left_is_written_anew(tmp_path):
    code = (
        "import sys, time; from tokenizer.export_folder import whole_folder\n"
        "with whole_folder(sys.argv[1]) as place:\n"
        "    (place / 'half').write_text('half'); time.sleep(60)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    killed = subprocess.Popen(command, env=environment)
    while not (tmp_path / "out.partial/half").exists() and killed.poll() is None:
        time.sleep(0.02)
    with pytest.raises(DataError, match="another export"), whole_folder(str(tmp_path / "out")):
        pass
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "out").exists()
    with whole_folder(str(tmp_path / "out")) as place:
        assert os.listdir(place) == []
        (place / "whole").write_text("whole")
    assert os.listdir(tmp_path / "out") == ["whole"]
    assert os.listdir(tmp_path) == ["out"]


def test_one_who_waited_for_a_finished_export_does_not_write_into_it(tmp_path, monkeypatch):
    """The first renames its folder between the second's opening and its lock."""
    real = fcntl.flock

    def lock(holder: int, how: int) -> None:
        os.rename(tmp_path / "out.partial", tmp_path / "out")
        real(holder, how)

    monkeypatch.setattr(fcntl, "flock", lock)
    with (
        pytest.raises(DataError, match="is there already"),
        whole_folder(str(tmp_path / "out")),
    ):
        pass
    assert (tmp_path / "out").is_dir()
