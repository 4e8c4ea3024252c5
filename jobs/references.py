"""`altiplano references`: the pages that Wikipedia cites, and the classifier learnt from them."""

import argparse


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
