"""Peak memory of a build as its input grows: `python -m jobs.bench.ccnet_memory INPUT … -- BUILD`.

Runs `altiplano build BUILD…` once for each input folder and watches every process under it: the
Python workers' peak resident memory, which the kernel keeps itself (VmHWM), and the heap in use in
the JVM (jstat). Memory a worker must stay flat as the input grows.
"""

import argparse
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from jobs.bench.ccnet_whole import ROOT

_INTERVAL = 0.2  # seconds; jstat, which takes as long itself, only every fifth time


@dataclass
class Peaks:
    """In bytes, over the processes of one build; `workers` counts the Python workers seen."""

    worker: int = 0
    driver: int = 0
    jvm_heap: int = 0
    jvm: int = 0
    workers: set[int] = field(default_factory=set)


def watch_build(arguments: list[str]) -> tuple[Peaks, float]:
    """Runs `altiplano build` to its end; its peaks and its seconds."""
    peaks, start, turn = Peaks(), time.perf_counter(), 0
    build = subprocess.Popen([sys.executable, "-m", "jobs.cli", "build", *arguments], cwd=ROOT)
    while build.poll() is None:
        for process in psutil.Process(build.pid).children(recursive=True):
            try:
                _note(process, peaks, heap=turn % 5 == 0)
            except (psutil.Error, OSError):
                continue  # it has just ended
        peaks.driver = max(peaks.driver, _high_water(build.pid))
        turn += 1
        time.sleep(_INTERVAL)
    if build.returncode:
        raise SystemExit(f"the build exits {build.returncode}; its message is above")
    return peaks, time.perf_counter() - start


def _note(process: psutil.Process, peaks: Peaks, heap: bool) -> None:
    name = process.name()
    if name.startswith("python"):
        peaks.workers.add(process.pid)
        peaks.worker = max(peaks.worker, _high_water(process.pid))
    elif name == "java":
        peaks.jvm = max(peaks.jvm, _high_water(process.pid))
        if heap:
            peaks.jvm_heap = max(peaks.jvm_heap, _heap_in_use(process.pid))


def _high_water(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def _heap_in_use(pid: int) -> int:
    """Survivor, eden and old space in use, by the JDK's own jstat."""
    done = subprocess.run(["jstat", "-gc", str(pid)], capture_output=True, text=True)
    lines = done.stdout.split("\n")
    if done.returncode or len(lines) < 2:
        return 0
    row = dict(zip(lines[0].split(), lines[1].split(), strict=False))
    return int(1024 * sum(float(row.get(name, 0)) for name in ("S0U", "S1U", "EU", "OU")))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("inputs", nargs="+", type=Path, help="folders of WET files, by size")
    parser.add_argument("--config", default=str(ROOT / "jobs/configs/ccnet.yaml"))
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-memory"))
    options = parser.parse_args()
    table = Table("input", "MB gz", "s", "Python worker", "driver", "JVM heap in use", "JVM")
    for place in options.inputs:
        shutil.rmtree(options.work, ignore_errors=True)
        arguments = [options.config]
        for setting in [
            f"corpus.sources.web.input={place.absolute()}",
            f"output={options.work.absolute()}",
            *options.set,
        ]:
            arguments += ["--set", setting]
        peaks, seconds = watch_build(arguments)
        size = sum(file.stat().st_size for file in place.iterdir()) / 1e6
        memory = (peaks.worker, peaks.driver, peaks.jvm_heap, peaks.jvm)
        row = [place.name, f"{size:.0f}", f"{seconds:.0f}"]
        table.add_row(*row, *(f"{value / 2**20:.0f} MiB" for value in memory))
    Console().print(table)


if __name__ == "__main__":
    main()
