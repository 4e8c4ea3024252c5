"""Books beside gutenbergpy's strip_headers (that of c-w/Gutenberg), which gives the text alone.

Both get the bytes of each file and give its text; ours reads the header's facts too. PEERS needs
gutenbergpy and chardet (`pip install --no-deps --target PEERS gutenbergpy chardet`).
"""

import tarfile
import tempfile
from pathlib import Path

from corpus.counts import Counts
from corpus.sources.books import BooksConfig, read
from corpus.storage import InputFile
from jobs.bench.cases import Case


def case(data: Path, peers: Path) -> Case:
    from gutenbergpy.textget import strip_headers

    folder = Path(tempfile.mkdtemp(prefix="altiplano-bench-"))
    with tarfile.open(data / "books/gutenberg-dev.tar.xz") as packed:
        packed.extractall(folder, filter="data")
    paths = sorted(folder.rglob("*.txt"))
    files = [InputFile(str(path), path.name, path.stat().st_size) for path in paths]

    def ours() -> int:
        batches = (batch for file in files for batch in read(file, "b", BooksConfig(), Counts()))
        return sum(batch.num_rows for batch in batches)

    def theirs() -> list[str]:
        return [strip_headers(path.read_bytes()).decode("utf-8-sig", "replace") for path in paths]

    assert ours() == len(files), "each file is a book"
    return Case("gutenbergpy", sum(file.size for file in files), len(files), ours, theirs)
