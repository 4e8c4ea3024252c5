"""`altiplano lm`: its actions, their arguments, and what each calls."""

import argparse

_TRAIN = "train a language's SentencePiece and KenLM models from its Wikipedia"


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Gives the verb's parser its actions; each leaves its function in `action`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    train = actions.add_parser("train", help=_TRAIN, description=_TRAIN)
    train.set_defaults(action=_train)
    train.add_argument("language", metavar="LANG", help="the language's code, as lid.176 has it")
    train.add_argument("config", nargs="?", default="jobs/configs/lm.yaml", metavar="CONFIG")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one key of the config, as in --set training.memory=8G; may be repeated",
    )


def run(options: argparse.Namespace) -> int:
    return options.action(options)


def _train(options: argparse.Namespace) -> int:
    from corpus.config import load
    from jobs.lm_train import LmRunConfig, train

    overrides = [*options.overrides, f"training.language='{options.language}'"]
    train(load(LmRunConfig, options.config, overrides))
    return 0
