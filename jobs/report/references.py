"""The page of a reference classifier: what it learnt from and how well it tells pages it never saw.

Like the report of a run: one file, no network, no script.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from corpus import storage
from corpus.manifest import Manifest
from corpus.references.curves import Curves, curves, kept_at
from corpus.references.model import labels_and_probabilities, read_scores
from jobs.report.charts import Series, line_chart
from jobs.report.markup import Html, count, document, element, facts, join, share, size, table

NAME = "report.html"
PRESET = 0.25  # RedPajama's threshold
_THRESHOLDS = (0.05, 0.1, PRESET, 0.5, 0.75, 0.9, 0.95)
_POINTS = 300  # of a curve: about two pixels apart
_EXAMPLES = 8
_TOO_MANY = 0.9  # of random pages kept, for a threshold to be of use


def write_page(folder: str, made: Mapping[str, Manifest]) -> str:
    """Writes `<folder>/report.html` from the stages' manifests by name; returns its path."""
    place = storage.join(folder, NAME)
    storage.put_bytes(place, page(folder, made).encode())
    return place


def page(folder: str, made: Mapping[str, Manifest]) -> str:
    """The page as HTML text."""
    scores = read_scores(made["scores"])
    is_reference, probability = labels_and_probabilities(scores)
    found = curves(is_reference, probability)
    urls = scores.column("url").to_pylist()
    sections = (
        ("pages", "Pages", _pages(made)),
        ("roc", "ROC curve", _roc(found)),
        ("precision", "Precision and recall", _precision_recall(found)),
        ("threshold", "Threshold", _thresholds(found, is_reference, probability)),
        ("wrong", "Furthest off", _furthest(urls, is_reference, probability)),
        ("model", "Model", _model(folder, made)),
    )
    bodies = [element("section", element("h2", h), body, id=a) for a, h, body in sections]
    links = [element("li", element("a", h, href=f"#{a}")) for a, h, _ in sections]
    lead = "Pages that Wikipedia cites, told from random pages of the crawl (LLaMA section 2.1)."
    header = element("header", element("h1", "Reference classifier"), _lead(lead))
    columns = element(
        "div",
        element("nav", element("ol", *links), aria_label="Contents"),
        element("main", _cards(found, is_reference, probability), *bodies),
        class_="columns",
    )
    footer = element("footer", "Written by altiplano from the classifier's own manifests.")
    return document("Reference classifier", element("div", header, columns, footer, class_="page"))


def _cards(found: Curves, is_reference: np.ndarray, probability: np.ndarray) -> Html:
    kept = kept_at(is_reference, probability, PRESET)
    pairs = [
        (f"{found.auc:.4f}", "area under the ROC curve; chance is 0.5"),
        (f"{found.average_precision:.4f}", "average precision; chance is 0.5"),
        (share(kept.references, 1), f"of references kept at {PRESET}"),
        (share(kept.random, 1), f"of random pages kept at {PRESET}"),
    ]
    shown = [element("div", element("b", a), element("span", b), class_="card") for a, b in pairs]
    return element("div", *shown, class_="cards")


def _pages(made: Mapping[str, Manifest]) -> Html:
    totals = made["examples"].counts.totals
    rows = []
    for label, name in (("reference", "References"), ("random", "Random pages")):
        candidates = made["candidates"].counts.totals[name.split()[0].lower()]
        sides = [
            totals[f"{label} pages {side}"] for side in ("trained on", "held out", "left over")
        ]
        rows.append((name, count(candidates), *map(count, sides)))
    headers = ("Class", "Candidates", "Trained on", "Held out", "Left over")
    config = made["examples"].config
    said = (
        f"{count(totals['text seen before'])} candidates had a text seen before and "
        f"{count(totals['URL seen before'])} more a URL seen before; each is taken once, as a "
        f"reference where one copy is. Both classes are cut to one size. Held out whole: each "
        f"{config['split']}, by a keyed hash."
    )
    parts = [table(headers, rows, "lrrrr"), element("p", said, class_="note")]
    skipped = made["candidates"].counts.skipped
    for reason, number in skipped.most_common():
        parts.append(element("p", f"{count(number)} skipped: {reason}", class_="note"))
    return join(parts)


