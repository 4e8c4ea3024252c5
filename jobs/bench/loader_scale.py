"""The loader at the paper's scale: 1.4T tokens drawn from seven sources in 50,000 shards.

    python -m jobs.bench.loader_scale [every-sample]

The sources are as large as LLaMA's shares and epochs imply (arXiv:2302.13971, table 1). Batches are
located at random steps from a manifest alone; then they are read, from 50,000 shards that are links
to one file a size, so all is mapped as in a run while the disk holds 400 MB. With `every-sample`
all 684 million samples of the run are located and counted, which takes some minutes and 620 MB.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from corpus.kernels.sample_order import permuted
from tokenizer.shards import write_shard
from train.data import Loader, rank_rows

# Source: weight, tokens (billions), epochs over 1.4T as the paper prints them.
PAPER = {
    "arxiv": (2.5, 33.0, 1.06),
    "books": (4.5, 28.3, 2.23),
    "c4": (15.0, 198.0, 1.06),
    "code": (4.5, 98.4, 0.64),
    "qa": (2.0, 27.2, 1.03),
    "web": (67.0, 853.0, 1.10),
    "wikipedia": (4.5, 25.7, 2.45),
}
TOKENS, SEQ, BATCH, RANKS, SHARDS = 1_400_000_000_000, 2048, 2048, 256, 50_000
STEPS = round(TOKENS / (SEQ * BATCH))
WEIGHTS = {source: weight for source, (weight, _, _) in PAPER.items()}


def main() -> None:
    every_sample = sys.argv[1:] == ["every-sample"]
    with tempfile.TemporaryDirectory() as folder:
        write_manifest(Path(folder))
        baseline = psutil.Process().memory_info().rss / 2**20
        start = time.perf_counter()
        loader = Loader(f"{folder}/manifest.json", WEIGHTS, SEQ, BATCH, seed=1)
        loader.locate(0)
        seconds = time.perf_counter() - start
        now = psutil.Process().memory_info().rss / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(f"start-up {seconds:.2f} s, with the first batch located")
        print(
            f"memory   {baseline:.0f} MB after imports, +{now - baseline:.0f} MB for the loader, "
            f"+{max(peak, now) - baseline:.0f} MB at its highest"
        )
        locating(loader)
        epochs(loader)
        if every_sample:
            count_every_sample(loader)
        link_shards(Path(folder))
        reading(loader)


def shard_sizes() -> Iterable[tuple[str, int, int]]:
    """Source, number and tokens of each shard; those of a source are of one size, give or take."""
    total = sum(tokens for _, tokens, _ in PAPER.values())
    counts = {source: round(SHARDS * tokens / total) for source, (_, tokens, _) in PAPER.items()}
    counts["web"] += SHARDS - sum(counts.values())
    for source, (_, billions, _) in PAPER.items():
        tokens, count = round(billions * 1e9), counts[source]
        for number in range(count):
            yield source, number, tokens * (number + 1) // count - tokens * number // count


def write_manifest(folder: Path) -> None:
    files = []
    for source, number, tokens in shard_sizes():
        facts = {"source": source, "split": "train", "tokens": tokens, "tokenizer": "0" * 64}
        entry = {"name": f"{source}-train-{number:05d}.arrow", "bytes": 2 * tokens, "rows": 1}
        files.append({**entry, "sha256": f"{number:064x}", "facts": facts})
    manifest = {"version": 1, "stage": "shards", "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def link_shards(folder: Path) -> None:
    made: dict[int, Path] = {}
    for source, number, tokens in shard_sizes():
        if tokens not in made:
            made[tokens] = folder / f"{tokens}.arrow"
            stream = np.zeros(tokens, dtype=np.uint16)
            offsets = np.array([0, tokens])
            write_shard(str(made[tokens]), np.arange(1), stream, offsets, "0" * 64, 32_000)
        os.symlink(made[tokens], folder / f"{source}-train-{number:05d}.arrow")


def locating(loader: Loader) -> None:
    steps = np.random.default_rng(0).integers(0, 350_000, 300).tolist()
    for rows, name in (
        (slice(None), "all rows"),
        (rank_rows(BATCH, 7, RANKS), f"1 of {RANKS} ranks"),
    ):
        times = []
        for step in steps:
            start = time.perf_counter()
            loader.locate(step, rows)
            times.append(1e6 * (time.perf_counter() - start))
        print(
            f"locate   a batch at random steps below 350,000, {name}: "
            f"median {np.median(times):.0f} us, 99th percentile {np.percentile(times, 99):.0f} us"
        )


def epochs(loader: Loader) -> None:
    found, taken = loader.epochs(STEPS), loader.realised(STEPS)
    shown = Table(box=None, pad_edge=False)
    for header in ("source", "tokens", "share", "realised", "paper's epochs", "plan", "loader"):
        shown.add_column(header, justify="left" if header == "source" else "right")
    for source, (weight, billions, paper) in PAPER.items():
        share = weight / sum(WEIGHTS.values())
        plan = share * STEPS * BATCH * SEQ / (billions * 1e9)
        realised = taken[source] / (STEPS * BATCH * SEQ)
        cells = [f"{billions:g}B", f"{share:.3%}", f"{realised:.7%}"]
        cells += [f"{paper:.2f}", f"{plan:.5f}", f"{found[source]:.5f}"]
        shown.add_row(source, *cells)
    print(f"{STEPS:,} steps of {BATCH:,} samples of {SEQ:,} tokens:")
    Console(width=100).print(shown)


def count_every_sample(loader: Loader) -> None:
    """Checks, window by window, that the whole run visits each as often as its epochs say."""
    start = time.perf_counter()
    sizes = loader._sizes
    visits = [np.zeros(size, dtype=np.uint8) for size in sizes.tolist()]
    total, chunk = STEPS * BATCH, 1 << 20
    for first in range(0, total, chunk):
        samples = np.arange(first, min(first + chunk, total), dtype=np.int64)
        sources, numbers = loader._order.locate(samples)
        windows = permuted(sources, numbers, sizes, loader._keys)
        for source, seen in enumerate(visits):
            # A chunk is less than an epoch, but may lie across the end of one.
            np.add.at(seen, windows[sources == source], 1)
    for name, seen in zip(loader.sources, visits, strict=True):
        whole = int(loader.epochs(STEPS)[name])
        assert {int(seen.min()), int(seen.max())} <= {whole, whole + 1}, name
        assert int(seen.sum()) == loader.realised(STEPS)[name] // SEQ, name
    seconds = time.perf_counter() - start
    print(f"every sample of the run located in {seconds:.0f} s: each window of a source is visited")
    print("as often as any other or once more, and the visits add up to its epochs exactly")


def reading(loader: Loader) -> None:
    rows = rank_rows(BATCH, 7, RANKS)
    before, start = own_memory(), time.perf_counter()
    steps = 4 * SHARDS // (BATCH // RANKS)
    for step in range(steps):
        loader.batch(step, rows)
    seconds = time.perf_counter() - start
    mapped = len(loader._stream._mapped)
    print(
        f"read     {steps:,} steps of one rank, {mapped:,} of {SHARDS:,} shards met and mapped: "
        f"{1e6 * seconds / steps:.0f} us a step, +{own_memory() - before:.0f} MB"
    )
    start = time.perf_counter()
    for step in range(steps, 2 * steps):
        loader.batch(step, rows)
    print(f"read     as many more: {1e6 * (time.perf_counter() - start) / steps:.0f} us a step")


def own_memory() -> float:
    """Memory of this process that no file backs, in MB."""
    found = psutil.Process().memory_info()
    return (found.rss - found.shared) / 2**20


if __name__ == "__main__":
    main()
