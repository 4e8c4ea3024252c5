"""A small crawl and a small export of code, made of Python's own documentation: real English with
pages that every stage has something to do with."""

import html
import importlib
import inspect
import io
import pydoc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

MODULES = (
    "argparse ast asyncio bisect calendar cmd codecs collections concurrent.futures configparser "
    "contextlib copy csv datetime decimal difflib doctest email enum fractions ftplib functools "
    "getopt getpass gettext glob graphlib gzip heapq hmac html imaplib inspect ipaddress json "
    "locale logging mailbox mimetypes netrc numbers operator optparse os pathlib pickle pprint "
    "queue random re sched secrets shelve shlex shutil smtplib socket sqlite3 statistics string "
    "subprocess tarfile tempfile textwrap threading timeit tokenize traceback types typing "
    "unittest urllib.parse uuid warnings weakref zipfile"
).split()
SHORT_PAGES = 12  # more than a manifest's counts name
SITE = "http://docs.test"
NAVIGATION = ("Home", "The Python documentation", "Report a bug in this page", "© The authors")
FRENCH = (
    "La documentation de la bibliothèque standard décrit la sémantique du langage ainsi que les "
    "modules distribués avec lui. Elle couvre aussi certains composants optionnels, et chaque "
    "partie de ce manuel peut être lue sans les autres, dans l'ordre que le lecteur préfère. "
)
SCRIPT = "<script>alert('from a page')</script>"
TOLD = "is how pages run code, and here it is the text that a report of this page must show"


def page_of(module: str) -> str:
    """The documentation of a module as lines of HTML, between navigation every page has."""
    text = pydoc.plain(pydoc.render_doc(importlib.import_module(module)))[:9000]
    lines = [NAVIGATION[0], f"Module {module}", *text.splitlines(), *NAVIGATION[1:]]
    return _html(f"{module} module", lines)


def write_crawl(folder: Path, modules: tuple[str, ...] = tuple(MODULES)) -> None:
    """Two WARC files: pages of modules, and some that must be skipped or dropped."""
    folder.mkdir(parents=True)
    half = len(modules) // 2
    odd = {
        "french.html": _html("Français", [f"{FRENCH * 8} Partie {n}.\udcff" for n in range(4)]),
        "shared-1.html": _html("Shared", ["A line that two pages hold, word for word. " * 9]),
        "shared-2.html": _html("Shared", ["A line that two pages hold, word for word. " * 9]),
        **{f"short{n}.html": _html("Short", ["Too short to keep."]) for n in range(SHORT_PAGES)},
        "script.html": _html("<b>Script</b>", [f"{SCRIPT} {TOLD}. " * 40]),
    }
    twice = [_html("Twice", [_twice_line(time, m) for m in modules]) for time in ("then", "now")]
    files = [
        [(f"{m}.html", page_of(m)) for m in modules[:half]] + [("twice.html", twice[0])],
        [(f"{m}.html", page_of(m)) for m in modules[half:]]
        + [("twice.html", twice[1]), *odd.items()],
    ]
    for number, pages in enumerate(files):
        _write_warc(folder / f"crawl-{number}.warc.gz", pages)


def write_code(folder: Path, modules: tuple[str, ...] = tuple(MODULES)) -> None:
    """One export of source files, with one of another licence and one of a line too long."""
    folder.mkdir(parents=True)
    rows = []
    for module in modules:
        source = inspect.getsource(importlib.import_module(module))[:8000]
        path = f"{module.replace('.', '/')}.py"
        rows.append({"repo_name": "python", "path": path, "license": "MIT", "content": source})
    long = "data = '" + "0123456789abcdef" * 200 + "'\n"
    rows.append({"repo_name": "python", "path": "long.py", "license": "MIT", "content": long})
    rows.append({"repo_name": "gnu", "path": "gpl.py", "license": "GPL-3.0", "content": "pass\n"})
    pq.write_table(pa.Table.from_pylist(rows), folder / "code.parquet")


def _twice_line(time: str, module: str) -> str:
    return f"This page was fetched {time}, and its line on {module} says so in plain words."


def _html(title: str, lines: list[str]) -> str:
    body = "".join(f"<p>{html.escape(line)}</p>\n" for line in lines if line.strip())
    head = f"<head><meta charset='utf-8'><title>{html.escape(title)}</title></head>"
    return f"<!doctype html><html>{head}<body>{body}</body></html>"


def _write_warc(path: Path, pages: list[tuple[str, str]]) -> None:
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)
        for name, page in pages:
            kind = StatusAndHeaders(
                "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
            )
            record = writer.create_warc_record(
                f"{SITE}/{name}",
                "response",
                payload=io.BytesIO(page.encode(errors="surrogateescape")),
                http_headers=kind,
                warc_headers_dict={"WARC-Date": "2026-01-02T03:04:05Z"},
            )
            writer.write_record(record)
