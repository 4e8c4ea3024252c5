"""A real HTTP server on loopback that serves a made crawl, and misbehaves as it is told."""

import gzip
import hashlib
import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import ascii_letters

CRAWL = "CC-MAIN-2026-47"


@dataclass(frozen=True)
class Answer:
    """How one request for a path is answered; by the defaults as a good server does."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | None = None  # from this request on, another content
    cut: int | None = None  # the connection ends after so many bytes of the body
    ignore_range: bool = False
    ignore_if_range: bool = False
    no_length: bool = False
    validators: bool = True
    pause: float = 0.0  # seconds before each 16 KiB


@dataclass
class Site:
    """What is served, what is to go wrong, and what was asked."""

    files: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, deque[Answer]] = field(default_factory=lambda: defaultdict(deque))
    always: Answer = Answer()
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0
    most_connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    base: str = ""

    def asked(self, path: str) -> list[dict[str, str]]:
        """The headers of every request for a path, in order."""
        return [headers for found, headers in self.requests if found == path]


@contextmanager
def serve() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            super().setup()
            with site.lock:
                site.connections += 1
                site.most_connections = max(site.most_connections, site.connections)

        def finish(self) -> None:
            with site.lock:
                site.connections -= 1
            super().finish()

        def do_GET(self) -> None:
            _respond(self, site)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.base = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def _respond(handler: BaseHTTPRequestHandler, site: Site) -> None:
    path = handler.path.lstrip("/")
    with site.lock:
        site.requests.append((path, dict(handler.headers.items())))
        waiting = site.answers[path]
        answer = waiting.popleft() if waiting else site.always
        if answer.content is not None:
            site.files[path] = answer.content
    if answer.status == 200 and path not in site.files:
        answer = Answer(404)
    if answer.status != 200:
        handler.send_response(answer.status)
        for name, value in answer.headers:
            handler.send_header(name, value)
        handler.end_headers()
        return
    content = site.files[path]
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    start = _start(handler, answer, tag)
    if start >= len(content) > 0:
        handler.send_response(416)
        handler.end_headers()
        return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if answer.validators:
        handler.send_header("ETag", tag)
    if not answer.no_length:
        handler.send_header("Content-Length", str(len(content) - start))
    for name, value in answer.headers:
        handler.send_header(name, value)
    handler.end_headers()
    body = content[start:][: answer.cut]
    for at in range(0, len(body), 16 << 10):
        time.sleep(answer.pause)
        handler.wfile.write(body[at : at + (16 << 10)])


def _start(handler: BaseHTTPRequestHandler, answer: Answer, tag: str) -> int:
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range") or "")
    stale = handler.headers.get("If-Range", tag) != tag and not answer.ignore_if_range
    return 0 if asked is None or answer.ignore_range or stale else int(asked[1])


def record(url: str, text: str) -> bytes:
    """One gzip member with a WET record."""
    block = text.encode()
    head = (
        f"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: {url}\r\n"
        f"WARC-Date: 2026-11-21T00:00:00Z\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n", mtime=0)


def made_crawl(files: int, pages: int = 6) -> dict[str, bytes]:
    """A snapshot's files by path, its listing among them; no line is in two pages.

    Letters tell pages apart, for deduplication takes all digits for one.
    """
    site = {}
    for number in range(files):
        path = f"crawl-data/{CRAWL}/segments/{number % 3}/wet/made-{number:05}.warc.wet.gz"
        site[path] = b"".join(_page(number, page) for page in range(pages))
    listing = "".join(f"{path}\n" for path in sorted(site))
    site[f"crawl-data/{CRAWL}/wet.paths.gz"] = gzip.compress(listing.encode(), mtime=0)
    return site


def _page(number: int, page: int) -> bytes:
    name = ascii_letters[number] + ascii_letters[page]
    lines = [
        f"The line {x} of the page {name} is here to be read by everybody." for x in "abcdefgh"
    ]
    return record(f"http://made.test/{number}/{page}", "\n".join([f"Page {name}", *lines]))
