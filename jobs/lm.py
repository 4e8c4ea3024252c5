"""`altiplano lm`: its actions, their arguments, and what each calls."""

import argparse

from jobs.arguments import config_arguments

_TRAIN = "train a language's SentencePiece and KenLM models from its Wikipedia"
_CUTOFFS = "perplexity percentiles 0 to 99 of each language from the ledgers of builds"


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Gives the verb's parser its actions; each leaves its function in `action`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    train = actions.add_parser("train", help=_TRAIN, description=_TRAIN)
    train.set_defaults(action=_train)
    train.add_argument("language", metavar="LANG", help="the language's code, as lid.176 has it")
    config_arguments(train, "jobs/configs/lm.yaml", "training.memory=8G")
    cutoffs = actions.add_parser("cutoffs", help=_CUTOFFS, description=_CUTOFFS)
    cutoffs.set_defaults(action=_cutoffs)
    cutoffs.add_argument("runs", nargs="+", metavar="RUN", help="a build's output folder")
    cutoffs.add_argument("--to", metavar="CSV", help="default, of one run: RUN/cutoffs.csv")
    cutoffs.add_argument(
        "--against",
        metavar="CSV",
        help="a table such as CCNet's cutoff.csv, for a report of the drift from it",
    )
    cutoffs.add_argument(
        "--min-documents",
        type=int,
        default=1000,
        metavar="N",
        help="leave out languages with fewer; default: 1000",
    )
    cutoffs.add_argument(
        "--min-language-score",
        type=float,
        default=0.5,
        metavar="SCORE",
        help="leave out documents identified with less; default: 0.5, which CCNet drops before",
    )


def run(options: argparse.Namespace) -> int:
    return options.action(options)


def _train(options: argparse.Namespace) -> int:
    from corpus.config import load
    from jobs.lm_train import LmRunConfig, train

    overrides = [*options.overrides, f"training.language='{options.language}'"]
    train(load(LmRunConfig, options.config, overrides))
    return 0


def _cutoffs(options: argparse.Namespace) -> int:
    from corpus import storage
    from corpus.errors import ConfigError
    from corpus.spark import Engine, SparkConfig
    from jobs import lm_cutoffs
    from jobs.doctor import require_java
    from jobs.report.drift import tell, write_page

    if options.to is None and len(options.runs) > 1:
        raise ConfigError("where should the table of several runs go? Give --to FILE.csv")
    place = options.to or storage.join(options.runs[0], "cutoffs.csv")
    if not place.endswith(".csv"):
        raise ConfigError(f"--to {place}: the table is a .csv; name it so")
    require_java()
    engine = Engine(SparkConfig())
    try:
        found, few = lm_cutoffs.find(
            engine,
            options.runs,
            options.against,
            options.min_documents,
            options.min_language_score,
        )
    finally:
        engine.close()
    lm_cutoffs.write(found, few, options.runs, place, options.min_language_score)
    page = None
    if options.against:
        page = write_page(found, few, place.removesuffix(".csv") + ".html")
    tell(found, few, place, page)
    return 0
