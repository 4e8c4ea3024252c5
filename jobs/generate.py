"""`altiplano generate`: its arguments and what it calls."""

import argparse
from pathlib import Path

from jobs.arguments import add_overrides


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", metavar="MODEL", help="a config, a training's output, or an export"
    )
    parser.add_argument("--prompt", default="The", help="the text to go on from")
    parser.add_argument("--tokens", type=int, default=64, help="how many tokens to add at most")
    parser.add_argument("--temperature", type=float, default=0.8, help="0: the likeliest token")
    parser.add_argument("--top-p", type=float, default=0.95, metavar="P")
    parser.add_argument("--seed", type=int, help="default: the config's, or 0")
    add_overrides(parser, "seed=1")


def run(options: argparse.Namespace) -> int:
    from jobs import training  # noqa: F401 (quietens what the libraries below warn of)
    from train.generate import stream

    folder, tokenizer, seed = _place(options.model, options.overrides)
    parts = stream(
        folder,
        tokenizer,
        options.prompt,
        options.tokens,
        options.temperature,
        options.top_p,
        seed if options.seed is None else options.seed,
    )
    for part in parts:
        print(part, end="", flush=True)
    print()
    return 0


def _place(model: str, overrides: list[str]) -> tuple[str, str, int]:
    """The model's folder, its tokenizer, and a seed."""
    if Path(model).is_dir():
        from jobs.evaluation.evaluate import find

        found = find(model)
        return str(found.folder), found.tokenizer, 0
    from jobs.config import load_run

    config = load_run(model, overrides)
    return config.training().output, config.training().tokenizer, config.seed
