"""`altiplano mix`: the plan of a config's mixture, printed before anything is written."""

import argparse

from jobs.arguments import config_arguments

_PLAN = "print tokens there are, tokens asked for, epochs, and what runs out first"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plan", action="store_true", required=True, help=_PLAN)
    config_arguments(parser, example="mixture.weights.web=0.6")
    parser.add_argument(
        "--shards", metavar="FOLDER", help="count tokens in these shards; default: the output's"
    )
    parser.add_argument(
        "--available", metavar="FILE", help="take the tokens there are from YAML, NAME: TOKENS"
    )


def run(options: argparse.Namespace) -> int:
    from corpus.errors import ConfigError
    from corpus.mixture_plan import plan
    from jobs import mix_plan
    from jobs.config import load_run

    config = load_run(options.config, options.overrides)
    ask = mix_plan.asked(config)
    if ask is None:
        raise ConfigError(
            "nothing is asked of the mixture; give mixture.weights, and mixture.tokens or 'train'"
        )
    found = mix_plan.available(config, options.shards, options.available)
    tell(plan(found.tokens, ask), ask.tokens, found.basis)
    short = mix_plan.short_of_validation(config, found)
    if short and found.counted:
        raise ConfigError(short[0])
    for line in short:
        print(line)
    return 0


def tell(rows, tokens: int, basis: str) -> None:
    """Prints the plan as a table and two sentences."""
    from rich.table import Table

    from corpus.mixture_plan import first_to_run_out
    from jobs.console import print_table

    shown = Table(box=None, pad_edge=False)
    shown.add_column("source")
    for header in ("share", "available", "asked for", "epochs", "at most"):
        shown.add_column(header, justify="right")
    for row in sorted(rows, key=lambda row: -row.share):
        shown.add_row(
            row.source,
            f"{100 * row.share:.2f}%",
            f"{row.available:,}",
            f"{row.asked:,}",
            f"{row.epochs:.2f}",
            f"{row.max_epochs:g}" if row.max_epochs else "any",
        )
    first = first_to_run_out(rows)
    when = f"after {first.lasts:,.0f} of {tokens:,} tokens"
    if first.lasts >= tokens:
        when = f"not within these {tokens:,} tokens, but after {first.lasts:,.0f}"
    print_table(shown)
    print(f"first to run out: {first.source}, {when}")
    print(f"tokens available: {basis}")
