"""`altiplano evaluate`: its arguments and what it calls."""

import argparse

from jobs.arguments import add_overrides

_DEFAULT = "jobs/configs/evaluate.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="RUN_OR_HF", help="a training's output, or an export")
    parser.add_argument("--config", default=_DEFAULT, metavar="FILE", help=f"default: {_DEFAULT}")
    parser.add_argument(
        "--only",
        default="",
        metavar="TASKS",
        help="these tasks, as in --only boolq,piqa; those that are off are done too",
    )
    parser.add_argument("--perplexity-only", action="store_true", help="no tasks; needs no harness")
    parser.add_argument(
        "--shards", metavar="FOLDER", help="held-out text from here; default: the run's own"
    )
    parser.add_argument("--output", metavar="FILE", help="default: evaluation/results.json in it")
    add_overrides(parser, "limit=100")


def run(options: argparse.Namespace) -> int:
    from corpus.config import load
    from jobs import training  # noqa: F401 (quietens what the libraries below warn of)
    from jobs.console import say
    from jobs.evaluation.config import EvaluateConfig
    from jobs.evaluation.evaluate import check_config, evaluate
    from jobs.evaluation.table import show

    config = load(EvaluateConfig, options.config, options.overrides)
    only = [name.strip() for name in options.only.split(",") if name.strip()]
    config = check_config(config, only)
    results, written = evaluate(
        options.model, config, options.shards, options.output, not options.perplexity_only
    )
    show(results)
    say(f"results: {written}")
    return 0
