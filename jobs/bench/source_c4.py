"""C4's release read and cleaned by its rules, beside datatrove doing both: JsonlReader's way of
reading and its C4QualityFilter, with NLTK's sentences.

PEERS needs datatrove, nltk and orjson, and NLTK's data in PEERS/nltk_data (tokenizers/punkt_tab).
"""

import gzip
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from corpus.c4.pages import clean_batch
from corpus.c4.rules import PRESETS
from corpus.counts import Counts
from corpus.sources.c4 import C4Config, read
from corpus.storage import InputFile
from jobs.bench.cases import Case

_TIMES = 4


def case(data: Path, peers: Path) -> Case:
    import nltk
    from datatrove.data import Document
    from datatrove.pipeline.filters import C4QualityFilter

    nltk.data.path.insert(0, str(peers / "nltk_data"))
    rows = (data / "c4/c4_sample/c4_sample.first500.jsonl").read_bytes() * _TIMES
    folder = TemporaryDirectory(prefix="altiplano-bench-")
    path = Path(folder.name) / "c4.json.gz"
    path.write_bytes(gzip.compress(rows))
    file = InputFile(str(path), path.name, path.stat().st_size)

    def ours() -> int:
        kept = 0
        for batch in read(file, "c4", C4Config(), Counts()):
            pages = clean_batch(batch.column("text"), PRESETS["tfds"], Counter())
            kept += pages.verdicts.to_pylist().count("kept")
        return kept

    rules = C4QualityFilter(min_num_sentences=3)

    def theirs() -> int:
        kept = 0
        with gzip.open(path) as lines:
            for number, line in enumerate(lines):
                row = json.loads(line)
                document = Document(row["text"], str(number), metadata={"url": row["url"]})
                kept += rules.filter(document) is True
        return kept

    print(f"c4: kept by ours {ours():,}, by datatrove {theirs():,}")
    return Case("datatrove, gzip + json", len(rows), 500 * _TIMES, ours, theirs, folder)
