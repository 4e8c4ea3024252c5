"""CCNet beside the public cc_net, paired: `python -m jobs.bench.ccnet --cc-net CHECKOUT …`.

`steps` takes the parts one by one on one core, turn and turn about in one process, the best of the
rounds for each side. `whole` takes the finished build on two cores against two cc_net processes and
says whether the documents are the same. MB are of UTF-8 text that a step is given.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from jobs.bench import ccnet_steps, ccnet_whole
from jobs.bench.cc_net_peer import CcNet

GOALS = {"parse": 3, "hash": 5, "remove": 5, "language ID": 3, "language model": 2.5, "all": 5}


def main() -> None:
    options = _options()
    peer = (options.cc_net, options.lid, options.lm, options.cutoffs)
    if options.what == "steps":
        _print_steps(ccnet_steps.steps(options.input, CcNet(*peer), peer[1:]), options.rounds)
        return
    models = {"lid": options.lid, "lm": options.lm, "cutoffs": options.cutoffs}
    ours, theirs = options.work / "ours", options.work / "theirs"
    seconds = ccnet_whole.ours(options.input, models, ours, options.set)
    size = ccnet_whole.text_bytes(ours) / 1e6
    print(f"altiplano build: {seconds:.1f} s, {size:.0f} MB of text, {size / seconds:.1f} MB/s")
    if options.what == "build":
        return
    against = ccnet_whole.theirs(options.input, peer, theirs)
    print(f"two cc_net processes: {against:.1f} s, {size / against:.1f} MB/s")
    print(f"ratio {against / seconds:.2f}")
    documents, told = ccnet_whole.differences(ours, theirs, CcNet(*peer))
    print(f"{documents} documents of cc_net, {len(told)} differences")
    for line in told[:20]:
        print(" ", line)


def _print_steps(steps: list["ccnet_steps.Step"], rounds: int) -> None:
    table = Table("step", "MB", "altiplano MB/s", "cc_net MB/s", "ratio", "goal")
    left = 0.0
    for step in steps:
        best = {"ours": float("inf"), "theirs": float("inf")}
        for _ in range(rounds):
            best["ours"] = min(best["ours"], _seconds(step.ours))
            best["theirs"] = min(best["theirs"], _seconds(step.theirs))
        size = step.text_bytes / 1e6
        table.add_row(
            step.name,
            f"{size:.1f}",
            f"{size / best['ours']:.1f}",
            f"{size / best['theirs']:.1f}",
            f"{best['theirs'] / best['ours']:.1f}",
            f">= {GOALS[step.name]}",
        )
        left = max(left, best["ours"]) if step.name != "all" else left
    Console().print(table)
    whole = steps[-1].text_bytes / 1e6
    Console().print(f"limit: were every step but the slowest free, {whole / left:.1f} MB/s in all")


def _seconds(work: Callable[[], Callable[[], object]]) -> float:
    timed = work()  # what a step needs to be given is made before the clock starts
    start = time.perf_counter()
    timed()
    return time.perf_counter() - start


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=["steps", "whole", "build"])
    parser.add_argument("--cc-net", type=Path, required=True, help="a checkout of cc_net")
    parser.add_argument("--input", type=Path, required=True, help="a folder of *.wet.gz")
    parser.add_argument("--lid", type=Path, required=True, help="lid.176.ftz or .bin")
    parser.add_argument("--lm", type=Path, required=True, help="a folder of language models")
    parser.add_argument("--cutoffs", type=Path, required=True, help="cc_net's cutoff.csv")
    parser.add_argument("--work", type=Path, default=Path("runs/bench-ccnet"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    return parser.parse_args()


if __name__ == "__main__":
    main()
