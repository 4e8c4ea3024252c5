"""Stack Exchange's threads beside the usual way to them: lxml's iterparse and BeautifulSoup.

The peer is that way as projects before ours describe it: every post parsed as a tree, every body as
a second one, its text joined to its thread in memory. PEERS needs lxml and beautifulsoup4.
"""

import tarfile
from collections import defaultdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from corpus.counts import Counts
from corpus.sources.stackexchange import StackExchangeConfig, read
from corpus.storage import InputFile
from jobs.bench.cases import Case

_SITE = "stackexchange/beer.stackexchange.com/Posts.xml"


def case(data: Path, peers: Path) -> Case:
    folder = TemporaryDirectory(prefix="altiplano-bench-")
    with tarfile.open(data / "stackexchange/beer-dev.tar.xz") as packed:
        packed.extract(_SITE, folder.name, filter="data")
    path = Path(folder.name) / _SITE
    file = InputFile(str(path), "beer.stackexchange.com/Posts.xml", path.stat().st_size)

    def ours() -> int:
        batches = read(file, "stackexchange", StackExchangeConfig(), Counts())
        return sum(batch.num_rows for batch in batches)

    documents = ours()
    assert documents == len(_trees(path)), "both sides give a document a question"
    theirs = partial(_trees, path)
    return Case("lxml + BeautifulSoup", file.size, documents, ours, theirs, folder)


def _trees(path: Path) -> list[str]:
    from bs4 import BeautifulSoup
    from lxml import etree

    questions: dict[str, str] = {}
    answers: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for _, row in etree.iterparse(str(path), tag="row"):
        if row.get("PostTypeId") in ("1", "2"):
            text = BeautifulSoup(row.get("Body") or "", "lxml").get_text()
            if row.get("PostTypeId") == "1":
                questions[row.get("Id")] = f"{row.get('Title')}\n\n{text}"
            else:
                answers[row.get("ParentId")].append((int(row.get("Score")), text))
        row.clear()
    return [
        "\n\n".join([asked, *(text for _, text in sorted(answers[number], reverse=True))])
        for number, asked in questions.items()
    ]
