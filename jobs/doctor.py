"""`altiplano doctor`: is this machine fit to run, and what mends it where it is not.

Each check yields findings: ok, warn (works, but slower or less), or fail (something needed is
missing). The exit status is 1 where anything failed.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from rich.console import Console
from rich.text import Text

from corpus.errors import ConfigError
from jobs import models

JAVA_MAJOR = 17  # Spark 4's oldest
MEMORY_GB = 6.0  # what the demo needs beside the system
DISK_GB = 5.0
KENLM_TOOLS = ("lmplz", "build_binary")
INSTALL_JAVA = "apt-get install openjdk-17-jre-headless, or set JAVA_HOME to a JDK 17"

_ROOT = Path(__file__).resolve().parents[1]
_COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@dataclass(frozen=True)
class Finding:
    """What one check found, and how to mend it where it is not ok."""

    state: Literal["ok", "warn", "fail"]
    what: str
    found: str
    mend: str = ""


Check = Callable[[], Iterator[Finding]]


def run(spark: bool = False) -> int:
    """Prints every finding; returns 1 where something needed is missing, else 0."""
    checks: list[Check] = [python, java, resources, libraries, tools, accelerators]
    if spark:
        checks.append(spark_start)
    console = Console(highlight=False, soft_wrap=True)
    findings = []
    for check in checks:
        for finding in check():
            findings.append(finding)
            line = Text.assemble(
                (f"{finding.state:<5}", _COLOURS[finding.state]),
                f"{finding.what:<16}{finding.found}",
            )
            if finding.mend:
                line.append(f"; mend: {finding.mend}")
            console.print(line)
    failed = sum(finding.state == "fail" for finding in findings)
    console.print(f"{failed} to mend" if failed else "this machine is ready")
    return 1 if failed else 0


def require_java() -> None:
    """Raises ConfigError with one line where Spark would find no Java it can run on."""
    finding = next(java())
    if finding.state == "fail":
        raise ConfigError(
            f"Spark needs Java {JAVA_MAJOR} or newer: {finding.found}; {finding.mend}"
        )


def python() -> Iterator[Finding]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] == (3, 11):
        yield Finding("ok", "python", f"{version} ({sys.executable})")
    else:
        yield Finding("fail", "python", version, "use Python 3.11, then `make setup`")


def java() -> Iterator[Finding]:
    """The java that Spark's scripts would start: of JAVA_HOME where set, else of PATH."""
    home = os.environ.get("JAVA_HOME")
    path = f"{home}/bin/java" if home else shutil.which("java")
    if path is None:
        yield Finding("fail", "java", "there is no java on PATH", INSTALL_JAVA)
        return
    try:
        told = subprocess.run([path, "-version"], capture_output=True, text=True).stderr
    except OSError:
        place = f"JAVA_HOME={home} has no bin/java that runs" if home else f"{path} does not run"
        yield Finding("fail", "java", place, INSTALL_JAVA)
        return
    version = re.search(r'version "((\d+)[^"]*)"', told)
    if version is None:
        yield Finding("fail", "java", f"{path} tells no version", INSTALL_JAVA)
    elif int(version[2]) < JAVA_MAJOR:
        yield Finding("fail", "java", f"{path} is version {version[1]}", INSTALL_JAVA)
    else:
        origin = f"JAVA_HOME={home}" if home else "JAVA_HOME not set"
        yield Finding("ok", "java", f"{version[1]} ({Path(path).resolve()}; {origin})")


def resources() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0))
    yield Finding("ok", "cores", str(cores))
    memory = psutil.virtual_memory().available / 1e9
    found = f"{memory:.1f} GB available"
    if memory < MEMORY_GB:
        mend = f"free some: the demo takes about {MEMORY_GB:.0f} GB; or lower spark.driver_memory"
        yield Finding("warn", "memory", found, mend)
    else:
        yield Finding("ok", "memory", found)
    disk = shutil.disk_usage(_ROOT).free / 1e9
    found = f"{disk:.1f} GB free at {_ROOT}"
    if disk < DISK_GB:
        mend = f"free some: the demo takes about {DISK_GB:.0f} GB; or choose another 'output'"
        yield Finding("warn", "disk", found, mend)
    else:
        yield Finding("ok", "disk", found)


def libraries() -> Iterator[Finding]:
    """Every library pyproject.toml pins, held against what is installed."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for pin in project["dependencies"]:
        name, _, wanted = pin.partition("==")
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("fail", name, f"not installed, {wanted} is wanted", "make setup")
            continue
        if found.partition("+")[0] == wanted:  # what follows + names a build, as in 2.13.0+cpu
            yield Finding("ok", name, found)
        else:
            yield Finding("fail", name, f"{found}, {wanted} is wanted", "make setup")


def tools() -> Iterator[Finding]:
    """kenlm's builders and the models that runs do not make themselves."""
    for tool in KENLM_TOOLS:
        path = models.home() / "kenlm" / "bin" / tool
        if os.access(path, os.X_OK):
            yield Finding("ok", tool, str(path))
        else:
            yield Finding("fail", tool, f"not at {path}", "make setup")
    for name in models.MODELS:
        found = models.locate(name)
        if found:
            yield Finding("ok", f"model {name}", str(found))
        else:
            mend = f"altiplano models fetch {name}"
            yield Finding("fail", f"model {name}", f"not in {models.home() / 'models'}", mend)


def accelerators() -> Iterator[Finding]:
    """GPUs, and the library that makes the most of them; a CPU alone trains the demo preset."""
    import torch

    if not torch.cuda.is_available():
        yield Finding("ok", "gpu", "none: trains on the CPU")
        return
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        yield Finding("ok", f"gpu {index}", f"{device.name}, {device.total_memory / 1e9:.0f} GB")
    try:
        version = importlib.metadata.version("transformer-engine")
        yield Finding("ok", "transformer-engine", f" {version}")
    except importlib.metadata.PackageNotFoundError:
        mend = "pip install transformer-engine[pytorch] for fused layers"
        yield Finding("warn", "transformer-engine", " not installed", mend)


def spark_start() -> Iterator[Finding]:
    """Starts Spark for real, has a Python worker do some work, and stops it."""
    from corpus.spark import Engine, SparkConfig

    try:
        require_java()
        engine = Engine(SparkConfig(master="local[1]", driver_memory="1g"))
        began = time.monotonic()
        try:
            assert engine.map(abs, [-1], "doctor") == [1]
            yield Finding("ok", "spark", f"works after {time.monotonic() - began:.1f} s")
        finally:
            engine.close()
    except ConfigError as error:
        yield Finding("fail", "spark", str(error))
    except Exception as error:  # whatever Spark or py4j raise, the doctor tells it in a line
        first = (str(error).splitlines() or [type(error).__name__])[0]
        yield Finding("fail", "spark", first, "look at Spark's own messages above")
