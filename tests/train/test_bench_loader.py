import subprocess
import sys


def test_the_loaders_bench_runs():
    """Its figures are worth something only while what it writes is what the loader takes."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "jobs.bench.loader", "400000"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "megatron GPTDataset" in done.stdout
