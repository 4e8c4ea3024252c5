"""Source files beside RedPajama-v1's cleaning of GitHub, on those of installed packages.

Both take the same gzipped JSON lines, read each row, take the licence header off, and measure what
the filters ask: lines, alphanumeric share, letters per token. The peer's own functions run; for its
tokens, which it counts by a Hugging Face tokenizer (much slower), it gets a regular expression.
PEERS needs a checkout of togethercomputer/RedPajama-Data at branch rp_v1, as PEERS/RedPajama-Data.
"""

import gzip
import hashlib
import json
import re
import runpy
import sys
import sysconfig
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

from corpus.annotate.heuristics import heuristics
from corpus.counts import Counts
from corpus.sources.code import CodeConfig, read
from corpus.storage import InputFile
from jobs.bench.cases import Case

_PACKAGES = ("numpy", "pandas", "scipy", "sympy", "networkx", "torch", "pyspark")
_MAX_BYTES = 24_000_000
_SCRIPT = "RedPajama-Data/data_prep/github/github_clean_dedup_local.py"


def case(data: Path, peers: Path) -> Case:
    folder = TemporaryDirectory(prefix="altiplano-bench-")
    path = Path(folder.name) / "export.jsonl.gz"
    size, documents = _write_export(path)
    file = InputFile(str(path), path.name, path.stat().st_size)

    def ours() -> int:
        rows = 0
        for batch in read(file, "code", CodeConfig(), Counts()):
            heuristics(batch.column("text"))
            rows += batch.num_rows
        return rows

    with mock.patch.object(sys, "argv", [_SCRIPT]):
        peer = runpy.run_path(str(peers / _SCRIPT))
    theirs = partial(_peer, path, peer)
    return Case("RedPajama-v1 github", size, documents, ours, theirs, folder)


def _peer(path: Path, peer: dict[str, Any]) -> int:
    seen: set[str] = set()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            digest = hashlib.md5(row["content"].encode()).hexdigest()
            if digest in seen:
                continue
            seen.add(digest)
            content = peer["clean_copyright_comments"](row["content"])
            peer["get_filecontent_stats"](content)
            len(re.findall(r"\w+|\S", content))
            len([character for character in content if character.isalpha()])
    return len(seen)


def _write_export(path: Path) -> tuple[int, int]:
    """Writes an export of package sources, an even share of each; returns (bytes, files)."""
    size = files = 0
    with gzip.open(path, "wt", encoding="utf-8", compresslevel=1) as lines:
        for package in _PACKAGES:
            for name, content in _sources(package, _MAX_BYTES // len(_PACKAGES)):
                row = {"repo_name": package, "path": name, "license": "mit", "content": content}
                lines.write(json.dumps(row) + "\n")
                size += len(content.encode())
                files += 1
    return size, files


def _sources(package: str, max_bytes: int) -> Iterator[tuple[str, str]]:
    folder = Path(sysconfig.get_path("purelib")) / package
    for path in sorted(folder.rglob("*.py")):
        content = path.read_text(encoding="utf-8", errors="replace")
        max_bytes -= len(content)
        if max_bytes < 0:
            return
        if content.strip():
            yield f"{package}/{path.relative_to(folder)}", content
