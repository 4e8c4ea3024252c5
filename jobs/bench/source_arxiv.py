"""ArXiv papers beside pylatexenc, the usual parser of LaTeX in Python.

The peer only parses each file into nodes: it expands no macro of the author's and follows no input,
so it does less. PEERS needs pylatexenc.
"""

import logging
import tarfile
from importlib.metadata import version
from pathlib import Path

from corpus.formats.paper_archive import ArchiveLimits, unpack
from corpus.latex.decode import decode
from corpus.latex.paper import clean, read_source
from jobs.bench.cases import Case

Paper = dict[str, bytes]  # its TeX files by path


def case(data: Path, peers: Path) -> Case:
    from pylatexenc.latexwalker import LatexWalker

    logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)  # it tells of all it cannot parse
    found = papers(data)

    def theirs() -> None:
        for paper in found:
            for content in paper.values():
                LatexWalker(decode(content), tolerant_parsing=True).get_latex_nodes()

    peer = f"pylatexenc {version('pylatexenc')}"
    return Case(peer, size(found), len(found), lambda: texts(found), theirs)


def papers(data: Path) -> list[Paper]:
    return [*_bulk(data), *_tree(data)]


def size(found: list[Paper]) -> int:
    return sum(len(content) for paper in found for content in paper.values())


def texts(found: list[Paper]) -> list[str]:
    """Our side: each paper's files, as bytes, to its text."""
    sources = (read_source(paper) for paper in found)
    return [clean(source, source.mains[0]).text for source in sources]


def _bulk(data: Path) -> list[Paper]:
    papers = []
    with tarfile.open(data / "arxiv/lab156/tests/minitest.tar") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".gz") else None
            if content and (files := unpack(content, ArchiveLimits()).files):
                papers.append(files)
    return papers


def _tree(data: Path) -> list[Paper]:
    """The papers of a tree, each a main file at its root with the files of its own folder."""
    with tarfile.open(data / "arxiv/pinafore-dev.tar.xz") as archive:
        files = {
            member.name.removeprefix("arxiv/pinafore/"): content.read()
            for member in archive
            if member.name.endswith(".tex") and (content := archive.extractfile(member))
        }
    mains = [name for name in files if "/" not in name]
    return [
        {main: files[main], **{n: c for n, c in files.items() if _belongs(n, main)}}
        for main in mains
    ]


def _belongs(name: str, main: str) -> bool:
    folder = main.removesuffix(".tex")
    return name == "style/preamble.tex" or name.startswith(f"{folder}/sections/")
