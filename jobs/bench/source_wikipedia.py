"""Wikipedia's articles beside the usual way to them: iterparse and mwparserfromhell's strip_code.

The peer parses each page of the dump as a tree and each text as another, as its documentation
shows. `pip install --target PEERS mwparserfromhell`.
"""

import bz2
import importlib.metadata
from pathlib import Path
from xml.etree.ElementTree import iterparse

from corpus.counts import Counts
from corpus.sources.wikipedia import WikipediaConfig, read
from corpus.storage import list_files
from jobs.bench.cases import Case

_CONFIG = WikipediaConfig(languages=(), min_chars=1)


def case(data: Path, peers: Path) -> Case:
    files = list_files(str(data / "wikipedia/dbpedia-minidumps/minidumps"), (".xml.bz2",))
    size = sum(len(bz2.decompress(Path(file.uri).read_bytes())) for file in files)

    def ours() -> int:
        return sum(
            batch.num_rows for file in files for batch in read(file, "wikipedia", _CONFIG, Counts())
        )

    def theirs() -> int:
        return sum(len(_texts(Path(file.uri))) for file in files)

    documents = ours()
    assert documents == theirs(), "both sides give a document an article"
    version = importlib.metadata.version("mwparserfromhell")
    return Case(f"mwparserfromhell {version}", size, documents, ours, theirs)


def _texts(path: Path) -> list[str]:
    import mwparserfromhell

    texts = []
    with bz2.open(path) as stream:
        for _, element in iterparse(stream):
            if element.tag.endswith("}page"):
                name = element.tag.removesuffix("page")
                redirect = element.find(f"{name}redirect") is not None
                if element.findtext(f"{name}ns") == "0" and not redirect:
                    text = element.findtext(f"{name}revision/{name}text") or ""
                    texts.append(mwparserfromhell.parse(text).strip_code())
                element.clear()
    return texts
