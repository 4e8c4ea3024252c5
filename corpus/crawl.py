"""A Common Crawl snapshot as input: `{crawl: CC-MAIN-2019-09, kind: wet, files: 0..99}`.

`<base>/crawl-data/<crawl>/<kind>.paths.gz` lists the snapshot's files; they are named by their
paths in it, as in Common Crawl's own index, whatever base they come from. Published files do not
change, so a file is told by its path alone: 80,000 requests for their sizes would tell no more.
"""

import gzip
import hashlib
import re
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from corpus import storage
from corpus.download import download, is_remote
from corpus.errors import ConfigError, DataError
from corpus.retry import RetryConfig
from corpus.storage import InputFile

BASE = "https://data.commoncrawl.org"
MAX_LISTING_BYTES = 256 << 20  # a snapshot's listing has about 12 MB

_CRAWL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_FILES = re.compile(r"(\d+)\.\.(\d+)")
_NAME = r"[A-Za-z0-9][A-Za-z0-9._=+,@~-]*"
_PATH = re.compile(f"{_NAME}(/{_NAME})*")


@dataclass(frozen=True)
class CrawlConfig:
    """Which files of which snapshot, and how they are asked for."""

    crawl: str
    kind: Literal["wet", "warc"]
    files: str | tuple[int, ...] = ""  # `0..99`, a list of line numbers from 0; all by default
    base: str = BASE  # https, http or s3
    max_connections: int = 16  # of the whole job, on however many machines it runs
    retry: RetryConfig = field(default_factory=RetryConfig)

    def __post_init__(self) -> None:
        if not _CRAWL.fullmatch(self.crawl):
            raise ConfigError(f"crawl '{self.crawl}' must be a name such as CC-MAIN-2019-09")
        if not self.base.startswith(("https://", "http://", "s3://")):
            raise ConfigError(f"base '{self.base}' must begin with https://, http:// or s3://")
        if self.max_connections < 1:
            raise ConfigError(f"max_connections={self.max_connections} must be >= 1")
        self.numbers()

    def __str__(self) -> str:
        return f"the {self.kind} files of {self.crawl} at {self.base}"

    def numbers(self) -> Sequence[int] | None:
        """The line numbers of the listing that are wanted, from 0; None for all."""
        if self.files == "":
            return None
        if isinstance(self.files, str):
            found = _FILES.fullmatch(self.files)
            if found is None or int(found[1]) > int(found[2]):
                raise ConfigError(
                    f"files '{self.files}' must be a first and a last number such as 0..99, "
                    "or a list of numbers"
                )
            return range(int(found[1]), int(found[2]) + 1)
        if not self.files or min(self.files) < 0 or len(set(self.files)) < len(self.files):
            raise ConfigError(
                f"files {list(self.files)} must be different numbers from 0, one at least"
            )
        return self.files


def list_crawl(config: CrawlConfig) -> tuple[list[InputFile], str]:
    """The wanted files of a snapshot, and the fingerprint of its listing; DataError if it has not.

    Their sizes are not known and stand as 0.
    """
    place = storage.join(config.base, "crawl-data", config.crawl, f"{config.kind}.paths.gz")
    listing = _fetch(place, config.retry)
    paths = _paths(listing, place)
    numbers = config.numbers()
    chosen = range(len(paths)) if numbers is None else numbers
    if chosen and max(chosen) >= len(paths):
        raise DataError(
            f"{place} lists {len(paths):,} files, so there is no file {max(chosen)}; "
            f"choose 'files' within 0..{len(paths) - 1}"
        )
    files = [InputFile(storage.join(config.base, paths[i]), paths[i], 0) for i in chosen]
    return files, hashlib.blake2b(listing, digest_size=16).hexdigest()


def on_disk(file: InputFile, folder: Path, retry: RetryConfig) -> InputFile:
    """A file that is on this machine's disk or a file system's: itself, or a copy in `folder`."""
    if not is_remote(file.uri):
        return file
    local = folder / "input"
    download(file.uri, local, retry)
    return replace(file, uri=str(local), size=local.stat().st_size)


def _fetch(place: str, retry: RetryConfig) -> bytes:
    with tempfile.TemporaryDirectory(prefix="altiplano-") as folder:
        local = Path(folder) / "paths.gz"
        download(place, local, retry)
        try:
            with gzip.open(local) as stream:
                listing = stream.read(MAX_LISTING_BYTES + 1)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{place} is no whole gzip file: {error}; check 'base'") from None
    if len(listing) > MAX_LISTING_BYTES:
        raise DataError(f"{place} lists over {MAX_LISTING_BYTES >> 20} MB of paths; check 'base'")
    return listing


def _paths(listing: bytes, place: str) -> list[str]:
    paths = listing.decode("utf-8", "replace").split()
    for path in paths:
        if not _PATH.fullmatch(path):
            raise DataError(f"{place} lists '{path[:200]}', which is no path below its base")
    if not paths or len(set(paths)) < len(paths):
        fault = "the same file twice" if paths else "no file"
        raise DataError(f"{place} lists {fault}; check 'crawl' and 'base'")
    return paths
