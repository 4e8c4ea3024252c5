"""One self-contained HTML page on a run: no network, no script, no font or image from elsewhere."""

from collections.abc import Callable

from corpus import storage
from corpus.config import config_hash
from jobs.report import (
    measures,
    mixture,
    rule_sections,
    sections,
    tokenizer_sections,
    training_events,
    training_sections,
    training_speed,
)
from jobs.report.data import Run, read_run
from jobs.report.markup import (
    Html,
    cards,
    count,
    document,
    duration,
    element,
    facts,
    join,
    share,
    size,
)

NAME = "report.html"

_SECTIONS: tuple[tuple[str, str, Callable[[Run], Html]], ...] = (
    ("funnel", "Funnel", sections.funnel),
    ("languages", "Languages", sections.languages),
    ("perplexity", "Perplexity", sections.perplexity),
    ("rules", "Rules and examples", rule_sections.rules),
    ("skipped", "Skipped and damaged", sections.skipped),
    ("tokenizer", "Tokenizer", tokenizer_sections.fertility),
    ("mixture", "Mixture", mixture.mixture),
    ("loss", "Training loss", training_sections.loss),
    ("validation", "Validation", training_sections.validation),
    ("gradients", "Gradients and rate", training_sections.gradients),
    ("pace", "Training speed", training_speed.pace),
    ("time", "Training time", training_speed.time_spent),
    ("events", "Training events", training_events.events),
    ("sample", "Generated sample", training_sections.sample),
    ("speed", "Speed", training_sections.speed),
)


def write_report(run_folder: str) -> str:
    """Writes `<run>/report.html` and returns its path.

    Raises DataError where the folder holds no run. What is not finished yet is said in its section.
    """
    run = read_run(run_folder)
    place = storage.join(run_folder, NAME)
    storage.put_bytes(place, page(run).encode())
    return place


def page(run: Run) -> str:
    """The page of a run as HTML text."""
    name = str(run.config.get("output", run.folder)).rstrip("/").rsplit("/", 1)[-1]
    title = f"{name}: from crawl to model"
    links = [
        element("li", element("a", heading, href=f"#{anchor}"))
        for anchor, heading, _ in (("run", "The run", None), *_SECTIONS)
    ]
    bodies = [
        element("section", element("h2", heading), write(run), id=anchor)
        for anchor, heading, write in _SECTIONS
    ]
    overview = element(
        "section",
        element("h2", "The run"),
        _cards(run),
        _facts(run),
        id="run",
    )
    body = element(
        "div",
        element(
            "header",
            element("h1", title),
            element(
                "p", "What went in, what was dropped and why, and what was learnt.", class_="lead"
            ),
        ),
        element(
            "div",
            element("nav", element("ol", *links), aria_label="Contents"),
            element("main", overview, *bodies),
            class_="columns",
        ),
        element("footer", "Written by altiplano from the run's own manifests."),
        class_="page",
    )
    return document(title, body)


def _facts(run: Run) -> Html:
    """What identifies the run."""
    made = run.manifests[-1]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(made.versions.items()))
    seconds = sum(speed.seconds for speed in run.speeds)
    return facts(
        [
            ("Run folder", element("code", run.config.get("output", run.folder))),
            ("Config hash", element("code", config_hash(run.config))),
            ("Code version", join([element("code", made.code), f" of stage {made.stage}"])),
            ("Seed", element("code", run.config.get("seed", 0))),
            ("Sources", ", ".join(source.name for source in run.sources)),
            ("Libraries", versions),
            ("Stages took", duration(seconds)),
        ]
    )


def _cards(run: Run) -> Html:
    """The run in a few large figures."""
    shown = []
    decided = [source.decisions for source in run.sources if source.decisions is not None]
    if decided:
        kept = sum(decisions.counts.totals["kept"] for decisions in decided)
        total = sum(decisions.counts.totals["documents"] for decisions in decided)
        text = sum(measures.verdicts(decisions)[None].text_bytes for decisions in decided)
        shown.append((count(kept), f"documents kept, {share(kept, total)} of those measured"))
        shown.append((size(text), "of text kept"))
    if run.shards is not None:
        tokens = sum(file.facts["tokens"] for file in run.shards.files)
        shown.append((count(tokens), "tokens in shards"))
    if run.training.rows:
        last = run.training.rows[-1]
        shown.append((f"{last['loss']:.3f}", f"loss at step {count(last['step'])}"))
    for source, figures in sorted(run.training.evaluation.items()):
        unigram = figures["unigram_bits_per_byte"]
        said = f"bits/byte on {source}; unigram {unigram:.2f}"
        shown.append((f"{figures['bits_per_byte']:.3f}", said))
    return cards(shown)
