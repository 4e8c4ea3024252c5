"""`altiplano explain URL`: the life of one document, stage by stage, in a terminal or a pipe."""

import difflib
import heapq
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from corpus.batches import read_batches
from corpus.c4.rules import KEPT
from corpus.decide import exact
from corpus.errors import DataError
from corpus.schema import LEDGER
from jobs.report.data import Run, read_run
from jobs.report.life import Life, RuleCheck, Skip, find
from jobs.report.markup import count, plural, share, visible

_LABEL = 16  # characters
_NEAREST = 3
_CANDIDATES = 200  # URLs compared in full with an unknown one
_MOST_URLS = 2_000_000  # looked through for candidates
_IDENTITY = ("doc_id", "source", "url", "origin", "language", "language_score", "perplexity")


def explain(url: str, run_folder: str) -> None:
    """Prints all that a run knows of a URL to stdout, every document of it.

    Raises DataError where the folder is no run, or for a URL it does not know, naming the nearest.
    """
    run = read_run(run_folder)
    lives, skips = find(run, url)
    if not lives and not skips:
        raise DataError(_unknown(run, url))
    console = Console(highlight=False, soft_wrap=True)
    for skip in skips:
        for line in _skip_lines(skip, url):
            console.print(line)
    for number, life in enumerate(lives, 1):
        if len(lives) > 1:
            console.print(Text(f"document {number} of {len(lives)} with this URL", "dim"))
        for line in _life_lines(life):
            console.print(line)


def _skip_lines(skip: Skip, url: str) -> Iterator[Text]:
    yield Text(visible(url), "bold")
    yield _line("record", skip.where)
    yield _line("skipped", f"{skip.reason} (stage {skip.stage})", "red")
    yield Text()


def _life_lines(life: Life) -> Iterator[Text]:
    record = life.record
    yield Text(visible(record["url"] or ""), "bold")
    yield _line("source", life.source)
    yield _line("record", record["origin"])
    for name in ("date", "digest", "title", "author", "license"):
        if record[name]:
            yield _line(name, record[name])
    yield _line("doc_id", record["doc_id"])
    size = f"{plural(life.num_chars, 'character')} in {plural(life.num_lines, 'line')}"
    yield _line("extracted", f"{size} ({life.place}, row {life.row})")
    yield from _removed(life)
    for name, done in (("C4's rules", life.cleaned), ("repeats", life.unrepeated)):
        if done is not None:
            left = f"{plural(done.lines, 'line')} left"
            yield _line(name, left if done.verdict == KEPT else f"to drop: {done.verdict}")
    if life.deduped_away:
        yield _line("verdict", "DROPPED by line dedup: no line of text is left", "bold red")
    else:
        yield from _measured(life)
        yield from _decided(life)
        yield from _landed(life)
    yield Text()


def _removed(life: Life) -> Iterator[Text]:
    if life.lines is None:
        why = "not done yet" if life.dedups else "none; the source has no line dedup"
        yield _line("lines removed", why)
        return
    gone, whole = len(life.lines.removed), life.lines.num_lines
    numbers = f": {_ranges(life.lines.removed)}" if gone else ""
    total = f"{count(gone)} of {count(whole)} ({share(gone, whole)}){numbers}"
    yield _line("lines removed", total)
    for line in life.lines.first:
        why = "in other documents" if line.elsewhere else "repeated in this document"
        if line.elsewhere and line.shards is not None:
            why += f", {line.shards} of {line.of_shards} shards have it"
        yield _line("", f"{line.number:>5}  {_shortened(line.text, 60)!r}  {why}", "dim")


def _measured(life: Life) -> Iterator[Text]:
    ledger = life.ledger
    if ledger is None:
        yield _line("ledger", "not annotated yet")
        return
    score = "" if ledger["language_score"] is None else f"  score {ledger['language_score']:.2f}"
    yield _line("language", f"{ledger['language'] or 'unknown'}{score}")
    if ledger["perplexity"] is None:
        yield _line("perplexity", "none: no model for the language, or not asked for")
    else:
        said = f"{ledger['perplexity']:,.1f}"
        if life.cutoff:
            said += f"  head < {life.cutoff.head:,.1f}, middle < {life.cutoff.middle:,.1f}"
            table = life.cutoff.origin == "table"
            said += " (published table)" if table else " (percentiles of the run)"
        yield _line("perplexity", said)
    if life.bucket:
        yield _line("bucket", life.bucket)
    names = [name for name in LEDGER.names if name not in _IDENTITY]
    for number, name in enumerate(names):
        twin = f"  {life.twins[name]}" if name in life.twins else ""
        value = f"{name:<22} {_value(ledger.get(name)):>10}{twin}"
        yield _line("ledger" if number == 0 else "", value)


