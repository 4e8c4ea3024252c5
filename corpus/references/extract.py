"""Wikipedia dumps to the URLs their articles cite (LLaMA, arXiv:2302.13971, section 2.1).

Two stages: `citations`, a Spark task a dump file; `cited`, the merge of their sorted rows, flat in
memory, into one table of URLs and `urls.txt`, which a fetcher takes. A task holds the rows of its
dump file, so take a large wiki as the several files that Wikimedia also gives it in.
"""

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

import pyarrow as pa

from corpus import schema, storage
from corpus.batches import read_batches
from corpus.errors import DataError
from corpus.formats import mediawiki
from corpus.manifest import Manifest
from corpus.output import Output, Unit
from corpus.references.urls import url_key
from corpus.references.wikitext import citations
from corpus.stage import Stage

CITATIONS, CITED = "citations", "cited"
URL_LIST = "urls"
_ARTICLES = 0  # the namespace
_BATCH_ROWS = 4096


def citations_stage(locations: Sequence[str]) -> Stage:
    """Dump files, or folders of them; DataError where there is none or one of another kind."""
    files = [f for place in locations for f in storage.list_files(place, mediawiki.SUFFIXES)]
    for file in files:
        if not storage.ends_with(file.name, mediawiki.SUFFIXES):
            kinds = ", ".join(mediawiki.SUFFIXES)
            raise DataError(f"{file.uri} is no dump that can be read ({kinds}); unpack it first")
    known = sorted((_plain(file.name), storage.fingerprint(file.uri), file) for file in files)
    units = []
    seen: Counter[str] = Counter()
    for name, fingerprint, file in known:
        seen[name] += 1
        unit = name if seen[name] == 1 else f"{name}-{seen[name]}"
        units.append(Unit(unit, (fingerprint,), file))
    return Stage(
        name=CITATIONS, config={}, units=units, modules=("corpus.references.extract",), work=cite
    )


def cite(unit: Unit, output: Output) -> None:
    """Writes the citations of one dump's articles, sorted by URL, wiki and title."""
    rows = []
    for page in mediawiki.read_pages(unit.payload, output.counts):
        if page.namespace != _ARTICLES or page.redirect:
            continue
        output.counts.add("articles")
        for url, cited in citations(page.wikitext).items():
            found = (cited.address, cited.archive, page.wiki, page.title, cited.count)
            rows.append((url, *found))
            output.counts.add("citations", cited.count)
    rows.sort(key=lambda row: (row[0], row[3], row[4], row[1]))
    output.write_table(_batches(rows, schema.CITATION), schema.CITATION)


def cited_stage(found: Manifest) -> Stage:
    paths = tuple(found.path(file) for file in found.files)
    shas = tuple(file.sha256 for file in found.files)
    return Stage(
        name=CITED,
        config={},
        units=[Unit(CITED, shas, paths)],
        modules=("corpus.references.extract",),
        work=merge,
        in_driver=True,
    )


def merge(unit: Unit, output: Output) -> None:
    """Writes one row a cited URL, and the list of their addresses, a line each."""
    by_place = itemgetter("url", "wiki", "title")
    rows = heapq.merge(*(_rows(path) for path in unit.payload), key=by_place)
    local = output.scratch / URL_LIST
    with local.open("w", encoding="utf-8") as addresses:
        merged = _merged(rows, addresses.write)
        output.write_table(_batches(merged, schema.CITED), schema.CITED)
    count = output.files[0].rows
    output.counts.add("urls", count)
    output.put(local, URL_LIST, "txt", count, exact_name=True)


def _merged(rows: Iterable[dict], write) -> Iterator[tuple]:
    for url, group in groupby(rows, key=itemgetter("url")):
        same = list(group)
        first = same[0]
        archive = next((row["archive"] for row in same if row["archive"]), None)
        count = sum(row["citations"] for row in same)
        write(first["address"] + "\n")
        yield url, url_key(url), first["address"], archive, first["title"], len(same), count


def _rows(path: str) -> Iterator[dict]:
    for batch in read_batches(path):
        yield from batch.to_pylist()


def _batches(rows: Iterable[tuple], kind: pa.Schema) -> Iterator[pa.RecordBatch]:
    waiting: list[tuple] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == _BATCH_ROWS:
            yield _batch(waiting, kind)
            waiting = []
    if waiting:
        yield _batch(waiting, kind)


def _batch(rows: list[tuple], kind: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, kind, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=kind)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "_", name)[-150:]
