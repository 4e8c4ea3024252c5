"""Reads WET files, the text Common Crawl extracts itself, as CCNet parses them.

CCNet section 3.1 and its public code: every line is stripped, the first is the title and leaves
the text, the two blank lines that end a record go, and a text shorter than 300 characters is
dropped. Headers are read by name and blocks by their length, where the reference counts header
lines and looks for `WARC/1.0`: its records break on a new header or a text that has that line.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from corpus.counts import Counts
from corpus.formats.documents import Document, to_batches
from corpus.formats.warc_records import read_records
from corpus.storage import InputFile

SUFFIXES = (".wet", ".wet.gz")


@dataclass(frozen=True)
class WetConfig:
    """What is kept of a WET file."""

    min_chars: int = 300  # CCNet's minimum, checked before dedup only


def read(
    file: InputFile, source: str, config: WetConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the texts of one WET file as batches of `corpus.schema.DOCUMENT`, in file order."""
    return to_batches(_documents(file, source, config, counts), counts)


def _documents(
    file: InputFile, source: str, config: WetConfig, counts: Counts
) -> Iterator[Document]:
    for record in read_records(file, "conversion", counts):
        url = record.headers.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">")
        where = f"{record.origin} {url}".rstrip()
        if not url:
            counts.skip("no WARC-Target-URI", where)
            continue
        title, text = parse_block(record.block)
        if len(text) < config.min_chars:
            counts.skip(f"shorter than {config.min_chars} characters", where)
            continue
        yield Document(
            source,
            url,
            record.origin,
            record.headers.get("warc-date"),
            record.headers.get("warc-block-digest"),
            None,
            title,
            text,
        )


def parse_block(block: bytes) -> tuple[str, str]:
    """Title and text of a record's block; bytes that are not UTF-8 become U+FFFD."""
    # CCNet reads in text mode, where a lone carriage return ends a line too
    text = block.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    lines.append("")  # the block's own end and one of the two blank lines after it
    if not lines[-2]:
        del lines[-2:]
    return (lines[0], "\n".join(lines[1:])) if lines else ("", "")
