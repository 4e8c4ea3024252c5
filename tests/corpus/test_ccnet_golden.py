"""What the public cc_net code makes of a real crawl, matched document by document."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from corpus.annotate.cutoffs import read_cutoff_table
from corpus.annotate.language import LanguageIdentifier
from corpus.annotate.perplexity import PerplexityModels
from corpus.counts import Counts
from corpus.dedup.lines import SeenLines, remove_lines, shard_hashes
from corpus.sources.wet import WetConfig, read
from corpus.storage import InputFile

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"
GOLDEN = SHARED / "golden" / "ccnet-crawl.jsonl.gz"
FIELDS = ("url", "digest", "line_ids", "original_nlines", "language", "language_score")

pytestmark = pytest.mark.skipif(
    not GOLDEN.exists(), reason="needs ../shared/data/golden, crawl/wet and models"
)


def _shards() -> list[list[pa.RecordBatch]]:
    files = sorted((SHARED / "crawl" / "wet").glob("*.wet.gz"))
    return [
        list(read(InputFile(str(p), p.name, p.stat().st_size), "web", WetConfig(), Counts()))
        for p in files
    ]


def _seen_again(shards: list[list[pa.RecordBatch]]) -> SeenLines:
    parts = [shard_hashes(shard) for shard in shards]
    hashes, index, in_shards = np.unique(
        np.concatenate([part.hashes for part in parts]), return_inverse=True, return_counts=True
    )
    within = np.bincount(index, weights=np.concatenate([part.again for part in parts])) > 0
    return SeenLines(hashes[(in_shards > 1) | within])


def _bucket(perplexity: float | None, cutoffs: tuple[float, float]) -> str:
    if perplexity is None:
        return "all"
    head, middle = cutoffs
    return "head" if perplexity < head else "middle" if perplexity < middle else "tail"


def _documents() -> Iterator[dict]:
    identifier = LanguageIdentifier(str(SHARED / "models" / "fasttext-lid" / "lid.176.ftz"))
    models = PerplexityModels(str(SHARED / "models" / "ccnet-lm"))
    table = read_cutoff_table(str(SHARED / "models" / "cc_net" / "cutoff.csv"), 30, 60)
    shards = _shards()
    seen_again = _seen_again(shards)
    for batch in (batch for shard in shards for batch in shard):
        deduped = remove_lines(batch, seen_again, Counts())
        texts = deduped.column("text")
        languages, scores = identifier.annotate(texts)
        perplexities = models.annotate(texts, languages)
        columns = (languages.to_pylist(), scores.to_pylist(), perplexities.to_pylist())
        for row, language, score, perplexity in zip(deduped.to_pylist(), *columns, strict=True):
            if score is None or score < 0.5:
                continue
            yield {
                **{field: row[field] for field in FIELDS if field in row},
                "language": language,
                "language_score": score,
                "perplexity": perplexity,
                "bucket": _bucket(perplexity, table.get(language, (0, 0))),
                "text_sha1": hashlib.sha1(row["text"].encode()).hexdigest(),
            }


def test_every_document_of_the_reference_and_no_other() -> None:
    ours = {document["url"]: document for document in _documents()}
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as lines:
        golden = {document["url"]: document for document in map(json.loads, lines)}
    assert len(golden) == 6777
    assert sorted(ours) == sorted(golden)
    compared = (*FIELDS, "perplexity", "bucket", "text_sha1")
    different = {
        url: {field: (ours[url][field], golden[url][field]) for field in compared}
        for url in golden
        if any(ours[url][field] != golden[url][field] for field in compared)
    }
    assert not different, f"{len(different)} differ, such as {next(iter(different.items()))}"
