"""`altiplano why-token`: its arguments and what it calls."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="RUN", help="the output of a build or of a training")
    parser.add_argument("step", metavar="STEP", type=int, help="from 1, as in metrics.jsonl")
    parser.add_argument(
        "rank", metavar="RANK", type=int, nargs="?", help="only what this data parallel rank read"
    )
    parser.add_argument(
        "--ranks", type=int, metavar="N", help="data parallel ranks; default: as configured"
    )
    parser.add_argument("--json", action="store_true", help="every value, as JSON")


def run(options: argparse.Namespace) -> int:
    import json

    from jobs.report.step_documents import why
    from jobs.report.step_table import show

    answer = why(options.folder, options.step, options.rank, options.ranks)
    if options.json:
        print(json.dumps(answer.to_tree(), ensure_ascii=False))
    else:
        show(answer)
    return 0
