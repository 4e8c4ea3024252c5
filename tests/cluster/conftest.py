"""A real Spark standalone cluster and a real SLURM, started for these tests and stopped after.

And one small run that both have something to do with: real text (the standard library's own
documentation) as WET files, a config, and what `local[*]` makes of it.
"""

import importlib
import io
import itertools
import os
import pydoc
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from commands import BIN, ROOT, run
from standalone import standalone_cluster
from warcio.warcwriter import WARCWriter

from jobs import models

MODULES = (  # whose documentation is the input
    "argparse asyncio base64 bisect calendar codecs collections configparser contextlib copy csv "
    "datetime decimal difflib dis email enum fractions ftplib functools gettext glob gzip hashlib "
    "heapq html http.client imaplib inspect ipaddress itertools json logging mailbox math "
    "mimetypes multiprocessing optparse os pathlib pickle platform plistlib pprint queue random re "
    "sched selectors shelve shlex shutil signal smtplib socket sqlite3 ssl statistics string "
    "subprocess tarfile tempfile textwrap threading tokenize traceback turtle typing unittest "
    "urllib.parse urllib.request uuid warnings wave weakref xml.dom.minidom zipfile"
).split()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="session")
def config(place: Path) -> Path:
    """The config of a small run over three WET files; its `output` is for the caller to set."""
    if models.locate("lid") is None:
        pytest.fail("the language-ID model is not here; `make setup` gets it")
    write_wet_files(place / "wet")
    tree = {
        "output": "set it",
        "corpus": {
            "models": {"lid": str(models.locate("lid"))},
            "sources": {
                "web": {
                    "reader": "wet",
                    "input": str(place / "wet"),
                    "annotate": {"perplexity": False},
                    "rules": [{"column": "num_words", "min": 50}],
                }
            },
        },
        "mixture": {"weights": {"web": 1.0}, "valid_share": 0.1},
        "tokenizer": {"vocab_size": 1024, "sample_bytes": 500_000},
        "train": {
            "model": {"preset": "demo", "dim": 64, "num_layers": 2, "ffn": 172},
            "parallel": {"processes": 2, "tp": 2, "sequence_parallel": True},
            "precision": "fp32",
            "steps": 40,
            "batch_sequences": 8,
            "eval_interval": 20,
            "eval_sequences": 8,
        },
    }
    path = place / "run.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


@pytest.fixture(scope="session")
def built(config: Path, place: Path) -> Path:
    """The run's output folder as `altiplano build` makes it on this machine."""
    output = place / "local"
    run(BIN / "altiplano", "build", config, "--set", f"output={output}")
    return output


@pytest.fixture(scope="session")
def standalone(place: Path) -> Iterator[str]:
    """The address of a standalone master with one worker."""
    with standalone_cluster(place, workers=1, cores=2) as cluster:
        yield cluster.address


@pytest.fixture(scope="session")
def slurm() -> Iterator[dict[str, str]]:
    """The environment in which SLURM's commands reach a one-node SLURM of our own."""
    script = ROOT / "jobs" / "setup" / "slurm.sh"
    if shutil.which("sbatch") is None:
        pytest.fail("SLURM is not installed; `make test-cluster` installs it where it can")
    # A socket's address is at most 107 bytes, which pytest's own folders can exceed.
    folder = subprocess.check_output(["mktemp", "-d", "/tmp/slurm.XXXXXX"], text=True).strip()
    try:
        run(script, "start", folder)
        yield {**os.environ, "SLURM_CONF": f"{folder}/slurm.conf"}
    finally:
        run(script, "stop", folder)
        shutil.rmtree(folder)


def write_wet_files(folder: Path, files: int = 3, copies: int = 1) -> None:
    """Real prose and its natural duplicates: the documentation of standard modules.

    Every copy has a word of its own at the end of each line, so that it does not repeat another.
    """
    folder.mkdir()
    for part in range(files):
        with (folder / f"docs-{part:02}.wet.gz").open("wb") as file:
            writer = WARCWriter(file, gzip=True)
            for copy, name in itertools.product(range(copies), MODULES[part::files]):
                text = pydoc.plain(pydoc.render_doc(importlib.import_module(name)))
                text = text.replace("\n", f" {'x' * copy}\n") if copy else text
                record = writer.create_warc_record(
                    f"http://docs.python/{name}/{copy}",
                    "conversion",
                    payload=io.BytesIO(text.encode("utf-8", "replace")),
                    warc_content_type="text/plain",
                    warc_headers_dict={"WARC-Date": "2026-01-01T00:00:00Z"},
                )
                writer.write_record(record)
