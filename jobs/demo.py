"""`altiplano demo`: the whole flow on input that every machine with this project has."""

import time
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from jobs import demo_input, training
from jobs.config import RunConfig, load_run
from jobs.console import say, stage_line
from jobs.doctor import require_java
from jobs.export import export
from jobs.pipeline import build
from jobs.report.page import write_report

INPUT = ".altiplano/demo-input"
PROMPT = "Return the number of"


def make_input_named_in(config: RunConfig) -> None:
    """Makes the demo's input where a config reads from it and it is not there yet."""
    inputs = [source.input for source in config.corpus.sources.values()]
    places = [place for place in inputs if isinstance(place, str)]
    measured = any(source.annotate.perplexity for source in config.corpus.sources.values())
    if measured and config.corpus.models.trains_lm:
        places.append(config.corpus.models.reference or "")
    missing = [p for p in places if p and "://" not in p and not Path(p).exists()]
    # Where another input is missing the build says so at once, not after the minutes of a crawl.
    if missing and all(place.startswith(INPUT) for place in missing):
        say("the config reads the demo's input, which is made now")
        demo_input.make(INPUT)


def demo(config_path: str, overrides: Sequence[str]) -> int:
    """Crawl, build, train, export, sample and report; what is up to date is said and skipped."""
    began = time.monotonic()
    config = load_run(config_path, overrides)
    require_java()
    say("[bold]1 input[/bold]    the documentation and code on this machine")
    demo_input.make(INPUT)
    say("[bold]2 build[/bold]    raw files to documents to token shards")
    build(config, notice=stage_line)
    say("[bold]3 train[/bold]    a small LLaMA on the shards")
    code = training.train(config, fresh=True)
    if code:
        return code
    say("[bold]4 export[/bold]   to Hugging Face files, and a sample")
    folder = export(config, None)
    sample = training.sample(config, PROMPT, 64)
    report = write_report(config.output)
    say(f"\n[italic]{escape(sample)}[/italic]\n")
    say(f"done in {time.monotonic() - began:.0f} s")
    say(f"  report  {Path(report)}")
    say(f"  model   {folder}")
    return 0
