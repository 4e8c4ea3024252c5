"""Stage `candidates`: the pages a classifier may learn from, one Parquet file an input file.

References are the pages of a crawl whose URLs Wikipedia cites, the pages of a build of cited pages
that were fetched, or labelled ones. Random pages are the others of the crawl, thinned by a keyed
hash before their texts are kept, and labelled ones.
"""

import functools
import hashlib
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from corpus import schema, storage
from corpus.annotate.references import RANDOM, REFERENCE, one_line
from corpus.batches import read_batches, read_table, unit_name
from corpus.errors import ConfigError
from corpus.keyed import uniform
from corpus.manifest import Manifest, OutputFile
from corpus.output import Output, Unit
from corpus.references.urls import canonical, site, url_key
from corpus.stage import Stage

LABELLED_SUFFIXES = (".jsonl",)
_LINES = 256  # labelled pages at once
_SPARE = 4  # random pages kept for each that is wanted: some fall to length, bucket or a duplicate

_COLUMNS = ["doc_id", "url", "text", "language", "bucket"]
_OF_CANDIDATES = ("min_chars", "buckets", "languages", "seed")  # the rest is the examples'


@dataclass(frozen=True)
class PagesConfig:
    """Which pages are learnt from; the defaults are RedPajama's, for a crawl that CCNet parted.

    `buckets` and `languages` (none named: every one) choose documents, not labelled pages.
    """

    min_chars: int = 1000
    buckets: tuple[str, ...] = ("head", "middle", "all")
    languages: tuple[str, ...] = ()
    max_pages: int = 300_000  # of each class
    held_out: float = 0.1  # share that the model is judged on
    split: Literal["site", "page"] = "site"  # what is held out whole
    seed: int = 0

    def __post_init__(self) -> None:
        if self.min_chars < 1 or self.max_pages < 2:
            raise ConfigError(
                f"min_chars={self.min_chars} must be at least 1 and max_pages={self.max_pages} "
                "at least 2"
            )
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out={self.held_out} must lie between 0 and 1")


@dataclass(frozen=True)
class _Pages:
    """What a unit reads. `kind`: documents of a crawl, fetched documents, or labelled lines."""

    kind: Literal["crawl", "fetched", "labelled"]
    path: str
    name: str
    config: PagesConfig
    cited: str | None = None  # the table of cited URLs
    random_share: float = 0.0  # of a crawl's documents, how many stay as random pages


def stage(
    crawl: Manifest | None,
    source: str,
    cited: Manifest | None,
    fetched: Manifest | None,
    labelled: Sequence[storage.InputFile],
    config: PagesConfig,
) -> Stage:
    """`crawl` and `fetched` are manifests of documents, `cited` that of their URLs."""
    table = cited.path(cited.files[0]) if cited else None
    units = []
    if crawl is not None:
        files = [file for file in crawl.files if file.facts["source"] == source]
        rows = sum(file.rows for file in files)
        share = min(1.0, _SPARE * config.max_pages / max(rows, 1))
        for file in files:
            units.append(_unit("crawl", crawl, file, config, table, share))
    if fetched is not None:
        units += [_unit("fetched", fetched, file, config) for file in fetched.files]
    for index, lines in enumerate(labelled):
        pages = _Pages("labelled", lines.uri, lines.name, config)
        units.append(Unit(f"labelled-{index}", (storage.fingerprint(lines.uri),), pages))
    return Stage(
        name="candidates",
        config={name: getattr(config, name) for name in _OF_CANDIDATES},
        units=units,
        inputs={"cited": cited.files[0].sha256} if cited else {},
        modules=("corpus.references.candidates",),
        work=find,
    )


def find(unit: Unit, output: Output) -> None:
    """Writes the candidates of one file."""
    pages: _Pages = unit.payload
    rows = _labelled(pages, output) if pages.kind == "labelled" else _documents(pages)
    output.write_table(_counted(rows, output), schema.EXAMPLE)


def examples(
    urls: Sequence[str | None], texts: Sequence[str], is_reference: Sequence[bool]
) -> pa.RecordBatch:
    """Rows of EXAMPLE. A page without a URL stands for itself: its text is its key and site."""
    forms = [canonical(url) if url else None for url in urls]
    digests = [text_digest(text) for text in texts]
    pairs = list(zip(forms, digests, strict=True))
    columns = [
        pa.array(urls, pa.string()),
        pa.array(is_reference, pa.bool_()),
        pa.array([digest if f is None else url_key(f) for f, digest in pairs], pa.uint64()),
        pa.array([digest if f is None else url_key(site(f)) for f, digest in pairs], pa.uint64()),
        pa.array(digests, pa.uint64()),
        one_line(pa.array(texts, pa.large_string())),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema.EXAMPLE)


