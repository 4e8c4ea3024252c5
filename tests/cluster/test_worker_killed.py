"""A worker's machine dies in the middle of a stage: the build ends with the same bytes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from commands import BIN, ROOT, files, manifests, run
from conftest import write_wet_files
from standalone import standalone_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]
UNITS = 12


@pytest.fixture(scope="module")
def undisturbed(config: Path, place: Path) -> tuple[Path, Path]:
    """A config of twelve units a stage, large enough to be caught at work, and its local build."""
    write_wet_files(place / "larger", files=UNITS, copies=8)
    tree = yaml.safe_load(config.read_text())
    tree["corpus"]["sources"]["web"]["input"] = str(place / "larger")
    del tree["train"], tree["tokenizer"], tree["mixture"]
    path = place / "larger.yaml"
    path.write_text(yaml.safe_dump(tree))
    output = place / "undisturbed"
    run(BIN / "altiplano", "build", path, "--set", f"output={output}")
    return path, output


@pytest.mark.parametrize("stage", ["line_hashes/web", "seen_lines/web", "ledger/web"])
def test_the_build_outlives_a_worker(
    undisturbed: tuple[Path, Path], tmp_path: Path, stage: str
) -> None:
    config, expected = undisturbed
    output, log = tmp_path / "run", tmp_path / "submit.log"
    with standalone_cluster(tmp_path, workers=2, cores=1) as cluster, log.open("w") as stream:
        options = ["--master", cluster.address, "--conf", "spark.driver.host=127.0.0.1"]
        options += ["--conf", "spark.ui.enabled=false", "--driver-memory", "1g"]
        options += ["--executor-memory", "1g"]
        command: list[str | Path] = [BIN / "spark-submit", *options, ROOT / "jobs/submit.py"]
        command += ["build", config]
        command += ["--set", f"output={output}"]
        submitted = subprocess.Popen(
            command,
            env={
                **os.environ,
                "PYSPARK_PYTHON": sys.executable,
                "PYTHONPATH": str(ROOT),
                "SPARK_LOCAL_IP": "127.0.0.1",
            },
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        wait_for_work(output / stage, submitted, log)
        cluster.kill_worker(0)
        assert not (output / stage / "manifest.json").exists(), "killed too late to matter"
        assert submitted.wait(600) == 0, log.read_text()[-3000:]
        assert cluster.workers[0].wait(10) == -9
    assert manifests(output) == manifests(expected)
    assert files(output) == files(expected)


def wait_for_work(folder: Path, submitted: subprocess.Popen[bytes], log: Path) -> None:
    """Returns when a stage has begun: a unit is done, or for a shuffle its folder is there."""
    shuffle = folder.parent.name == "seen_lines"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and submitted.poll() is None:
        if (folder / "_units").exists() and (shuffle or any((folder / "_units").iterdir())):
            return
        time.sleep(0.01)
    pytest.fail(f"{folder} never began; exit {submitted.poll()}: {log.read_text()[-2000:]}")
