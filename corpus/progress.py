"""How far a stage is: a bar where a person is looking, else a line at its start and now and then.

The line at a stage's end is its caller's, who knows what came of it.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Tasks = Callable[[], tuple[int, int]]  # finished, and all that are known of

BAR_SECONDS = 0.3
_LINE_SECONDS = 30.0


@contextmanager
def progress(label: str, tasks: Tasks | None = None) -> Iterator[None]:
    """Tells of the work done inside; without `tasks` only that it is under way."""
    if not sys.stderr.isatty():
        with _lines(label, tasks):
            yield
    elif tasks is not None:
        with _bar(label, tasks):
            yield
    else:
        yield


@contextmanager
def _lines(label: str, tasks: Tasks | None) -> Iterator[None]:
    began = time.monotonic()
    print(f"{label:<22} began", file=sys.stderr, flush=True)

    def tell() -> None:
        finished, known = tasks() if tasks else (0, 0)
        share = f", {finished:,} of {known:,} tasks" if known else ""
        seconds = time.monotonic() - began
        print(f"{label:<22} {seconds:6.1f} s  so far{share}", file=sys.stderr, flush=True)

    with polled(tell, _LINE_SECONDS):
        yield


@contextmanager
def _bar(label: str, tasks: Tasks) -> Iterator[None]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as shown:
        bar = shown.add_task(label, total=None)

        def tell() -> None:
            finished, known = tasks()
            shown.update(bar, total=known or None, completed=finished)

        with polled(tell, BAR_SECONDS):
            yield


@contextmanager
def polled(tell: Callable[[], None], seconds: float) -> Iterator[None]:
    """Calls `tell` every so many seconds, from a thread of its own, while the work inside runs."""
    done = threading.Event()

    def poll() -> None:
        while not done.wait(seconds):
            tell()

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    try:
        yield
    finally:
        done.set()
        poller.join()
