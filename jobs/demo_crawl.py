"""The demo's crawl: pydoc pages served by a real HTTP server on loopback, fetched and recorded.

One call makes one WARC file: a server thread renders a module's page when it is asked for, a
client fetches it over HTTP, warcio writes what came back. Rendering imports the module, in a
child process with a time limit (`corpus.formats.time_limit`), so a module that hangs, crashes or
prints costs its page alone; the server answers 500 for it and that is recorded as well.

Dates and record ids are fixed or derived from the URL, so that the same modules give the same
bytes, but for the few whose data change from run to run (`sys`, `os`, what a set is printed as).
"""

import io
import os
import re
import uuid
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from corpus.formats.time_limit import Failure, TimeLimitedExtractor

DATE = "2026-01-01T00:00:00Z"
_HTTP_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"
_ADDRESS = re.compile(r" at 0x[0-9a-f]{6,}")  # of objects in memory: another in each run
_RENDER = "jobs.demo_crawl:render"
# `os` documents its environment: what is in the user's must not get into the crawl
_ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONWARNINGS": "ignore",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class CrawlTask:
    """One WARC file to make, from the modules named."""

    path: Path
    modules: tuple[str, ...]
    max_page_bytes: int
    page_limit_s: float  # CPU seconds


@dataclass(frozen=True)
class CrawlCounts:
    """What became of the modules of one file."""

    pages: int
    failed: int
    too_large: int
    html_bytes: int


def render(name: str) -> bytes:
    """A module's pydoc page as HTML; imports the module, so it is for the child process only."""
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)
    import pydoc

    found = pydoc.resolve(name)
    assert found is not None
    html = pydoc.HTMLDoc()
    page = html.page(pydoc.describe(found[0]), html.document(found[0], name))
    return _ADDRESS.sub("", page).encode()


def record(task: CrawlTask) -> CrawlCounts:
    """Makes one WARC file of the pages of its modules, in order."""
    failed = too_large = pages = html_bytes = 0
    with TimeLimitedExtractor(task.page_limit_s, _RENDER, _ENVIRONMENT) as renderer:
        server = _serve(renderer)
        connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=600)
        with task.path.open("wb") as stream:
            writer = WARCWriter(stream, gzip=True)
            info = {"software": "altiplano demo", "format": "WARC File Format 1.0"}
            warcinfo = writer.create_warcinfo_record(task.path.name, info)
            warcinfo.rec_headers.replace_header("WARC-Date", DATE)
            warcinfo.rec_headers.replace_header("WARC-Record-ID", _record_id(task.path.name))
            writer.write_record(warcinfo)
            for name in task.modules:
                host, path = f"{name.partition('.')[0]}.docs.test", f"/{name}.html"
                connection.request("GET", path, headers={"Host": host})
                response = connection.getresponse()
                body = response.read()
                if len(body) > task.max_page_bytes:
                    too_large += 1
                    continue
                failed += response.status != 200
                pages += response.status == 200
                html_bytes += len(body)
                _write(writer, f"http://{host}{path}", response, body)
        connection.close()
        server.shutdown()
        server.server_close()
    return CrawlCounts(pages, failed, too_large, html_bytes)


def _write(writer: WARCWriter, url: str, response: HTTPResponse, body: bytes) -> None:
    status = f"{response.status} {response.reason}"
    http = StatusAndHeaders(status, response.getheaders(), protocol="HTTP/1.1")
    headers = {"WARC-Date": DATE, "WARC-Record-ID": _record_id(url)}
    writer.write_record(
        writer.create_warc_record(
            url,
            "response",
            payload=io.BytesIO(body),
            http_headers=http,
            warc_headers_dict=headers,
        )
    )


def _record_id(name: str) -> str:
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"


def _serve(renderer: TimeLimitedExtractor) -> ThreadingHTTPServer:
    """A documentation server on a free loopback port, in a thread of its own."""

    class Pages(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version, sys_version = "pydoc", ""

        def do_GET(self) -> None:
            (page,) = renderer.extract([(self.path.strip("/").removesuffix(".html"),)])
            failed = isinstance(page, Failure)
            body = f"<html><body>{page.reason}</body></html>".encode() if failed else page
            self.send_response(500 if failed else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return _HTTP_DATE

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: failures are counted by the client."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    Thread(target=server.serve_forever, daemon=True).start()
    return server
