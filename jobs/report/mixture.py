"""The report's section on the mixture: what there is, what is asked, and what a training took."""

from jobs.report.charts import Bar, bar_chart, swatch
from jobs.report.data import Run, Taken
from jobs.report.markup import Html, absent, count, element, join, share, table

_AVAILABLE, _ASKED = 2, 1  # tones


def mixture(run: Run) -> Html:
    """Tokens asked of each part by its weight beside those there are, and what was taken."""
    rows = run.mixture
    if not rows:
        return absent(
            "No mixture planned: no training and no mixture.tokens in the config, or no shards yet."
        )
    total_asked = sum(row.asked for row in rows)
    total_taken = sum(row.obtained or 0 for row in rows)
    trained = any(row.obtained is not None for row in rows)
    headers = ["Source", "Tokens there are", "Share asked", "Tokens asked", "Epochs asked", "Cap"]
    headers += ["Share obtained", "Tokens obtained", "Epochs obtained"] if trained else []
    cells = [_cells(row, total_taken if trained else None) for row in rows]
    shown = table(headers, cells, "l" + "r" * (len(headers) - 1))
    parts = [shown, _picture(rows), element("p", _runs_out(rows, total_asked), class_="note")]
    if not trained:
        return join([*parts, absent("Nothing trained yet, so nothing obtained.")])
    note = f"{count(total_taken)} of {count(total_asked)} tokens trained on "
    note += f"({share(total_taken, total_asked)}); one epoch is every training token once."
    return join([*parts, element("p", note, class_="note")])


def _cells(row: Taken, total_taken: int | None) -> list[object]:
    cells: list[object] = [
        element("code", row.source),
        count(row.available),
        f"{100 * row.share:.2f} %",
        count(row.asked),
        f"{row.asked_epochs:.3f}",
        f"{row.max_epochs:g}" if row.max_epochs else "none",
    ]
    if total_taken is not None:
        cells += [
            f"{100 * (row.obtained or 0) / (total_taken or 1):.2f} %",
            count(row.obtained or 0),
            f"{row.obtained_epochs or 0:.3f}",
        ]
    return cells


def _picture(rows: list[Taken]) -> Html:
    bars = []
    for row in sorted(rows, key=lambda row: -row.asked):
        asked = f"{count(row.asked)}, {row.asked_epochs:.2f} epochs"
        bars.append(Bar(row.source, row.available, count(row.available), _AVAILABLE))
        bars.append(Bar("", row.asked, asked, _ASKED))
    legend = [swatch(_AVAILABLE, "tokens there are"), swatch(_ASKED, "tokens asked")]
    return join(
        [
            bar_chart(bars, "Tokens there are and tokens asked, by source"),
            element("p", *legend, class_="note"),
        ]
    )


def _runs_out(rows: list[Taken], tokens: int) -> str:
    first = min((row for row in rows if row.share), key=lambda row: row.available / row.share)
    at = count(round(first.available / first.share))
    if first.available / first.share >= tokens:
        return f"No source runs out; the first would be {first.source}, after {at} tokens."
    return f"The first to run out is {first.source}, after {at} of {count(tokens)} tokens."
