"""The demo's input, made on this machine without a network: a crawl, code, a reference text.

    <folder>/crawl/*.warc.gz       pydoc pages, served on loopback, fetched and recorded
    <folder>/code/*.parquet        source files with their licences, as GitHub's exports
    <folder>/reference/*.jsonl     prose that is not in the crawl, for the language model
    <folder>/demo-input.json       what was made and how; written last

It is made whole or not at all, beside its final place, and kept for later runs.
"""

import itertools
import json
import multiprocessing
import os
import platform
import shutil
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from corpus.config import config_hash, to_tree
from corpus.errors import ConfigError, DataError
from jobs import demo_modules
from jobs.demo_crawl import CrawlCounts, CrawlTask, record
from jobs.demo_modules import Module, held_out
from jobs.demo_texts import write_code, write_reference

MANIFEST = "demo-input.json"
FORMAT = 1  # raise it when what is made changes, so that input kept from before is made anew


@dataclass(frozen=True)
class DemoInputConfig:
    """How much is made, and by what seed."""

    seed: int = 0
    crawl_files: int = 8
    max_modules: int = 1_850  # for the crawl, in the order of demo_modules.CRAWLED
    max_page_bytes: int = 600_000  # of HTML; the largest pages are lists of constants
    page_limit_s: float = 20.0  # CPU
    held_out_share: float = 0.08  # of the crawl's modules, whose docstrings are reference text
    reference_bytes: int = 3_000_000
    code_files: int = 4
    code_bytes: int = 12_000_000
    processes: int = 2

    def __post_init__(self) -> None:
        for name in ("crawl_files", "code_files", "processes", "max_modules"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name}={getattr(self, name)} must be at least 1")


def make(folder: str | Path, config: DemoInputConfig | None = None) -> dict[str, Any]:
    """Makes the input in a folder, or keeps what is there; returns its manifest.

    DataError where the folder cannot be written or holds something else.
    """
    config = config or DemoInputConfig()
    folder = Path(folder)
    _sweep(folder)
    kept = _read_manifest(folder)
    if kept is not None and kept["key"] == _key(config):
        return kept
    if folder.exists() and kept is None and any(folder.iterdir()):
        raise DataError(f"{folder} holds something other than demo input; choose another folder")
    began = time.monotonic()
    making = folder.with_name(f"{folder.name}.making-{os.getpid()}")
    try:
        for name in ("crawl", "code", "reference"):
            (making / name).mkdir(parents=True)
        manifest = _make(making, config)
        manifest["seconds"] = round(time.monotonic() - began, 1)
        (making / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        making.rename(folder)
    except OSError as error:
        raise DataError(f"cannot make the demo's input in {folder}: {error}") from None
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return manifest


def _sweep(folder: Path) -> None:
    """Removes what a killed run left unfinished beside the folder."""
    for left in folder.parent.glob(f"{folder.name}.making-*"):
        process = left.name.rpartition("-")[2]
        if not process.isdigit() or not psutil.pid_exists(int(process)):
            shutil.rmtree(left, ignore_errors=True)


def _make(folder: Path, config: DemoInputConfig) -> dict[str, Any]:
    crawled, reference = _choose(config)
    tasks = [
        CrawlTask(
            folder / "crawl" / f"docs-{part:05d}.warc.gz",
            tuple(module.name for module in modules),
            config.max_page_bytes,
            config.page_limit_s,
        )
        for part, modules in enumerate(_spread(crawled, config.crawl_files))
    ]
    crawl = _record_all(tasks, config.processes)
    code_files, code_bytes = write_code(
        folder / "code", config.code_files, config.code_bytes, config.seed
    )
    documents, reference_bytes = write_reference(
        folder / "reference" / "reference-00000.jsonl", reference, config.reference_bytes
    )
    return {
        "key": _key(config),
        "config": to_tree(config),
        "python": platform.python_version(),
        "crawl": asdict(crawl),
        "code": {"files": code_files, "bytes": code_bytes},
        "reference": {"documents": documents, "bytes": reference_bytes},
    }


def _choose(config: DemoInputConfig) -> tuple[list[Module], list[Module]]:
    """The modules to crawl and those held out for the reference text."""
    modules = demo_modules.standard_library()
    for package in demo_modules.CRAWLED:
        modules += demo_modules.of_package(package)
    held = [held_out(module, config.seed, config.held_out_share) for module in modules]
    crawled = [m for m, out in zip(modules, held, strict=True) if not out][: config.max_modules]
    reference = [m for m, out in zip(modules, held, strict=True) if out]
    for package in demo_modules.REFERENCE_ONLY:
        reference += demo_modules.of_package(package)
    return crawled, reference


def _spread(modules: list[Module], files: int) -> list[list[Module]]:
    """Neighbours stay together, so that a package is imported by as few processes as can be."""
    ends = [round(part * len(modules) / files) for part in range(files + 1)]
    return [modules[a:b] for a, b in itertools.pairwise(ends)]


def _record_all(tasks: list[CrawlTask], processes: int) -> CrawlCounts:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    spawn = multiprocessing.get_context("spawn")  # a fork would copy the caller's threads' locks
    counts = []
    with (
        Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(processes, mp_context=spawn) as pool,
    ):
        bar = progress.add_task("crawling documentation", total=len(tasks))
        for done in as_completed([pool.submit(record, task) for task in tasks]):
            counts.append(done.result())
            progress.advance(bar)
    return CrawlCounts(*(sum(column) for column in zip(*map(_values, counts), strict=True)))


def _values(counts: CrawlCounts) -> tuple[int, ...]:
    return tuple(asdict(counts).values())


def _key(config: DemoInputConfig) -> str:
    return f"{FORMAT}-{config_hash(config)}"


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "key" in manifest else None