def text_digest(text: str) -> int:
    """64-bit hash of a text that its case and white space do not change."""
    plain = " ".join(text.lower().split()).encode("utf-8", "replace")
    return int.from_bytes(hashlib.blake2b(plain, digest_size=8).digest(), "little")


def _documents(pages: _Pages) -> Iterator[pa.RecordBatch]:
    keys = _cited_keys(pages.cited) if pages.cited else np.array([], np.uint64)
    config = pages.config
    for batch in read_batches(pages.path, _COLUMNS):
        fits = pc.greater_equal(pc.utf8_length(batch.column("text")), config.min_chars)
        for column, allowed in (("bucket", config.buckets), ("language", config.languages)):
            if allowed:
                known = pa.array(allowed, pa.string())
                fits = pc.and_(fits, pc.is_in(batch.column(column), value_set=known))
        batch = batch.filter(pc.fill_null(fits, False))
        if pages.kind == "fetched":
            is_reference = np.ones(batch.num_rows, bool)
        else:
            is_reference = _are_cited(batch.column("url").to_pylist(), keys)
            draw = uniform(batch.column("doc_id").to_numpy(), config.seed, "references random")
            taken = is_reference | (draw < pages.random_share)
            batch, is_reference = batch.filter(pa.array(taken)), is_reference[taken]
        urls, texts = batch.column("url").to_pylist(), batch.column("text").to_pylist()
        yield examples(urls, texts, is_reference.tolist())


def _labelled(pages: _Pages, output: Output) -> Iterator[pa.RecordBatch]:
    rows = _labelled_rows(pages, output)
    while part := list(itertools.islice(rows, _LINES)):
        yield examples(*zip(*part, strict=True))


def _labelled_rows(pages: _Pages, output: Output) -> Iterator[tuple[str | None, str, bool]]:
    """URL, text and whether it is a reference, of each line that is long enough."""
    with storage.open_input(pages.path) as raw:
        lines = io.TextIOWrapper(raw, encoding="utf-8", errors="replace", newline="\n")
        for number, line in enumerate(lines, start=1):
            try:
                tree = json.loads(line)
                url, text, label = tree.get("url"), tree["text"], tree["label"]
                good = isinstance(text, str) and isinstance(url, str | None)
                good = good and label in (REFERENCE, RANDOM)
            except (ValueError, KeyError, TypeError, AttributeError):
                good = False
            if not good:
                reason = f"no JSON object with a text and the label {REFERENCE} or {RANDOM}"
                output.counts.skip(reason, f"{pages.name}:{number}")
            elif len(text) >= pages.config.min_chars:
                yield url and _whole(url), _whole(text), label == REFERENCE


def _whole(text: str) -> str:
    """A text with `?` for half a surrogate pair, which JSON may hold and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()


def _counted(batches: Iterator[pa.RecordBatch], output: Output) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        references = pc.sum(batch.column("is_reference")).as_py() or 0
        output.counts.add("references", references)
        output.counts.add("random", batch.num_rows - references)
        yield batch


def _are_cited(urls: Sequence[str | None], keys: np.ndarray) -> np.ndarray:
    if not len(keys):
        return np.zeros(len(urls), bool)
    forms = [canonical(url) if url else None for url in urls]
    asked = np.array([0 if form is None else url_key(form) for form in forms], np.uint64)
    at = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return (keys[at] == asked) & np.array([form is not None for form in forms], bool)


@functools.lru_cache(maxsize=1)
def _cited_keys(path: str) -> np.ndarray:
    """The sorted keys of all cited URLs, 8 bytes each, once a Python worker."""
    return np.sort(read_table(path, ["key"]).column("key").to_numpy())


def _unit(
    kind: Literal["crawl", "fetched"],
    manifest: Manifest,
    file: OutputFile,
    config: PagesConfig,
    cited: str | None = None,
    random_share: float = 0.0,
) -> Unit:
    name = f"{kind}-{unit_name(file)}"
    pages = _Pages(kind, manifest.path(file), name, config, cited, random_share)
    return Unit(name, (file.sha256, repr(random_share)), pages)
