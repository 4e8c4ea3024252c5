"""Brings a remote file whole to this machine's disk, over HTTP(S) or from an object store.

A reader seeks in a file when it goes on after damage, and reads it in small pieces, each of which
would be a request of its own (2,300 for a WET file of 150 MB). So a file is copied to scratch disk
and parsed from there: one a task at a time, up to 1 GB for a WARC. A break costs a request for the
rest, not a file parsed twice.

A copy is as long as the server says the file is, and all of one version of it: a request for the
rest is conditional (RFC 9110, section 13.1.5), and a file that changed in between is begun anew.
"""

import email.utils
import json
import re
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.fs as pafs

from corpus import storage
from corpus.errors import DataError
from corpus.retry import BrokenTry, RetryConfig, Tries

USER_AGENT = "altiplano"
REMOTE = ("http", "https", "s3", "gs", "gcs", "abfs", "abfss")
CHUNK = 1 << 20
STORE_CHUNK = 8 << 20  # a request each
TOO_FAST = (403, 408, 425, 429)  # Common Crawl answers 403 to those who ask too much
SLOWEST = 1024  # bytes a second over a minute; a slower connection is taken for a dead one
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


@dataclass
class _Part:
    """What is held of a file, and of which version."""

    have: int = 0  # bytes
    size: int = 0  # bytes, of the whole
    version: str | None = None  # a validator for If-Range; None: no part of it can be asked for

    def begin(self, size: int, version: str | None) -> None:
        self.have, self.size, self.version = 0, size, version


def is_remote(location: str) -> bool:
    """Whether every read of a location is a request to a server elsewhere."""
    return "://" in location and urlsplit(location).scheme.lower() in REMOTE


def download(location: str, local: Path, retry: RetryConfig, go_on: bool = False) -> None:
    """Copies a remote file to a local one; DataError where that cannot be done.

    With `go_on` a call that was cut short, by a kill too, leaves what it has in `local` and its
    version in `local` + `.version`, and the next goes on from there.

    Tries again, after a wait and from where it broke off, what may be better next time: broken and
    slow connections, refusals for speed (403, 429, 5xx). A file that is not there (404) or not
    allowed is an error at once.
    """
    url = urlsplit(location)
    read = _http_rest if url.scheme.lower() in ("http", "https") else _store_rest
    tries, part = Tries(location, url.netloc, retry), _Part()
    note = _Note(local.with_name(local.name + ".version"), location) if go_on else None
    if note is not None:
        part = note.read(local)
    with local.open("r+b" if part.have else "wb") as file:
        while part.have < part.size or not part.size:
            try:
                for chunk in read(location, part, retry.timeout_s):
                    if note is not None and not part.have:
                        file.truncate(0)
                        note.write(part)
                    file.seek(part.have)
                    file.write(chunk)
                    part.have += len(chunk)
                if part.have != part.size:
                    raise BrokenTry(f"it broke off at byte {part.have:,} of {part.size:,}")
                break
            except BrokenTry as broken:
                tries.again(broken, part.have)
        file.truncate(part.size)
    tries.succeeded()
    if note is not None:
        note.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Note:
    """Says on disk which version of a file the local copy is the first bytes of."""

    path: Path
    location: str

    def write(self, part: _Part) -> None:
        tree = {"location": self.location, "size": part.size, "version": part.version}
        self.path.write_text(json.dumps(tree), encoding="utf-8")

    def read(self, local: Path) -> _Part:
        try:
            tree = json.loads(self.path.read_text(encoding="utf-8"))
            if tree["location"] == self.location and tree["version"] is not None:
                return _Part(min(local.stat().st_size, tree["size"]), tree["size"], tree["version"])
        except (OSError, ValueError, KeyError, TypeError):
            pass  # nothing to go on from
        return _Part()


def _http_rest(url: str, part: _Part, timeout_s: float) -> Iterator[bytes]:
    """The bytes of a file that are not held yet; sets `part` back where it must begin anew."""
    if part.version is None:
        part.have = 0
    headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
    if part.have:
        assert part.version is not None
        headers |= {"Range": f"bytes={part.have}-", "If-Range": part.version}
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout_s
        ) as response:
            _take_up(url, response, part)
            yield from _chunks(response)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the file is shorter than what is held of it
            part.begin(0, None)
        elif error.code not in TOO_FAST and error.code < 500:
            raise DataError(
                f"{url} answered {error.code} {error.reason}; is it in this crawl at this base?"
            ) from None
        wait_s = _retry_after(error.headers)
        raise BrokenTry(f"it answered {error.code} {error.reason}", wait_s) from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DataError(f"{url}: {reason}; is the clock right and the base's name?") from None
        raise BrokenTry(str(reason) or type(reason).__name__) from None


def _take_up(url: str, response: HTTPResponse, part: _Part) -> None:
    """Checks that what comes goes on where `part` ends, or begins it anew."""
    entity_tag, changed = response.headers["ETag"], response.headers["Last-Modified"]
    weak = entity_tag is None or entity_tag.startswith("W/")
    version = changed if weak else entity_tag
    if response.status == 206:
        found = _RANGE.fullmatch(response.headers["Content-Range"] or "")
        goes_on = found and [int(n) for n in found.groups()] == [part.have, part.size]
        # A part comes with the ETag that the whole had (RFC 9110, 15.3.7); a date may be left out.
        dated = part.version is not None and not part.version.startswith('"')
        if goes_on and (version == part.version or (version is None and dated)):
            return
        part.begin(0, None)
        raise BrokenTry("it changed, or another part came than was asked for")
    length = response.headers["Content-Length"]
    if length is None or not length.isdecimal():
        raise DataError(
            f"{url} came without Content-Length, so a break could not be told from its end; "
            "choose a base that states it"
        )
    part.begin(int(length), version)


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    since, got = time.monotonic(), 0
    while chunk := response.read1(CHUNK):
        yield chunk
        got += len(chunk)
        seconds = time.monotonic() - since
        if seconds > 60:
            if got < SLOWEST * seconds:
                raise BrokenTry(f"it came at less than {SLOWEST} bytes a second")
            since, got = time.monotonic(), 0


def _retry_after(headers: Message) -> float:
    """Seconds a server asks to wait, given as a number or as a date; 0 where it does not."""
    text = (headers.get("Retry-After") or "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def _store(location: str) -> tuple[pafs.FileSystem, str]:
    """As `storage.filesystem`, which asks S3 for a bucket's region where the URI names none."""
    try:
        return storage.filesystem(location)
    except DataError as error:
        if isinstance(error.__cause__, OSError) and "not found" not in str(error):
            raise BrokenTry(str(error.__cause__)) from None
        raise


def _store_rest(location: str, part: _Part, timeout_s: float) -> Iterator[bytes]:
    """As `_http_rest`, of an object store; its version is its size and time of change."""
    fs, path = _store(location)
    try:
        info = fs.get_file_info(path)
        if info.type != pafs.FileType.File:
            raise DataError(f"{location} is not there; is it in this crawl at this base?")
        version = f"{info.size} {info.mtime_ns}"
        if part.version != version:
            part.begin(info.size, version)
        with fs.open_input_file(path) as stream:
            while chunk := stream.read_at(min(STORE_CHUNK, part.size - part.have), part.have):
                yield chunk
    except OSError as error:
        if "ACCESS_DENIED" in str(error):
            raise DataError(
                f"{location} is not allowed: {error}; give credentials by the environment, or "
                "`anonymous=true` in the URI's query for a public bucket"
            ) from None
        raise BrokenTry(str(error)) from None
