"""`altiplano tokenizer`: its actions, their arguments, and what each calls."""

import argparse

from jobs.arguments import config_arguments

_REPORT = "print tokens a word and bytes a token of a build's shards, by source and language"
_TRAIN = "train SentencePiece on a keyed sample of the mixture, building what that needs"


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Gives the verb's parser its actions; each leaves its function in `action`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    train = actions.add_parser("train", help=_TRAIN, description=_TRAIN)
    train.set_defaults(action=_train)
    config_arguments(train, example="tokenizer.vocab_size=8192")
    report = actions.add_parser("report", help=_REPORT, description=_REPORT)
    report.set_defaults(action=_report)
    report.add_argument("run_folder", metavar="RUN", help="the run's output folder")
    report.add_argument("--json", action="store_true", help="one JSON object a line instead")


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
    from tokenizer.training_stages import MODEL_NAME, short_of_wanted

    config = load_run(options.config, options.overrides)
    if config.tokenizer is None:
        raise ConfigError(f"{options.config} has no 'tokenizer' section; add one to train it")
    if config.tokenizer.model is not None:
        raise ConfigError(
            f"{options.config} gives the tokenizer {config.tokenizer.model} (tokenizer.model); "
            "leave that out to train one"
        )
    require_java()
    make_input_named_in(config)
    made = build(config, notice=stage_line, shards=False)
    totals = made["tokenizer"].counts.totals
    model = storage.join(config.output, "tokenizer", MODEL_NAME)
    say(
        f"{model}: {config.tokenizer.vocab_size:,} pieces learnt from "
        f"{totals['sample_documents']:,} documents, {totals['sample_bytes'] / 1e6:.1f} MB of text"
    )
    short = [
        f"{found / 1e6:.1f} of {wanted / 1e6:.1f} MB of {name}"
        for name, wanted, found in short_of_wanted(made["sample"])
    ]
    if short:
        say(f"the sample has only {', '.join(short)}; there is no more of it (sample_bytes)")
    return 0


def _report(options: argparse.Namespace) -> int:
    import json

    from rich.table import Table

    from corpus.errors import DataError
    from jobs.console import print_table
    from jobs.report.data import read_run
    from tokenizer.fertility import fertility, summed

    shards = read_run(options.run_folder).shards
    if shards is None:
        raise DataError(f"{options.run_folder} has no shards yet; build them first")
    rows = fertility(shards.counts)
    if not rows:
        raise DataError(f"the shards of {options.run_folder} count no words; build them again")
    rows.append(summed(rows, "all", "all"))
    if options.json:
        for row in rows:
            print(json.dumps({**row._asdict(), **row.ratios()}))
        return 0
    shown = Table(box=None, pad_edge=False)
    for header in ("source", "language"):
        shown.add_column(header)
    for header in ("documents", "MB", "tokens", "tok/word", "bytes/tok", "chars/tok"):
        shown.add_column(header, justify="right")
    for row in rows:
        figures = (f"{row.documents:,}", f"{row.bytes / 1e6:,.2f}", f"{row.tokens:,}")
        shown.add_row(
            row.source, row.language, *figures, *map("{:.2f}".format, row.ratios().values())
        )
    print_table(shown)
    return 0
