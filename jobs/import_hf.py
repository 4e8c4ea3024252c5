"""`altiplano import`: its arguments and what it calls."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "hf", metavar="HF_FOLDER", help="config.json, safetensors and tokenizer.model of a LLaMA"
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="RUN",
        help="the training's folder: a config's <output>/train",
    )


def run(options: argparse.Namespace) -> int:
    from jobs import training  # noqa: F401 (quietens what the libraries below warn of)
    from jobs.console import say
    from train import checkpoint
    from train.import_hf import import_hf

    folder = import_hf(options.hf, options.output)
    millions = checkpoint.shape_of(folder).num_parameters / 1e6
    say(f"{folder}: {millions:,.1f} M parameters; training starts from them at step 1")
    return 0
