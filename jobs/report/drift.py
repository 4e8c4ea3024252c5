"""The drift report: a crawl's perplexity percentiles against another table's, language by language.

One self-contained page and a short table on the terminal, both from `jobs.lm_cutoffs.Language`.
"""

from collections.abc import Mapping, Sequence

from rich.table import Table

from corpus import storage
from corpus.percentiles import EXACT_BELOW, RELATIVE_ERROR
from jobs.console import console, say
from jobs.lm_cutoffs import HEAD, MIDDLE, Language
from jobs.report.charts import Bar, Series, bar_chart, line_chart
from jobs.report.markup import Html, absent, count, document, element, join, table

_CURVES = 8  # languages with a chart of their own
_SHOWN = 12  # rows on the terminal


def write_page(found: Sequence[Language], few: Mapping[str, int], place: str) -> str:
    """Writes the page to `place` and returns it."""
    storage.put_bytes(place, page(found, few).encode())
    return place


def page(found: Sequence[Language], few: Mapping[str, int]) -> str:
    """The report as HTML text; languages come with most documents first."""
    compared = [language for language in found if language.moved is not None]
    title = "Perplexity drift"
    lead = (
        "Percentiles of this crawl's perplexities against those of the given table. A ratio of 1 "
        "is no drift; above it, the crawl or the model is harder than the table's."
    )
    parts = [element("h1", title), element("p", lead, class_="lead")]
    if compared:
        parts += [element("h2", "Documents in another bucket"), _moved(compared)]
        parts += [element("h2", "All languages"), _table(compared)]
        parts += [element("h2", "Percentiles"), *map(_curve, compared[:_CURVES])]
    else:
        parts.append(absent("The table has none of the crawl's languages."))
    parts += _apart(found, few)
    body = element("div", element("main", *parts), class_="page")
    return document(title, body)


def tell(
    found: Sequence[Language], few: Mapping[str, int], place: str, drift_page: str | None
) -> None:
    """Prints where things are and the drift of the languages with most documents."""
    shown = Table("language", "documents", "p30", "p60", "ratio at 30", "at 60", "moved")
    for column in shown.columns[1:]:
        column.justify = "right"
    for language in found[:_SHOWN]:
        shown.add_row(language.language, *_figures(language))
    console.print(shown)
    if len(found) > _SHOWN:
        say(f"and {len(found) - _SHOWN} languages more")
    if few:
        names = ", ".join(f"{name} ({number:,})" for name, number in sorted(few.items()))
        say(f"left out for too few documents: {names}")
    off = f"{100 * RELATIVE_ERROR:.4f}"
    say(f"percentiles are exact below {EXACT_BELOW:,.1f}, above that within {off} %")
    say(f"cutoffs: {place}" + (f"\ndrift: {drift_page}" if drift_page else ""))


def _figures(language: Language) -> list[str]:
    ratios = [language.ratio(HEAD), language.ratio(MIDDLE)]
    return [
        count(language.documents),
        *(f"{language.percentiles[row]:,.1f}" for row in (HEAD, MIDDLE)),
        *("–" if ratio is None else f"{ratio:.2f}" for ratio in ratios),
        "–" if language.moved is None else f"{100 * language.moved:.1f} %",
    ]


def _moved(compared: Sequence[Language]) -> Html:
    bars = [
        Bar(
            language.language,
            language.moved or 0.0,
            f"{100 * (language.moved or 0.0):.1f} % of {count(language.documents)}",
            tone=1 if (language.moved or 0.0) < 0.1 else 2,
        )
        for language in compared
    ]
    said = (
        f"The share that is head, middle or tail by this crawl's percentiles {HEAD} and {MIDDLE} "
        "and something else by the table's; orange from a tenth on."
    )
    return join([element("p", said), bar_chart(bars, "Share of documents in another bucket")])


def _table(compared: Sequence[Language]) -> Html:
    headers = ["language", "documents", f"{HEAD} %", f"table's {HEAD} %", f"{MIDDLE} %"]
    headers += [
        f"table's {MIDDLE} %",
        f"ratio at {HEAD}",
        f"ratio at {MIDDLE}",
        "in another bucket",
    ]
    rows = []
    for language in compared:
        assert language.table is not None
        documents, head, middle, *rest = _figures(language)
        theirs = [count(language.table[row]) for row in (HEAD, MIDDLE)]
        rows.append([language.language, documents, head, theirs[0], middle, theirs[1], *rest])
    return table(headers, rows, "lrrrrrrrr")


def _curve(language: Language) -> Html:
    assert language.table is not None
    lines = [
        ("this crawl", language.percentiles, 1, ""),
        ("the table", language.table, 2, "dashed"),
    ]
    series = [
        Series(name, [(row, value) for row, value in enumerate(values) if value > 0], tone, look)
        for name, values, tone, look in lines
    ]
    series = [line for line in series if line.points]
    title = f"Perplexity percentiles of {language.language}"
    chart = line_chart(series, "percentile", "perplexity", title, log_y=True)
    return join([element("h3", language.language), chart])


def _apart(found: Sequence[Language], few: Mapping[str, int]) -> list[Html]:
    """What could not be compared, and why."""
    alone = [language.language for language in found if language.moved is None]
    parts = []
    if alone:
        parts.append(element("p", "Not in the table: ", ", ".join(alone), "."))
    if few:
        names = ", ".join(f"{name} ({number:,})" for name, number in sorted(few.items()))
        parts.append(element("p", "Too few documents for percentiles: ", names, "."))
    return parts