def _roc(found: Curves) -> Html:
    points = [(0.0, 0.0), *_thinned(found.false_positive_rate, found.recall)]
    series = [
        Series(f"classifier, area {found.auc:.4f}", points, 1),
        Series("chance", [(0, 0), (1, 1)], 6, "dashed"),
    ]
    return line_chart(series, "share of random pages kept", "share of references kept", "ROC curve")


def _precision_recall(found: Curves) -> Html:
    points = [(0.0, float(found.precision[0])), *_thinned(found.recall, found.precision)]
    name = f"classifier, average precision {found.average_precision:.4f}"
    series = [
        Series(name, points, 1),
        Series("chance", [(0, found.precision[-1]), (1, found.precision[-1])], 6, "dashed"),
    ]
    return line_chart(series, "recall: share of references kept", "precision", "Precision-recall")


def _thresholds(found: Curves, is_reference: np.ndarray, probability: np.ndarray) -> Html:
    series = [
        Series("references kept", _kept_from(found, found.recall), 3),
        Series("random pages kept", _kept_from(found, found.false_positive_rate), 2),
        Series(f"preset, {PRESET}", [(PRESET, 0), (PRESET, 1)], 6, "dashed"),
    ]
    chart = line_chart(series, "threshold", "share kept", "What each threshold keeps")
    rows = []
    for threshold in _THRESHOLDS:
        kept = kept_at(is_reference, probability, threshold)
        precision = "–" if kept.precision is None else f"{kept.precision:.3f}"
        rows.append((f"{threshold}", f"{kept.references:.3f}", f"{kept.random:.3f}", precision))
    headers = ("Keep where ≥", "References kept (recall)", "Random pages kept", "Precision")
    said = (
        "Shares are of held-out pages, where both classes are of one size. In a crawl references "
        "are rare: of its pages about the share of random pages is kept."
    )
    if kept_at(is_reference, probability, PRESET).random > _TOO_MANY:
        said += (
            f" At {PRESET} nearly every random page is kept: the model has learnt too little for "
            "that threshold. Train longer (classifier.epoch, classifier.lr) or on more pages, or "
            "choose a threshold from this table."
        )
    note = element("p", said, class_="note")
    return join([chart, table(headers, rows, "rrrr"), note])


def _furthest(
    urls: Sequence[str | None], is_reference: np.ndarray, probability: np.ndarray
) -> Html:
    parts = []
    order = np.argsort(probability, kind="stable")
    for name, rows in (
        ("Random pages most like references", order[::-1][~is_reference[order[::-1]]]),
        ("References least like the others", order[is_reference[order]]),
    ):
        shown = [
            (f"{probability[row]:.3f}", element("code", urls[row] or "no URL"))
            for row in rows[:_EXAMPLES]
        ]
        parts += [element("h3", name), table(("Probability", "Page"), shown, "rl")]
    return join(parts)


def _model(folder: str, made: Mapping[str, Manifest]) -> Html:
    manifest = made["model"]
    (file,) = manifest.files
    settings = ", ".join(f"{name} {value}" for name, value in manifest.config.items())
    return facts(
        [
            ("File", element("code", f"{folder}/model/{file.name}")),
            ("SHA-256", element("code", file.sha256)),
            ("Size", f"{size(file.bytes)}, {count(manifest.counts.totals['words'])} words"),
            ("fastText", f"{manifest.versions['fasttext']}: {settings}"),
            ("Code version", element("code", manifest.code)),
        ]
    )


def _thinned(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    """At most a few hundred points of a curve, its ends among them."""
    at = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return list(zip(x[at].tolist(), y[at].tolist(), strict=True))


def _kept_from(found: Curves, kept: np.ndarray) -> list[tuple[float, float]]:
    """What thresholds from 1 down to 0 keep: nothing above the highest probability."""
    highest = float(found.thresholds[0])
    return [(1.0, 0.0), (highest, 0.0), *_thinned(found.thresholds, kept), (0.0, 1.0)]


def _lead(text: str) -> Html:
    return element("p", text, class_="lead")
