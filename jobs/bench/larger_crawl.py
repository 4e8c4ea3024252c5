"""A crawl many times as large, made by repeating one: `python -m jobs.bench.larger_crawl IN OUT N`.

Copy k has URLs of its own (`?copy=k`) and a word of its own at the end of every line, so that lines
repeat inside a copy as they do in the crawl and never between copies. The word is letters: digits
are all one to CCNet. Each WET file gives one file a copy, written as Common Crawl writes it, a gzip
member a record.
"""

import argparse
import gzip
from collections.abc import Iterator
from pathlib import Path

from rich.progress import track

_LETTERS = "bcdfghjklmnpqrst"


def enlarge(source: Path, target: Path, copies: int) -> list[Path]:
    """Writes `copies` perturbed copies of every `*.wet.gz` of a folder; returns the new files."""
    target.mkdir(parents=True, exist_ok=True)
    files = sorted(source.glob("*.wet.gz"))
    if not files:
        raise SystemExit(f"no *.wet.gz in {source}; give a folder of WET files")
    made = []
    for copy, file in track([(c, f) for c in range(copies) for f in files], "larger crawl"):
        path = target / f"{file.name.removesuffix('.warc.wet.gz')}-{copy:04d}.warc.wet.gz"
        if not path.exists():
            partial = path.with_suffix(".partial")
            with partial.open("wb") as out:
                for record in _records(gzip.decompress(file.read_bytes())):
                    out.write(gzip.compress(_perturbed(record, copy), 6, mtime=0))
            partial.replace(path)
        made.append(path)
    return made


def _records(content: bytes) -> Iterator[tuple[list[bytes], bytes]]:
    """Header lines and block of each record, by its Content-Length."""
    at = 0
    while at < len(content):
        end = content.index(b"\r\n\r\n", at)
        headers = content[at:end].split(b"\r\n")
        length = next(int(h[15:]) for h in headers if h.lower().startswith(b"content-length:"))
        yield headers, content[end + 4 : end + 4 + length]
        at = end + 4 + length + 4  # two line ends close a record


def _perturbed(record: tuple[list[bytes], bytes], copy: int) -> bytes:
    headers, block = record
    word = "".join(_LETTERS[int(digit, 16)] for digit in f"{copy:03x}").encode()
    block = block.replace(b"\n", b" " + word + b"\n") + b" " + word
    changed = []
    for header in headers:
        if header.startswith(b"WARC-Target-URI:"):
            header += b"?copy=%d" % copy
        elif header.lower().startswith(b"content-length:"):
            header = b"Content-Length: %d" % len(block)
        changed.append(header)
    return b"\r\n".join(changed) + b"\r\n\r\n" + block + b"\r\n\r\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("copies", type=int)
    options = parser.parse_args()
    print(f"{len(enlarge(options.source, options.target, options.copies))} files")
