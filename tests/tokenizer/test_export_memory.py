"""Exports take the memory of one shard, however many there are."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from published_shards import HASH, publish

from tokenizer.export_folder import FORMATS

ROOT = Path(__file__).parents[2]
SHARD_TOKENS = 2 << 20  # 4 MiB
SHARDS = 24
EXPORT = """
import sys
from tokenizer.export_folder import export

def peak():
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])

manifest, to, out = sys.argv[1:]
export(manifest, to, out + "-warm")
open("/proc/self/clear_refs", "w").write("5")  # the peak is from here on
before = peak()
export(manifest.replace("one", "many"), to, out)
print(peak() - before)
"""


def made(folder: Path, shards: int) -> str:
    """Hard links of one shard, listed as so many."""
    manifest = folder / "manifest.json"
    folder.mkdir()
    publish(folder, {"web-train-0.arrow": [list(range(4096))] * (SHARD_TOKENS // 4096)}, HASH)
    tree = json.loads(manifest.read_text())
    (entry,) = tree["files"]
    for number in range(1, shards):
        name = f"web-train-{number}.arrow"
        os.link(folder / entry["name"], folder / name)
        tree["files"].append({**entry, "name": name})
    tree["counts"]["totals"]["tokens web train"] *= shards
    manifest.write_text(json.dumps(tree))
    return str(manifest)


@pytest.mark.parametrize("to", FORMATS)
def test_memory_does_not_grow_with_the_number_of_shards(tmp_path, to):
    one, many = made(tmp_path / "one", 1), made(tmp_path / "many", SHARDS)
    assert sum(path.stat().st_size for path in Path(many).parent.iterdir()) > 96 << 20
    done = subprocess.run(
        [sys.executable, "-c", EXPORT, one, to, str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 24 << 20
