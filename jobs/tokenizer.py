"""`altiplano tokenizer`: its actions, their arguments, and what each calls."""

import argparse

from jobs.arguments import config_arguments

_TRAIN = "train SentencePiece on a keyed sample of the mixture, building what that needs"


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Gives the verb's parser its actions; each leaves its function in `action`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    train = actions.add_parser("train", help=_TRAIN, description=_TRAIN)
    train.set_defaults(action=_train)
    config_arguments(train, example="tokenizer.vocab_size=8192")


def run(options: argparse.Namespace) -> int:
    return options.action(options)


def _train(options: argparse.Namespace) -> int:
    from corpus import storage
    from corpus.errors import ConfigError
    from jobs.config import load_run
    from jobs.console import say, stage_line
    from jobs.demo import make_input_named_in
    from jobs.doctor import require_java
    from jobs.pipeline import build
    from tokenizer.training_stages import MODEL_NAME

    config = load_run(options.config, options.overrides)
    if config.tokenizer is None:
        raise ConfigError(f"{options.config} has no 'tokenizer' section; add one to train it")
    require_java()
    make_input_named_in(config)
    totals = build(config, notice=stage_line, shards=False)["tokenizer"].counts.totals
    model = storage.join(config.output, "tokenizer", MODEL_NAME)
    say(
        f"{model}: {config.tokenizer.vocab_size:,} pieces learnt from "
        f"{totals['sample_documents']:,} documents, {totals['sample_bytes'] / 1e6:.1f} MB of text"
    )
    return 0
