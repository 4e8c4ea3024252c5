"""Overlapping books beside datasketch's MinHashLSHEnsemble, made for containment.

Both get texts and name those of which another holds 90 %: ours measured on all shingles, theirs
by the sketches of 128 permutations. Nothing to put into PEERS: datasketch is installed.
"""

import re
from pathlib import Path

import pyarrow as pa

from corpus.counts import Counts
from corpus.dedup import overlap
from corpus.dedup.overlap import OverlapConfig
from corpus.dedup.shingles import shingle_set
from corpus.kernels.shingles import count_common
from corpus.sources.books import BooksConfig, read
from corpus.storage import InputFile
from jobs.bench.cases import Case

_NAMES = re.compile(r"(161|1342|Pride\w+|829-0|35-0|1952-0|Candide)\.txt$")
_WORDS = re.compile(r"[^\W_]+")
_CONFIG = OverlapConfig(enabled=True)


def case(data: Path, peers: Path) -> Case:
    path = data / "books/gutenberg-dev.tar.xz"
    file = InputFile(str(path), path.name, path.stat().st_size)
    table = pa.Table.from_batches(read(file, "books", BooksConfig(), Counts()))
    chosen = [bool(_NAMES.search(origin)) for origin in table["origin"].to_pylist()]
    (batch,) = table.filter(pa.array(chosen)).combine_chunks().to_batches()
    texts = batch.column("text").to_pylist()

    def ours() -> int:
        rows = [rows for _, rows in overlap.send(iter([batch]), _CONFIG, 0, 0)]
        pairs = overlap.candidates(overlap.meet(rows), _CONFIG).copy()
        for pair in pairs:
            places = (int(pair["short"]), int(pair["long"]))
            sets = [shingle_set(batch.column("text")[place], 5) for place in places]
            pair["shared"] = count_common(*sets)
        found = overlap.resolve(pairs, _CONFIG).get(0, [])
        return sum(share > _CONFIG.max_containment for _, share, _ in found)

    assert ours() == 2, "two books are there in two editions"
    size = sum(len(text.encode()) for text in texts)
    return Case("datasketch 2.0", size, len(texts), ours, lambda: _sketched(texts))


def _sketched(texts: list[str]) -> list[list[int]]:
    from datasketch import MinHash, MinHashLSHEnsemble

    index = MinHashLSHEnsemble(threshold=_CONFIG.max_containment, num_perm=128, num_part=4)
    sketches = []
    for number, text in enumerate(texts):
        words = _WORDS.findall(text.lower())
        shingles = {" ".join(words[at : at + 5]).encode() for at in range(len(words) - 4)}
        sketch = MinHash(num_perm=128)
        sketch.update_batch(list(shingles))
        sketches.append((number, sketch, len(shingles)))
    index.index(sketches)
    return [list(index.query(sketch, size)) for _, sketch, size in sketches]
