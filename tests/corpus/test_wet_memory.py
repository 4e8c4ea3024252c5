"""Records and lines of gigabytes cost themselves, not the worker: its peak memory stays bounded."""

import subprocess
import sys
from pathlib import Path

import pytest
from isal import isal_zlib

from corpus.formats.records import MAX_RECORD_BYTES, OVERSIZE

GIB = 1 << 30
LIMIT_MB = MAX_RECORD_BYTES >> 20
BASE_MB = 330  # Python with Arrow, Numba and the compiled code

READ = """
import re, sys
from pathlib import Path
from corpus.counts import Counts
from corpus.sources import wet
from corpus.storage import list_files

config = wet.WetConfig(records=sys.argv[2], headers=sys.argv[2])
for file in list_files(sys.argv[1]):
    counts = Counts()
    rows = sum(batch.num_rows for batch in wet.read(file, "web", config, counts))
    print(file.name, rows, *(f"{reason}:{n}" for reason, n in counts.skipped.items()), sep="|")
# not getrusage: its maximum begins with what the parent had when it forked
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10)
"""


def head(length: int) -> bytes:
    return (
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://example.test/\r\n"
        "WARC-Date: 2026-11-20T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:1>\r\n"
        "WARC-Refers-To: <urn:uuid:2>\r\nWARC-Block-Digest: sha1:A\r\n"
        f"Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


SMALL = head(403) + b"T\n" + b"x" * 400 + b"\n\r\n\r\n"


def packed(*parts: bytes) -> bytes:
    pack = isal_zlib.compressobj(0, wbits=31)
    return b"".join(pack.compress(part) for part in parts) + pack.flush()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line of 1 GiB, stored sparsely, and 512 MiB in a gzip member said to hold 300 bytes."""
    path = tmp_path_factory.mktemp("large")
    with (path / "line.wet").open("wb") as file:
        file.write(SMALL + head(GIB) + b"T\n")
        file.seek(GIB - 2, 1)
        file.write(b"\r\n\r\n" + SMALL)
    bomb = packed(head(300), *[b"x" * (1 << 20)] * 512, b"\r\n\r\n")
    (path / "bomb.wet.gz").write_bytes(packed(SMALL) + bomb + packed(SMALL))
    return path


@pytest.mark.parametrize(
    ("records", "bomb", "most_mb"),
    # by its length the bomb's record is 300 bytes, of which the title leaves no text
    [
        ("fixed", "damaged record:1|shorter than 300 characters:1", BASE_MB),
        ("exact", f"{OVERSIZE}:1", BASE_MB + 2 * (LIMIT_MB + 32)),
    ],
)
def test_records_over_the_limit_are_passed_by(
    folder: Path, records: str, bomb: str, most_mb: int
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", READ, str(folder), records],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    *files, peak_mb = ran.stdout.splitlines()
    assert sorted(files) == [f"bomb.wet.gz|2|{bomb}", f"line.wet|2|{OVERSIZE}:1"]
    assert int(peak_mb) < most_mb
