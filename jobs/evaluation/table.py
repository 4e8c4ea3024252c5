"""The results of an evaluation, as a person reads them."""

from rich.console import Console
from rich.table import Table

from jobs.evaluation.evaluate import Results


def show(results: Results) -> None:
    """Prints a table of perplexities, one of tasks, and what was skipped and why."""
    console = Console(highlight=False, soft_wrap=True)
    if results.perplexity:
        table = Table("source", "tokens", "perplexity", "bits per byte")
        for source, found in results.perplexity.items():
            row = (f"{found.tokens:,}", f"{found.perplexity:,.2f}", f"{found.bits_per_byte:.4f}")
            table.add_row(source, *row)
        _align(table)
        console.print(table)
    if results.tasks:
        table = Table("task", "shots", "questions", "metric", "value", "±")
        for scored in results.tasks:
            for name, value in scored.metrics.items():
                error = scored.errors.get(name)
                shown = "" if error is None else f"{error:.4f}"
                counts = (str(scored.shots), f"{scored.questions:,}")
                table.add_row(scored.task, *counts, name, f"{value:.4f}", shown)
        _align(table)
        console.print(table)
    for name, reason in results.skipped.items():
        console.print(f"skipped {name}: {reason}", markup=False)


def _align(table: Table) -> None:
    for column in table.columns[1:]:
        column.justify = "left" if column.header == "metric" else "right"
