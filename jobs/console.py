"""What a person sees while stages run: one line a stage, what it did or that it was skipped."""

from collections import Counter

from rich.console import Console
from rich.markup import escape

from corpus.counts import BYTES_NOT_READ, NOT_READ
from corpus.stage import Stage, StageRun

REASONS_SHOWN = 4
FILES_SHOWN = 3

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


def fail(text: str) -> None:
    """Prints the one line of an error."""
    console.print(f"[red]error:[/red] {escape(' '.join(text.split()))}")
