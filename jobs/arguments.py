"""The arguments of every verb that reads a config."""

import argparse


def config_arguments(
    parser: argparse.ArgumentParser,
    default: str | None = None,
    example: str = "spark.partitions=7",
) -> None:
    """Adds CONFIG, required unless there is a `default`, and `--set`, left in `overrides`."""
    if default:
        parser.add_argument("config", nargs="?", default=default, metavar="CONFIG")
    else:
        parser.add_argument("config", metavar="CONFIG", help="a YAML file such as jobs/configs/…")
    add_overrides(parser, example)


def add_overrides(parser: argparse.ArgumentParser, example: str) -> None:
    """Adds `--set KEY=VALUE`, left in `overrides`."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help=f"override one key of the config, as in --set {example}; may be repeated",
    )
