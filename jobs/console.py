"""What a person sees while stages run: one line a stage, what it did or that it was skipped."""

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

from corpus.counts import BYTES_NOT_READ, NOT_READ
from corpus.progress import polled
from corpus.stage import Stage, StageRun

REASONS_SHOWN = 4
FILES_SHOWN = 3
_LINE_SECONDS = 30.0
_WIDEST = 10_000  # columns

console = Console(stderr=True, highlight=False, soft_wrap=True)


def stage_line(stage: Stage, done: StageRun | None) -> None:
    """Prints one line for a finished stage; a `Notice` of jobs.pipeline."""
    if done is None:
        return
    if not done.units_run:
        console.print(f"[dim]{stage.name:<22} up to date, skipped[/dim]")
        return
    totals = done.manifest.counts.totals
    facts = []
    if "documents" in totals:
        facts.append(f"{totals['documents']:,} documents")
    if totals.get("text_bytes"):
        facts.append(f"{totals['text_bytes'] / 1e6:.1f} MB of text")
    skipped = Counter(done.manifest.counts.skipped)
    not_read = skipped.pop(NOT_READ, 0)
    for reason, number in skipped.most_common(REASONS_SHOWN):
        facts.append(f"{number:,} {escape(reason)}")
    if len(skipped) > REASONS_SHOWN:
        facts.append(f"{len(skipped) - REASONS_SHOWN} other reasons in the report")
    if not_read:
        names = done.manifest.counts.examples[NOT_READ][:FILES_SHOWN]
        names += ["…"] if not_read > len(names) else []
        size = f"{totals[BYTES_NOT_READ] / 1e6:.1f} MB"
        facts.append(f"{not_read:,} {NOT_READ} ({size}): {escape(', '.join(names))}")
    if 0 < done.units_run < done.units:
        facts.append(f"{done.units - done.units_run} of {done.units} units were done before")
    console.print(f"{stage.name:<22} {done.seconds:6.1f} s  {', '.join(facts)}")


def say(text: str) -> None:
    """Prints a line of rich markup; what comes from a config or a model is escaped before."""
    console.print(text)


def print_table(table: Table) -> None:
    """Prints a table to stdout as wide as it is: a number cut to a terminal's width is another."""
    wide = Console(highlight=False, soft_wrap=True)
    whole = wide.options.update(max_width=_WIDEST)
    wide.width = max(wide.width, wide.measure(table, options=whole).maximum)
    wide.print(table)


def fail(text: str) -> None:
    """Prints the one line of an error."""
    console.print(f"[red]error:[/red] {escape(' '.join(text.split()))}")


@contextmanager
def bytes_shown(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Tells of bytes done, by the function it gives: a bar for a person, else a line now and then.

    The function may be called from several threads.
    """
    done, lock = 0, threading.Lock()
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    watched = sys.stderr.isatty()
    bar = Progress(TextColumn(label), BarColumn(), *columns, console=console, transient=True)
    task = bar.add_task(label, total=total)

    def add(count: int) -> None:
        nonlocal done
        with lock:
            done += count
        bar.advance(task, count)

    def line() -> None:
        say(f"{label}  {done / 1e9:,.1f} of {total / 1e9:,.1f} GB")

    if watched:
        with bar:
            yield add
    else:
        with polled(line, _LINE_SECONDS):
            yield add
