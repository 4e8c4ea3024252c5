"""Reads WARC and ARC files: the HTML pages of a crawl, as plain text.

Pages are `response` records with status 200 and an HTML payload; HTTP codings are undone, the
text is extracted under a time limit a page (`corpus.formats.time_limit`).
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
from fastwarc.warc import WarcRecord, WarcRecordType

from corpus.counts import REPLACED, Counts
from corpus.errors import ConfigError
from corpus.formats.documents import Document, to_batches
from corpus.formats.records import RawRecord, target_uri
from corpus.formats.time_limit import Failure, TimeLimitedExtractor
from corpus.formats.warc_records import read_records
from corpus.kernels.utf8 import is_utf8
from corpus.storage import InputFile

SUFFIXES = (".warc", ".warc.gz", ".warc.lz4", ".warc.zst", ".arc", ".arc.gz")

_HTML_TYPES = ("text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml")
_HTML_STARTS = (b"<!doctype html", b"<html")
_Codings = Literal["none", "content", "transfer", "all"]
_PAGES_A_CALL, _BYTES_A_CALL = 128, 4 << 20


@dataclass(frozen=True)
class WarcConfig:
    """How pages become text."""

    min_chars: int = 300  # CCNet's minimum, checked before dedup only
    main_content: bool = False  # CCNet works on the full text and lets dedup find boilerplate
    time_limit_s: float = 10.0  # CPU seconds a page
    max_page_bytes: int = 16 << 20  # decoded; a compressed page may hold gigabytes of nothing

    def __post_init__(self) -> None:
        if self.time_limit_s <= 0:
            raise ConfigError(f"time_limit_s={self.time_limit_s} must be > 0; 10 is a good choice")
        if self.max_page_bytes <= 0:
            raise ConfigError(f"max_page_bytes={self.max_page_bytes} must be > 0")


class _Page(NamedTuple):
    """A decoded page, before its text is known."""

    origin: str
    url: str
    date: str | None
    digest: str
    content_type: str
    html: bytes


def read(
    file: InputFile, source: str, config: WarcConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the pages of one WARC file as batches of `corpus.schema.DOCUMENT`, in file order."""
    return to_batches(_documents(file, source, config, counts), counts)


def _documents(
    file: InputFile, source: str, config: WarcConfig, counts: Counts
) -> Iterator[Document]:
    with TimeLimitedExtractor(config.time_limit_s) as extractor:
        for pages in _grouped(_pages(file, config, counts)):
            results = extractor.extract(
                [(page.html, page.content_type, config.main_content) for page in pages]
            )
            for page, result in zip(pages, results, strict=True):
                where = f"{page.origin} {page.url}"
                if isinstance(result, Failure):
                    counts.skip(result.reason, where)
                    continue
                title, text = result
                if len(text) < config.min_chars:
                    where += f" ({len(text)} characters)"
                    counts.skip(f"shorter than {config.min_chars} characters", where)
                    continue
                if "\ufffd" in text and not is_utf8(np.frombuffer(page.html, np.uint8)):
                    counts.add(REPLACED)
                yield Document(
                    source, page.url, page.origin, page.date, page.digest, None, title, text
                )


def _grouped(pages: Iterator[_Page]) -> Iterator[list[_Page]]:
    """Groups pages for the extractor: one round trip a page would cost more than extraction."""
    group: list[_Page] = []
    size = 0
    for page in pages:
        group.append(page)
        size += len(page.html)
        if len(group) >= _PAGES_A_CALL or size >= _BYTES_A_CALL:
            yield group
            group, size = [], 0
    if group:
        yield group


def _pages(file: InputFile, config: WarcConfig, counts: Counts) -> Iterator[_Page]:
    for record in read_records(file, "response", counts):
        page = _decode(record, config.max_page_bytes)
        if isinstance(page, _Page):
            counts.add("html_bytes", len(page.html))
            yield page
        else:
            url = record.headers.get("warc-target-uri", "")
            counts.skip(page, f"{record.origin} {url}".rstrip())


def _decode(record: RawRecord, max_bytes: int) -> _Page | str:
    """The page a record holds, or the reason why it holds none."""
    url = target_uri(record.headers)
    if not url:
        return "no WARC-Target-URI"
    http = _parse_http(record.block, "none")
    if http is None or http.http_headers.status_code is None:
        return "no HTTP response"
    if http.http_headers.status_code != 200:
        return "HTTP status not 200"
    content_type = http.http_headers.get("Content-Type") or ""
    stated = record.headers.get("warc-identified-payload-type") or content_type
    media_type = stated.partition(";")[0].strip().lower()
    if media_type and media_type not in _HTML_TYPES:
        return "not HTML"
    payload = http.reader.read()
    digest = record.headers.get("warc-payload-digest", "").strip()
    digest = digest or "sha1:" + base64.b32encode(hashlib.sha1(payload).digest()).decode()
    html = _undo_codings(record.block, max_bytes)
    if html is None:
        return "HTTP coding cannot be undone"
    if len(html) > max_bytes:
        return f"page over {max_bytes} bytes"
    if not media_type and not any(start in html[:1024].lower() for start in _HTML_STARTS):
        return "not HTML"
    date = record.headers.get("warc-date")
    return _Page(record.origin, url, date, digest, content_type, html)


def _undo_codings(block: bytes, max_bytes: int) -> bytes | None:
    """The payload without its codings: all, or those that are there as stated; None for neither.

    Crawlers often store a payload decoded under the headers it came with.
    """
    attempts: tuple[_Codings, ...] = ("all", "content", "transfer", "none")
    for codings in attempts:
        http = _parse_http(block, codings)
        if http is None:
            continue
        html = http.reader.read(max_bytes + 1)
        looks_coded = b"\0" in html[:64] and not html.startswith((b"\xff\xfe", b"\xfe\xff"))
        return None if codings != "all" and looks_coded else html
    return None


def _parse_http(block: bytes, codings: _Codings) -> WarcRecord | None:
    """A record with its HTTP head parsed; None where its body is not coded as the head says."""
    record = WarcRecord()
    record.init_headers(WarcRecordType.response)
    record.set_bytes_content(block)
    record.is_http = True
    try:
        record.parse_http(auto_decode=codings, quirks_mode=True)
    except OSError:
        return None
    return record
