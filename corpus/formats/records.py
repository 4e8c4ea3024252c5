"""What the readers of crawl files give, and the names of what they cannot."""

from collections.abc import Mapping
from dataclasses import dataclass

NOT_WARC = "not a WARC file"
NOT_ARC = "not an ARC file"
OTHERWISE_PACKED = "neither plain nor gzip, which is all that CCNet reads"
CUT = "file cut short or damaged to its end"
DAMAGED = "damaged record"
NO_TYPE = "record without WARC-Type"
EMPTY = "record without content"
RECORD_END = b"\r\n\r\n"
# A worker that measures a text holds some 17 times its bytes: this keeps it under 2 GB. Common
# Crawl itself cuts pages at a few megabytes.
MAX_RECORD_BYTES = 100 << 20
OVERSIZE = f"record over {MAX_RECORD_BYTES >> 20} MB"


@dataclass(frozen=True)
class RawRecord:
    """One whole record: where it begins, its headers by lower-case name, and its block."""

    origin: str  # file#byte offset; .k is added for the k-th further record of one gzip member
    headers: dict[str, str]
    block: bytes


def target_uri(headers: Mapping[str, str]) -> str:
    """A record's URL from its headers by lower-case name; empty where none is stated."""
    stated = headers.get("warc-target-uri", "").strip()
    # wget writes <URL>, as the first WARC standard's grammar had it
    return stated[1:-1] if stated.startswith("<") and stated.endswith(">") else stated
