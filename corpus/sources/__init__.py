"""The readers of raw formats: one module a format, each knowing nothing of the others.

A reader is `read(file, source, config, counts)`, which yields Arrow batches of
`corpus.schema.DOCUMENT`; `READERS` maps the name a config gives a format to it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from corpus.counts import Counts
from corpus.sources import (
    arxiv,
    books,
    c4,
    code,
    code_trees,
    stackexchange,
    warc,
    wet,
    wikipedia,
)
from corpus.storage import InputFile


class Reader(NamedTuple):
    """How one raw format is read."""

    read: Callable[[InputFile, str, Any, Counts], Iterator[pa.RecordBatch]]
    config: type
    suffixes: tuple[str, ...]  # of the files it reads in an input folder
    # The parts of a file that tasks may share, by the reader's config; None: a file is one task's.
    split: Callable[[InputFile, Any], list[InputFile]] | None = None
    # What stands for files below an input folder, each with its fingerprint, where folders do.
    units: Callable[[str, Any], list[tuple[InputFile, str]]] | None = None
    # Holds a config against the listed files before any is read; ConfigError or DataError.
    check: Callable[[Sequence[InputFile], Any], None] | None = None


READERS = {
    "warc": Reader(warc.read, warc.WarcConfig, warc.SUFFIXES),
    "wet": Reader(wet.read, wet.WetConfig, wet.SUFFIXES),
    "arxiv": Reader(arxiv.read, arxiv.ArxivConfig, arxiv.SUFFIXES),
    "books": Reader(books.read, books.BooksConfig, books.SUFFIXES),
    "c4": Reader(c4.read, c4.C4Config, c4.SUFFIXES, c4.split),
    "code": Reader(code.read, code.CodeConfig, code.SUFFIXES, code.split),
    "code_trees": Reader(
        code_trees.read,
        code_trees.CodeTreesConfig,
        code_trees.SUFFIXES,
        units=code_trees.units,
    ),
    "stackexchange": Reader(
        stackexchange.read,
        stackexchange.StackExchangeConfig,
        stackexchange.SUFFIXES,
        check=stackexchange.check,
    ),
    "wikipedia": Reader(
        wikipedia.read,
        wikipedia.WikipediaConfig,
        wikipedia.SUFFIXES,
        wikipedia.split,
        check=wikipedia.check,
    ),
}
