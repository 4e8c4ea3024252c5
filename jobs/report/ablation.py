"""The plot of an ablation: bits per byte on every source against the mixture's weight on it."""

from typing import Any

from corpus import storage
from jobs.report.charts import Series, line_chart
from jobs.report.markup import document, element, table


def write_plot(folder: str, results: dict[str, Any]) -> str:
    """Writes `<folder>/ablation.html` from the tree of `ablation.json`; returns its path."""
    place = storage.join(folder, "ablation.html")
    storage.put_bytes(place, page(results).encode())
    return place


def page(results: dict[str, Any]) -> str:
    """One self-contained page: a chart of all sources and the figures behind it."""
    mixtures = results["mixtures"]
    sources = sorted({s for row in mixtures.values() for s in row["bits_per_byte"]})
    series = [
        Series(
            source,
            sorted(
                (_share(row, source), row["bits_per_byte"][source]) for row in mixtures.values()
            ),
            tone,
        )
        for tone, source in enumerate(sources, start=1)
    ]
    title = f"Mixtures after {results['steps']} steps"
    rows = [
        [
            name,
            *(f"{_share(row, source):.0f} %" for source in sources),
            *(f"{row['bits_per_byte'][source]:.3f}" for source in sources),
        ]
        for name, row in mixtures.items()
    ]
    headers = ["mixture", *sources, *(f"{source}, bits/byte" for source in sources)]
    body = element(
        "div",
        element("h1", title),
        element(
            "p",
            "Bits per byte on each source's held-out text (lower is better) against the share of "
            "training tokens that the mixture gives to that source.",
        ),
        line_chart(series, "share of the source in the mixture, %", "bits per byte", title),
        table(headers, rows, "l" + "r" * (2 * len(sources))),
        class_="page",
    )
    return document(title, body)


def _share(row: dict[str, Any], source: str) -> float:
    """Per cent of the mixture's weight on one source."""
    return 100 * row["weights"].get(source, 0) / sum(row["weights"].values())
