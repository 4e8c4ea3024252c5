"""All of CCNet on two cores: `altiplano build`, Spark's start included, against two cc_net
processes on the same files, and whether both give the same documents, field for field.
"""

import hashlib
import multiprocessing
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from jobs.bench.cc_net_peer import FIELD, CcNet

ROOT = Path(__file__).parents[2]
SAME = ("digest", "line_ids", "language", "language_score", "perplexity", "bucket")


def ours(inputs: Path, models: dict[str, Path], output: Path, overrides: list[str]) -> float:
    """Seconds of one `altiplano build` from nothing, with whatever it starts and stops."""
    shutil.rmtree(output, ignore_errors=True)
    places = {
        "corpus.sources.web.input": inputs,
        "corpus.sources.web.buckets.table": models["cutoffs"],
        "corpus.models.lid": models["lid"],
        "corpus.models.lm": models["lm"],
        "output": output,
        "spark.master": "local[2]",
    }
    command = [sys.executable, "-m", "jobs.cli", "build", str(ROOT / "jobs/configs/ccnet.yaml")]
    for key, value in places.items():
        command += ["--set", f"{key}={value}"]
    for override in overrides:
        command += ["--set", override]
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, check=True)
    return time.perf_counter() - start


def theirs(inputs: Path, peer: tuple, output: Path, processes: int = 2) -> float:
    """Seconds of cc_net's two steps, hashes and mine, each shared by two processes."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    files = sorted(inputs.glob("*.wet.gz"))
    hash_files = [output / f"{file.name}.bin" for file in files]
    start = time.perf_counter()
    _together(
        _hash,
        [(peer, files[part::processes], hash_files[part::processes]) for part in range(processes)],
    )
    _together(
        _mine,
        [
            (peer, files[part::processes], hash_files, output / f"mined-{part}")
            for part in range(processes)
        ],
    )
    return time.perf_counter() - start


def differences(ours_at: Path, theirs_at: Path, peer: CcNet) -> tuple[int, list[str]]:
    """How many documents cc_net gives, and a line for each that is not the same in both."""
    expected = {row["url"]: row for row in peer.read(theirs_at)}
    found = {row["url"]: row for row in _documents(ours_at)}
    told = [f"{url}: not in ours" for url in expected.keys() - found.keys()]
    told += [f"{url}: not in cc_net's" for url in found.keys() - expected.keys()]
    for url in expected.keys() & found.keys():
        theirs_row = {**{k: expected[url].get(k) for k in SAME}, "text": expected[url][FIELD]}
        for name, value in theirs_row.items():
            if found[url][name] != value:
                told.append(f"{url}: {name} {str(found[url][name])[:60]!r} != {str(value)[:60]!r}")
    return len(expected), sorted(told)


def text_bytes(run: Path) -> int:
    """UTF-8 bytes of the texts that a run parsed."""
    return sum(
        len(text.as_py().encode())
        for file in sorted((run / "extracted/web").glob("*.parquet"))
        for batch in pq.ParquetFile(file).iter_batches(1024, columns=["text"])
        for text in batch.column(0)
    )


def digest(run: Path) -> str:
    """One hash of all documents' files, to compare two runs."""
    whole = hashlib.sha256()
    for file in sorted((run / "documents").glob("*.parquet")):
        whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


def _documents(run: Path) -> Iterator[dict]:
    columns = ["url", "text", *SAME]
    for file in sorted((run / "documents").glob("*.parquet")):
        yield from pq.read_table(file, columns=columns).to_pylist()


def _together(work, arguments: list[tuple]) -> None:
    started = [multiprocessing.Process(target=work, args=each) for each in arguments]
    for process in started:
        process.start()
    for process in started:
        process.join()
    if any(process.exitcode for process in started):
        raise SystemExit("a cc_net process failed; its messages are above")


def _hash(peer: tuple, files: list[Path], hash_files: list[Path]) -> None:
    steps = CcNet(*peer)
    for file, hash_file in zip(files, hash_files, strict=True):
        steps.dump_hashes(file, hash_file)


def _mine(peer: tuple, files: list[Path], hash_files: list[Path], output: Path) -> None:
    CcNet(*peer).mine(files, hash_files, output)
