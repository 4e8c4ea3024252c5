"""Readers beside the usual library for each source: `python -m jobs.bench.sources DATA PEERS`.

DATA is `../shared/data`; PEERS a folder to which the peers were put, as each `source_<name>` module
says (`pip install --target PEERS …`, or a checkout). Both sides take turns in one process on one
core; the minimum of the rounds counts. MB are of the raw input that both are given, unpacked.
"""

import argparse
import importlib
import sys
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jobs.bench.cases import Case, seconds

SOURCES: tuple[str, ...] = (
    "arxiv",
    "arxiv_redpajama",
    "books",
    "books_overlap",
    "c4",
    "github",
    "stackexchange",
    "wikipedia",
)  # each a module source_<name> with `case(data, peers)`
GOAL = 3


def main() -> None:
    options = _options()
    sys.path.append(str(options.peers))
    table = Table("source", "peer", "MB", "documents", "MB/s", "documents/s", "ratio", "goal")
    for name in options.sources or SOURCES:
        case: Case = importlib.import_module(f"jobs.bench.source_{name}").case(
            options.data, options.peers
        )
        with case.folder or nullcontext():
            ours, theirs = seconds([case.ours, case.theirs], options.rounds)
        table.add_row(
            name,
            case.peer,
            f"{case.bytes / 1e6:.1f}",
            f"{case.documents:,}",
            f"{case.bytes / 1e6 / ours:.1f}",
            f"{case.documents / ours:,.0f}",
            f"{theirs / ours:.1f}",
            f">= {GOAL}",
        )
    Console(width=120).print(table)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the folder of real input")
    parser.add_argument("peers", type=Path, help="a folder that holds the peers")
    parser.add_argument("sources", nargs="*", help="which of them; all by default")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
