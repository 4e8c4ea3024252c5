"""`altiplano references`: the pages that Wikipedia cites, and the classifier learnt from them."""

import argparse

from jobs.arguments import config_arguments


def add_actions(parser: argparse.ArgumentParser) -> None:
    """Gives the verb's parser its actions; each leaves its function in `action`."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    summary = "list the URLs that the articles of Wikipedia dumps cite"
    extract = actions.add_parser("extract", help=summary, description=summary + ".")
    extract.add_argument(
        "dumps", nargs="+", metavar="DUMP", help="a .xml, .xml.bz2, .xml.gz or .xml.xz, or a folder"
    )
    extract.add_argument("--output", required=True, metavar="FOLDER", help="where the lists go")
    extract.set_defaults(action=_extract)
    summary = "train the classifier of pages that Wikipedia would cite, and report on it"
    train = actions.add_parser("train", help=summary, description=summary + ".")
    config_arguments(train, "jobs/configs/references.yaml", "pages.split=page")
    train.set_defaults(action=_train)


def run(options: argparse.Namespace) -> int:
    return options.action(options)


def _extract(options: argparse.Namespace) -> int:
    from rich.markup import escape

    from corpus import stage, storage
    from corpus.references.extract import citations_stage, cited_stage
    from corpus.spark import Engine, SparkConfig
    from jobs.console import say, stage_line
    from jobs.doctor import require_java

    output = storage.absolute(options.output)
    first = citations_stage([storage.absolute(place) for place in options.dumps])
    require_java()
    storage.make_folder(output)
    engine = Engine(SparkConfig())
    try:
        citations = stage.run(first, output, engine)
        stage_line(first, citations)
        second = cited_stage(citations.manifest)
        cited = stage.run(second, output, engine)
        stage_line(second, cited)
    finally:
        engine.close()
    totals = citations.manifest.counts.totals
    urls = cited.manifest.counts.totals["urls"]
    say(
        f"{totals['articles']:,} articles cite {urls:,} URLs {totals['citations']:,} times; "
        f"addresses in {escape(output)}/cited/urls.txt"
    )
    return 0


def _train(options: argparse.Namespace) -> int:
    from rich.markup import escape

    from corpus.config import load
    from corpus.references.curves import kept_at
    from corpus.references.model import labels_and_probabilities, read_scores
    from jobs.console import say, stage_line
    from jobs.doctor import require_java
    from jobs.references_train import ReferencesConfig, train
    from jobs.report.references import PRESET, write_page

    config = load(ReferencesConfig, options.config, options.overrides)
    require_java()
    made = train(config, notice=stage_line)
    facts = made["scores"].files[0].facts
    kept = kept_at(*labels_and_probabilities(read_scores(made["scores"])), PRESET)
    say(
        f"held out: AUC {facts['auc']:.4f}, average precision {facts['average_precision']:.4f}; "
        f"at {PRESET} {kept.references:.1%} of references and {kept.random:.1%} of random pages "
        "are kept"
    )
    page = write_page(config.output, made)
    say(f"model {escape(config.output)}/model/{made['model'].files[0].name}, page {escape(page)}")
    return 0
