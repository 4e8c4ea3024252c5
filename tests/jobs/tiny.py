"""A small real input: documentation and sources of the standard library, and a config for it."""

import html
import importlib
import inspect
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

ROOT = Path(__file__).parents[2]
MODULES = (
    "argparse ast asyncio.events base64 bisect calendar cmd code codecs collections "
    "contextlib copy csv dataclasses datetime decimal difflib dis email.message enum "
    "fileinput fnmatch fractions ftplib functools getpass gettext glob gzip heapq hmac html "
    "http.client imaplib inspect io ipaddress json linecache locale logging lzma mailbox "
    "numbers optparse os pathlib pdb pickle pickletools platform plistlib poplib pprint queue "
    "random re sched shelve shlex shutil smtplib socket ssl statistics string subprocess "
    "tarfile tempfile textwrap threading timeit tokenize traceback turtle types typing "
    "unittest.case unittest.mock urllib.request uuid wave weakref xml.dom.minidom zipfile"
).split()
HELD_OUT = (
    "abc builtins bdb cgi configparser contextvars doctest filecmp getopt itertools math "
    "multiprocessing.pool operator selectors signal sys tkinter webbrowser"
).split()
FOOTER = "This page was made from the documentation strings of the standard library."


def documented(name: str) -> list[tuple[str, str]]:
    """(qualified name, documentation) of a module and of what it defines."""
    module = importlib.import_module(name)
    pages = [(name, inspect.getdoc(module) or "")]
    for key, value in sorted(vars(module).items()):
        if getattr(value, "__module__", None) == name and inspect.getdoc(value):
            members = (
                [
                    inspect.getdoc(member) or ""
                    for label, member in sorted(vars(value).items())
                    if not label.startswith("_") and callable(member)
                ]
                if inspect.isclass(value)
                else []
            )
            pages.append((f"{name}.{key}", "\n".join([inspect.getdoc(value) or "", *members])))
    return [(label, text) for label, text in pages if len(text) > 400]


def write_crawl(folder: Path, files: int) -> int:
    """Writes the modules' documentation as WARC files; returns the number of pages."""
    folder.mkdir(parents=True)
    pages = sorted({page for name in MODULES for page in documented(name)})
    for index in range(files):
        with (folder / f"crawl-{index}.warc.gz").open("wb") as stream:
            writer = WARCWriter(stream, gzip=True)
            for label, text in pages[index::files]:
                lines = "".join(f"<p>{html.escape(line)}</p>\n" for line in text.split("\n"))
                body = f"<html><title>{label}</title><body>{lines}<p>{FOOTER}</p></body></html>"
                headers = StatusAndHeaders(
                    "200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1"
                )
                record = writer.create_warc_record(
                    f"http://docs.test/{label}.html",
                    "response",
                    payload=io.BytesIO(body.encode()),
                    http_headers=headers,
                    warc_headers_dict={"WARC-Date": "2026-11-21T00:00:00Z"},
                )
                writer.write_record(record)
    return len(pages)


def write_code(folder: Path, files: int) -> None:
    folder.mkdir(parents=True)
    for index in range(files):
        rows = []
        for name in MODULES[index::files]:
            path = inspect.getsourcefile(importlib.import_module(name))
            assert path is not None
            content = Path(path).read_text(encoding="utf-8")
            rows.append(
                {
                    "repo_name": "cpython",
                    "path": f"{name.replace('.', '/')}.py",
                    "license": "MIT",
                    "content": content,
                }
            )
        pq.write_table(pa.Table.from_pylist(rows), folder / f"code-{index}.parquet")


def write_reference(folder: Path) -> None:
    """Documentation of modules that the crawl does not have, to train the language model on."""
    folder.mkdir(parents=True)
    texts = [text for name in HELD_OUT for _, text in documented(name)]
    (folder / "reference.txt").write_text("\n".join(texts), encoding="utf-8")


def tiny_config(inputs: Path) -> dict:
    """The tree of a whole build on the small input; every place absolute but its output."""
    demo = yaml.safe_load((ROOT / "jobs/configs/demo.yaml").read_text())
    demo["output"] = "run"
    demo["spark"] = {"master": "local[2]", "driver_memory": "1g"}
    corpus = demo["corpus"]
    corpus["models"] = {
        "lid": str(ROOT / ".altiplano/models/lid.176.ftz"),
        "reference": str(inputs / "reference"),
        "lm_training": {"language": "en", "pieces": 600},
        "kenlm_tools": str(ROOT / ".altiplano/kenlm/bin"),
    }
    corpus["sources"]["web"]["input"] = str(inputs / "crawl")
    corpus["sources"]["code"]["input"] = str(inputs / "code")
    demo["tokenizer"] = {"vocab_size": 1024, "sample_bytes": 500_000}
    demo["shards"] = {"shard_tokens": 100_000, "unit_bytes": 300_000}
    return demo
