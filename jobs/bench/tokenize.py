"""The compiled encoder beside SentencePiece and Hugging Face's fast tokenizer on the same text.

    python -m jobs.bench.tokenize DATA [--rounds 3]

DATA is `../shared/data`. A tokenizer of 32,000 pieces with LLaMA's settings is trained on every
other document of each kind; all three encode the rest, on one core, in turn in one process; the
least CPU seconds of the rounds count. Ours begins each round with nothing remembered and gets
Arrow strings, the peers get lists of Python strings. Ids are compared after the rounds.
"""

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import sentencepiece
from rich.console import Console
from rich.table import Table
from tokenizers import Tokenizer

from corpus.counts import Counts
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile
from tokenizer.encode import Encoder
from tokenizer.train import TokenizerConfig, train
from train.tokenizer_json import tokenizer_json

PIECES = 32_000
KIND_BYTES = 8_000_000  # of each kind, at most
_COMPILE = """
import sys, time
import pyarrow as pa
from tokenizer.encode import Encoder
encoder = Encoder(sys.argv[1])
start = time.perf_counter(), time.process_time()
encoder.encode_batch(pa.array(["a b"]))
print(time.perf_counter() - start[0], time.process_time() - start[1])
"""


def main() -> None:
    options = _options()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    kinds = {name: list(_limited(texts)) for name, texts in _kinds(options.data).items()}
    with tempfile.TemporaryDirectory(prefix="altiplano-bench-") as folder:
        model = str(Path(folder) / "tokenizer.model")
        learnt = [text for texts in kinds.values() for text in texts[::2]]
        train(learnt, TokenizerConfig(PIECES), model)
        _first_use(model, Path(folder), learnt)
        table = Table(
            "text", "MB", "B/token", "ours MB/s", "M tokens/s", "SentencePiece", "HF", "ids"
        )
        totals = np.zeros(5)
        for name, texts in kinds.items():
            totals += _measure(name, texts[1::2], model, options.rounds, table)
        _row(table, "all", totals, "")
        Console(width=120).print(table)


def _measure(name: str, texts: list[str], model: str, rounds: int, table: Table) -> np.ndarray:
    """Adds a kind's row; gives its bytes and tokens, and the seconds of ours, and of the peers."""
    array = pa.array(texts, pa.large_string())
    library = sentencepiece.SentencePieceProcessor(model_file=model)
    fast = Tokenizer.from_str(json.dumps(tokenizer_json(model)))
    best = np.full(3, np.inf)
    for _ in range(rounds):
        encoder = Encoder(model)
        tokens, offsets = _timed(best, 0, lambda: encoder.encode_batch(array))  # noqa: B023
        plain = _timed(
            best,
            1,
            lambda: library.encode_as_numpy(texts, add_bos=True, add_eos=True, num_threads=1),
        )
        encodings = _timed(best, 2, lambda: fast.encode_batch(texts))
    same = np.array_equal(tokens, np.concatenate(plain))
    end = [library.eos_id()]
    others = sum(
        tokens[start:stop].tolist() != encoding.ids + end
        for encoding, start, stop in zip(encodings, offsets[:-1], offsets[1:], strict=True)
    )
    size = sum(len(text.encode()) for text in texts)
    row = np.array([size, len(tokens), *best])
    said = "equal" if same else "DIFFER from SentencePiece's"
    _row(table, name, row, said + (f"; HF differs in {others} texts" if others else ""))
    return row


def _timed(best: np.ndarray, place: int, work: Any) -> Any:
    start = time.process_time()
    made = work()
    best[place] = min(best[place], time.process_time() - start)
    return made


def _row(table: Table, name: str, row: np.ndarray, said: str) -> None:
    size, tokens, ours, plain, fast = row
    table.add_row(
        name,
        f"{size / 1e6:.1f}",
        f"{size / tokens:.2f}",
        f"{size / ours / 1e6:.1f}",
        f"{tokens / ours / 1e6:.1f}",
        f"{size / plain / 1e6:.2f} (x {plain / ours:.1f})",
        f"{size / fast / 1e6:.2f} (x {fast / ours:.1f})",
        said,
    )


def _first_use(model: str, folder: Path, texts: list[str]) -> None:
    """Prints what the first text costs on a machine where nothing is compiled, and what is held."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "compiled")}
    command = [sys.executable, "-c", _COMPILE, model]
    for state in ("nothing compiled", "compiled before"):
        wall, cpu = subprocess.check_output(command, env=environment, text=True).split()
        print(f"first text, {state}: {float(cpu):.1f} CPU s ({float(wall):.1f} s)")
    held, start = psutil.Process().memory_info().rss, time.process_time()
    encoder = Encoder(model)
    seconds = time.process_time() - start
    for text in texts:
        encoder.encode_batch(pa.array([text]))
    grown = (psutil.Process().memory_info().rss - held) / 1e6
    size = sum(map(len, texts)) / 1e6
    print(
        f"an Encoder: {seconds:.2f} CPU s to make; {grown:.0f} MB held after {size:.0f} MB of text"
    )


def _kinds(data: Path) -> dict[str, Iterator[str]]:
    stdlib = Path(sysconfig.get_paths()["stdlib"])
    return {
        "English (C4)": _json_texts(data / "c4/c4_sample/c4_sample.first500.jsonl"),
        "web, all languages": _wet_texts(data / "crawl/wet/crawl-00001.warc.wet.gz"),
        "books": _tar_texts(data / "books/gutenberg-dev.tar.xz"),
        "LaTeX": _files(data / "arxiv", "*.tex"),
        "Python": _files(stdlib, "*.py"),
        "388 languages": _zip_texts(data / "multilingual/nltk_data/udhr2.zip"),
    }


def _limited(texts: Iterator[str]) -> Iterator[str]:
    size = 0
    for text in texts:
        size += len(text.encode())
        if size > KIND_BYTES:
            return
        yield text


def _json_texts(path: Path) -> Iterator[str]:
    with path.open() as lines:
        yield from (json.loads(line)["text"] for line in lines)


def _wet_texts(path: Path) -> Iterator[str]:
    file = InputFile(str(path), path.name, path.stat().st_size)
    for batch in read(file, "web", WetConfig(), Counts()):
        yield from batch.column("text").to_pylist()


def _files(folder: Path, pattern: str) -> Iterator[str]:
    """The different texts of a folder's files."""
    yield from {path.read_text("utf-8", "replace"): 1 for path in sorted(folder.rglob(pattern))}


def _zip_texts(path: Path) -> Iterator[str]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".txt"):
                yield archive.read(name).decode("utf-8", "replace")


def _tar_texts(path: Path) -> Iterator[str]:
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".txt") else None
            if content:
                yield content.read().decode("utf-8", "replace")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, help="the folder of real input")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
