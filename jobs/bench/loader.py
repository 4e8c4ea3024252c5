"""How fast the loader makes training samples, beside bare slices and megatron-core's GPTDataset.

    python -m jobs.bench.loader [TOKENS]

All three read the same tokens (64 million by default) from the page cache in one process, as int64
tensors of 2,049 in batches of 64; each figure is the median of nine rounds that take turns, so a
busy machine slows all alike. Megatron's index is timed once more for 64 epochs, as it grows with
what is trained on and the loader has none. Needs five times the tokens' bytes of temporary disk.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import torch
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from megatron.core.datasets.indexed_dataset import IndexedDataset, IndexedDatasetBuilder
from megatron.core.datasets.utils import Split

from tokenizer.shards import open_shard, write_shard
from train.data import Loader

SEQ, BATCH, STEPS, ROUNDS, EPOCHS = 2048, 64, 100, 9, 64
VOCAB, DOCUMENT, SHARDS = 32_000, 1_000, 8  # tokens a document


def main() -> None:
    tokens = int(sys.argv[1]) if len(sys.argv) > 1 else 64_000_000
    with tempfile.TemporaryDirectory() as folder:
        manifest, prefix = write_tokens(Path(folder), tokens)
        contenders: dict[str, Callable[[int], object]] = {}
        altiplano(manifest)(0)  # loads the kernels
        for name, build in (
            ("altiplano Loader", lambda: altiplano(manifest)),
            ("bare slices", lambda: bare(manifest)),
            ("megatron GPTDataset", lambda: megatron(prefix, Path(folder) / "one")),
        ):
            before, start = memory(), time.perf_counter()
            contenders[name] = build()
            seconds = time.perf_counter() - start
            print(f"{name:20} start-up {seconds:6.3f} s, +{memory() - before:4.0f} MB", flush=True)
        report(contenders)
        index(prefix, tokens, Path(folder) / "index")


def write_tokens(folder: Path, tokens: int) -> tuple[str, str]:
    """The same stream as shards with a manifest and as Megatron's .bin and .idx."""
    rng = np.random.default_rng(0)
    size = tokens // SHARDS // DOCUMENT * DOCUMENT
    offsets = np.arange(0, size + 1, DOCUMENT)
    builder = IndexedDatasetBuilder(str(folder / "all.bin"), dtype=np.uint16)
    files = []
    for number in range(SHARDS):
        stream = rng.integers(3, VOCAB, size).astype(np.uint16)
        path = folder / f"web-train-{number:05d}.arrow"
        doc_ids = np.arange(len(offsets) - 1)
        write_shard(str(path), doc_ids, stream, offsets, "0" * 64, VOCAB)
        facts = {"source": "web", "split": "train", "tokens": size}
        entry = {"name": path.name, "bytes": path.stat().st_size, "rows": len(doc_ids)}
        files.append({**entry, "sha256": "0" * 64, "facts": facts})
        builder.data_file.write(stream.tobytes())
        builder.sequence_lengths.extend([DOCUMENT] * len(doc_ids))
    builder.document_indices = list(range(len(builder.sequence_lengths) + 1))
    builder.finalize(str(folder / "all.idx"))
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"version": 1, "stage": "shards", "files": files}))
    return str(manifest), str(folder / "all")


def altiplano(manifest: str) -> Callable[[int], object]:
    loader = Loader(manifest, {"web": 1.0}, SEQ, BATCH, seed=0)
    return lambda step: torch.from_numpy(loader.batch(step))


def bare(manifest: str) -> Callable[[int], object]:
    """Random windows that never leave a shard, sliced with nothing else to do."""
    paths = sorted(Path(manifest).parent.glob("*.arrow"))
    streams = [open_shard(str(path)).tokens for path in paths]
    rng = np.random.default_rng(1)
    shards = rng.integers(0, SHARDS, (STEPS, BATCH)).tolist()
    starts = rng.integers(0, len(streams[0]) - SEQ, (STEPS, BATCH)).tolist()

    def batch(step: int) -> torch.Tensor:
        out = np.empty((BATCH, SEQ + 1), dtype=np.int64)
        places = zip(out, shards[step % STEPS], starts[step % STEPS], strict=True)
        for row, shard, start in places:
            row[:] = streams[shard][start : start + SEQ + 1]
        return torch.from_numpy(out)

    return batch


def megatron(prefix: str, cache: Path) -> Callable[[int], object]:
    """One epoch; what its __getitem__ gives, tensors of tokens, labels and masks, uncollated."""
    dataset = gpt_dataset(prefix, cache, None)

    def batch(step: int) -> list[object]:
        return [dataset[i % len(dataset)] for i in range(step * BATCH, (step + 1) * BATCH)]

    return batch


def gpt_dataset(prefix: str, cache: Path, samples: int | None) -> GPTDataset:
    config = GPTDatasetConfig(
        random_seed=0,
        sequence_length=SEQ,
        split="1,0,0",
        path_to_cache=str(cache),
        tokenizer=SimpleNamespace(vocab_size=VOCAB, eod=2, pad=0, unique_identifiers={}),
        reset_position_ids=False,
        reset_attention_mask=False,
        eod_mask_loss=False,
        create_attention_mask=False,
    )
    indexed = IndexedDataset(prefix, mmap=True)
    documents = np.arange(len(indexed.document_indices) - 1, dtype=np.int32)
    return GPTDataset(indexed, prefix, documents, samples, Split.train, config)


def index(prefix: str, tokens: int, cache: Path) -> None:
    """What Megatron builds, keeps on disk and maps before its first batch."""
    start = time.perf_counter()
    samples = len(gpt_dataset(prefix, cache, EPOCHS * tokens // SEQ))
    seconds = time.perf_counter() - start
    size = sum(path.stat().st_size for path in cache.iterdir())
    print(
        f"megatron's index of {samples * SEQ / 1e9:.1f}B tokens: {seconds:.2f} s, "
        f"{size / samples:.0f} bytes a sample; the loader has none"
    )


def report(contenders: dict[str, Callable[[int], object]]) -> None:
    speeds: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(ROUNDS + 1):  # the first brings the files into the page cache
        for name, batch in contenders.items():
            steps = STEPS if name != "megatron GPTDataset" else STEPS // 5
            start = time.perf_counter()
            for step in range(turn * steps, (turn + 1) * steps):
                batch(step)
            if turn:
                seconds = time.perf_counter() - start
                speeds[name].append(steps * BATCH * (SEQ + 1) / seconds / 1e6)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    for name, speed in medians.items():
        ratio = medians["altiplano Loader"] / speed
        print(f"{name:20} {speed:7.1f} M tokens/s; altiplano is {ratio:.2f} times that")


def memory() -> float:
    """What this process holds now, in MB."""
    return psutil.Process().memory_info().rss / 1e6


if __name__ == "__main__":
    main()