def _decided(life: Life) -> Iterator[Text]:
    if life.decision is None:
        yield _line("verdict", "not decided yet")
        return
    checks = life.checks
    widths = [max([len(cell(check)) for check in checks], default=0) for cell in _CELLS]
    for number, check in enumerate(checks):
        columns = (cell(check).ljust(w) for cell, w in zip(_CELLS, widths, strict=True))
        said = f"{number + 1:>2}  {'  '.join(columns)}  {'pass' if check.passed else 'FAIL'}"
        said += "  <- decided" if check.decided else ""
        look = "red" if check.decided else "" if check.passed else "yellow"
        yield _line("rules" if number == 0 else "", said, look)
    decision = life.decision
    if decision["keep"]:
        yield _line("verdict", "KEPT", "bold green")
    else:
        value = "no value" if decision["value"] is None else decision["value"]
        said = f"DROPPED by {decision['rule']}: {value}, kept where {decision['threshold']}"
        yield _line("verdict", said, "bold red")


def _landed(life: Life) -> Iterator[Text]:
    if life.kept_in:
        yield _line("corpus", life.kept_in)
    if life.placement:
        at = life.placement
        yield _line("shard", at.path)
        tokens = f"tokens [{at.start}, {at.end})"
        yield _line("", f"split {at.split}, document {at.document}, {tokens}")
    elif life.kept_in:
        yield _line("shard", "not in a shard yet")


def _label(check: RuleCheck) -> str:
    return check.label


def _checked_value(check: RuleCheck) -> str:
    value = check.value
    return exact(value) if isinstance(value, int | float) else _value(value)


def _threshold(check: RuleCheck) -> str:
    return check.threshold


_CELLS = (_label, _checked_value, _threshold)


def _line(label: str, value: object, look: str = "") -> Text:
    text = Text(f"  {label:<{_LABEL}}", "cyan")
    return text.append(visible(str(value)).replace("\n", " "), look or None)


def _value(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:,.4g}" if isinstance(value, float) else f"{value}"


def _ranges(numbers: Sequence[int], most: int = 12) -> str:
    """Ascending numbers as 0-3, 7, 9-10; the rest counted beyond so many runs."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs[:most]]
    return ", ".join(shown) + (f", … ({len(runs) - most} more runs)" if len(runs) > most else "")


def _shortened(text: str, most: int) -> str:
    text = visible(text.strip())
    return text if len(text) <= most else text[: most - 1] + "…"


def _unknown(run: Run, url: str) -> str:
    near = difflib.get_close_matches(
        url, heapq.nlargest(_CANDIDATES, _urls(run), key=_likeness(url)), n=_NEAREST, cutoff=0.3
    )
    hint = f"; the nearest are {', '.join(near)}" if near else ""
    return f"no record that {run.folder} has read has the URL {url}{hint}"


def _urls(run: Run) -> Iterator[str]:
    """The URLs of the run, up to a bound."""
    left = _MOST_URLS
    for source in run.sources:
        for file in source.extracted.files if source.extracted else ():
            assert source.extracted is not None
            for batch in read_batches(source.extracted.path(file), ["url"]):
                yield from batch.column("url").drop_null().to_pylist()
                left -= batch.num_rows
            if left <= 0:
                return


def _likeness(url: str) -> Callable[[str], int]:
    """How much of its head and tail a URL shares with another: cheap, to pick candidates."""
    backwards = url[::-1]

    def shared(other: str) -> int:
        return _common(url, other) + _common(backwards, other[::-1])

    return shared


def _common(first: str, second: str) -> int:
    """Characters that two texts have in common at their head."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(first), len(second)))
