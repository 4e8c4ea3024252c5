"""Books beside gutenbergpy's strip_headers (that of c-w/Gutenberg), which gives the text alone.

Both get the bytes of each file and give its text; ours reads the header's facts too. PEERS needs
gutenbergpy and chardet (`pip install --no-deps --target PEERS gutenbergpy chardet`).
"""

import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from corpus.counts import Counts
from corpus.sources.books import BooksConfig, read
from corpus.storage import InputFile
from jobs.bench.cases import Case


def case(data: Path, peers: Path) -> Case:
    from gutenbergpy.textget import strip_headers

    folder = TemporaryDirectory(prefix="altiplano-bench-")
    with tarfile.open(data / "books/gutenberg-dev.tar.xz") as packed:
        packed.extractall(folder.name, filter="data")
    paths = sorted(Path(folder.name).rglob("*.txt"))
    files = [InputFile(str(path), path.name, path.stat().st_size) for path in paths]

    def ours() -> int:
        batches = (batch for file in files for batch in read(file, "b", BooksConfig(), Counts()))
        return sum(batch.num_rows for batch in batches)

    def theirs() -> list[str]:
        return [strip_headers(path.read_bytes()).decode("utf-8-sig", "replace") for path in paths]

    assert ours() == len(files), "each file is a book"
    size = sum(file.size for file in files)
    return Case("gutenbergpy", size, len(files), ours, theirs, folder)
