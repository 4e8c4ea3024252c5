"""The parts of CCNet one by one, ours and cc_net's on the same texts, and all of them together.

A step's two sides are functions that make ready and give the function to time. Both get the texts
as they would find them in memory, but for `parse` and `all`, which read the files; `all` also
writes its documents, each side as it does.
"""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus.annotate.language import LanguageIdentifier
from corpus.annotate.perplexity import PerplexityModels
from corpus.counts import Counts
from corpus.dedup.lines import SeenLines, remove_lines, shard_hashes
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile
from jobs.bench.cc_net_peer import CcNet, copies
from jobs.bench.ccnet_one_core import all_of_ccnet

Work = Callable[[], Callable[[], object]]


@dataclass(frozen=True)
class Step:
    """`text_bytes` is the UTF-8 text that both sides are given."""

    name: str
    text_bytes: int
    ours: Work
    theirs: Work


def steps(folder: Path, peer: CcNet, places: tuple[Path, Path, Path]) -> list[Step]:
    """`places` are the language-ID model, the folder of language models and the cutoffs."""
    lid, lm, _ = places
    peer.prepare()
    files = sorted(folder.glob("*.wet.gz"))
    batches = [batch for file in files for batch in _parse(file)]
    documents = list(peer.parse(files))
    parsed = _bytes(batches)
    seen = _seen(batches)
    hashes = peer.collect_hashes(documents)
    deduped = [remove_lines(batch, seen, Counts()) for batch in batches]
    remove = peer.remover(hashes)
    left = [found for document in copies(documents) if (found := remove(document))]
    identifier, models = LanguageIdentifier(str(lid)), PerplexityModels(str(lm))
    judged = [identifier.annotate(batch.column("text"))[0] for batch in deduped]
    spoken = [_of(models.languages, b, names) for b, names in zip(deduped, judged, strict=True)]
    theirs_spoken = [peer.classifier.do(document) or {} for document in copies(left)]
    theirs_spoken = [d for d in theirs_spoken if d.get("language") in models.languages]
    return [
        Step(
            "parse",
            parsed,
            lambda: lambda: [_parse(file) for file in files],
            lambda: lambda: list(peer.parse(files)),
        ),
        Step(
            "hash",
            parsed,
            lambda: lambda: shard_hashes(batches),
            lambda: lambda: peer.collect_hashes(documents),
        ),
        Step(
            "remove",
            parsed,
            lambda: lambda: [remove_lines(batch, seen, Counts()) for batch in batches],
            lambda: _each(peer.remover(hashes), documents),
        ),
        Step(
            "language ID",
            _bytes(deduped),
            lambda: lambda: [identifier.annotate(batch.column("text")) for batch in deduped],
            lambda: _each(peer.classifier.do, left),
        ),
        Step(
            "language model",
            sum(_bytes([batch]) for batch, _ in spoken),
            lambda: lambda: [models.annotate(b.column("text"), names) for b, names in spoken],
            lambda: _each(lambda d: peer.language_model.do(peer.pieces.do(d)), theirs_spoken),
        ),
        Step(
            "all",
            parsed,
            lambda: _in_folder(lambda out: all_of_ccnet(files, *places, out)),
            lambda: _in_folder(lambda out: _all_theirs(peer, files, out)),
        ),
    ]


def _parse(file: Path) -> list[pa.RecordBatch]:
    source = InputFile(str(file), file.name, file.stat().st_size)
    return list(read(source, "web", WetConfig(), Counts()))


def _seen(batches: list[pa.RecordBatch]) -> SeenLines:
    """All batches as one shard: what it has twice."""
    lines = shard_hashes(batches)
    return SeenLines(lines.hashes[lines.again])


def _of(
    languages: tuple[str, ...], batch: pa.RecordBatch, names: pa.Array
) -> tuple[pa.RecordBatch, pa.Array]:
    mask = pc.is_in(names, value_set=pa.array(languages))
    return batch.filter(mask), names.filter(mask)


def _bytes(batches: list[pa.RecordBatch]) -> int:
    lengths = [pc.binary_length(batch.column("text")).to_numpy() for batch in batches]
    return int(np.concatenate(lengths).sum())


def _each(work: Callable[[dict], object], documents: list[dict]) -> Callable[[], object]:
    mine = copies(documents)
    return lambda: [work(document) for document in mine]


def _in_folder(work: Callable[[Path], object]) -> Callable[[], object]:
    place = Path(tempfile.mkdtemp(prefix="bench-ccnet-"))

    def timed() -> None:
        work(place)
        shutil.rmtree(place)

    return timed


def _all_theirs(peer: CcNet, files: list[Path], output: Path) -> None:
    hash_files = [output / f"{file.name}.bin" for file in files]
    for file, hash_file in zip(files, hash_files, strict=True):
        peer.dump_hashes(file, hash_file)
    peer.mine(files, hash_files, output / "mined")
