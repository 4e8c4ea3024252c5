"""The GPU measurement, run whole on tiny shapes."""

import json
import os
import subprocess
import sys


def test_every_part_runs_and_is_written(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "jobs.bench.train_gpu", "--tiny", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=400,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "train_gpu.json").read_text())
    assert found.keys() >= {"checks", "device", "step", "whole", "memory", "loader", "peer"}
    assert all(row["right"] for row in found["checks"])
    assert {"swiglu value", "gradient of a model"} <= {row["check"] for row in found["checks"]}
    extrapolated = [row for row in found["step"] if row.get("extrapolated")]
    assert extrapolated
    assert {row["layers"] for row in extrapolated} == {4}
    names = ("what", "transformers", "micro_batch", "micro_batches")
    assert [tuple(row[name] for name in names) for row in found["peer"]] == [
        ("full step", "fp32 weights", 1, 2),
        ("full step", "bf16 weights", 1, 2),
        ("full step", "fp32 weights", 2, 2),
        ("passes", "bf16 weights", 1, 1),
    ]
    assert found["loader"][0]["share"] >= 0
    assert "peer" in done.stdout
