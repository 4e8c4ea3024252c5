"""A disk that hangs, by the kernel's own means: a file system that is frozen answers no write."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import BIN, ROOT, run, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]


@pytest.fixture
def disk(tmp_path: Path, built: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder of a build's training, on a small disk of its own."""
    image, place = tmp_path / "image", tmp_path / "run" / "train" / request.param
    shutil.copytree(built, tmp_path / "run")
    with image.open("wb") as file:
        file.truncate(300 << 20)
    run("mkfs.ext4", "-q", image)
    place.mkdir(parents=True)
    run("mount", "-o", "loop", image, place)
    yield place
    subprocess.run(["fsfreeze", "--unfreeze", place], stderr=subprocess.DEVNULL)
    run("umount", "--lazy", place)


@pytest.mark.parametrize(
    ("disk", "layout"),
    [
        ("checkpoints", "{processes: 2, tp: 2, sequence_parallel: true}"),
        ("checkpoints", "{processes: 1}"),  # what hangs is the thread that writes them
        ("", "{processes: 1}"),  # the first thread, at metrics.jsonl
    ],
    indirect=["disk"],
    ids=["two processes", "one process", "the first thread of one"],
)
def test_a_disk_that_hangs_ends_the_run(
    config: Path, disk: Path, layout: str, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    checkpoints = output / "train" / "checkpoints"
    command: list[str] = [str(BIN / "altiplano"), "train", str(config)]
    for override in (
        f"output={output}",
        f"train.parallel={layout}",
        "train.steps=100000",
        "train.eval_interval=0",
        "train.save_interval=20",
        "train.disk_timeout_s=10",
    ):
        command += ["--set", override]
    log = tmp_path / "stderr"  # no pipe: what cannot be killed holds it open
    with log.open("w") as stderr:
        training = subprocess.Popen(command, cwd=ROOT, stderr=stderr)
    try:
        wait_until(lambda: (checkpoints / "latest.json").exists(), 200, "a checkpoint")
        run("fsfreeze", "--freeze", disk)
        training.wait(120)
    finally:
        training.kill()
    said = log.read_text()
    assert training.returncode == 2, said
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, said
    assert "(train.disk_timeout_s)" in errors[0]
    held = [int(pid) for pid in re.findall(r"pid (\d+) on \S+ was killed, and waits", said)]
    assert held, said
    assert all(is_there(pid) for pid in held)
    run("fsfreeze", "--unfreeze", disk)
    wait_until(lambda: not any(map(is_there, held)), 30, "the end of what waited for the disk")
    step = latest(checkpoints)
    again = run(*command, "--set", f"train.steps={step + 20}")
    assert f"resuming at step {step} of" in again
    assert latest(checkpoints) == step + 20


def latest(disk: Path) -> int:
    return json.loads((disk / "latest.json").read_text())["step"]


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
