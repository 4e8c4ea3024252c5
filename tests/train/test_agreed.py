"""One outcome for all processes of what one of them does, or each."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

TWO = """
import sys, time
from datetime import timedelta
import torch
from corpus.errors import AltiplanoError, ConfigError
from train import agreed
rank = int(sys.argv[1])
store = torch.distributed.FileStore(sys.argv[2], 2)
limit = timedelta(seconds=4)
torch.distributed.init_process_group("gloo", timeout=limit, store=store, rank=rank, world_size=2)

def told(call):
    try:
        return call()
    except AltiplanoError as error:
        return f"{type(error).__name__} {error}"

def fails(error):
    raise error

print(told(lambda: agreed.by_main(lambda: rank + 7)))
print(told(lambda: agreed.by_main(lambda: fails(ValueError("no number")))))
print(told(lambda: agreed.by_main(lambda: fails(ConfigError("no key")))))
print(told(lambda: agreed.by_each(lambda: rank < 1 or fails(OSError(28, "full", "/x")))))
until = time.monotonic() + 6 * rank
agreed.wait_for_all(lambda: time.monotonic() >= until, "waiting", 60)
print("waited")
late = told(lambda: agreed.by_each_meanwhile(lambda: time.sleep(600 * rank), "reading it", 1))
print(late.split(" (pid")[0])
"""


def test_results_and_errors_of_one_are_those_of_all_and_waiting_outlasts_a_limit(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO)
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", str(script), str(rank), str(tmp_path / "store")],
            env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    outputs = [process.communicate(timeout=200)[0].splitlines() for process in processes]
    full = "CheckpointError /x: [Errno 28] full: '/x'"
    late = "CheckpointError rank 1 did not finish reading it within 1 s"
    told = ["7", "CheckpointError ValueError: no number", "ConfigError no key", full]
    expected = [*told, "waited", late]
    assert outputs == [expected, expected]
