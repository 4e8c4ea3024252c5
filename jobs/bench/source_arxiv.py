"""ArXiv papers beside RedPajama's cleaner, which is regular expressions over whole files.

PEERS needs a checkout of togethercomputer/RedPajama-Data, branch rp_v1, as `RedPajama-Data`. Its
cleaner is given each paper's TeX files, decoded; ours the same files as bytes. Theirs expands no
macro with arguments and follows no input: it does less.
"""

import importlib
import sys
import tarfile
from pathlib import Path

from corpus.formats.paper_archive import ArchiveLimits, unpack
from corpus.latex.decode import decode
from corpus.latex.paper import clean, read_source
from jobs.bench.cases import Case

_ROUNDS = 3  # of the papers in one go, so that a measurement takes seconds


def case(data: Path, peers: Path) -> Case:
    papers = [*_bulk(data), *_tree(data)] * _ROUNDS
    decoded = [[decode(content) for content in paper.values()] for paper in papers]
    cleaner = _cleaner(peers / "RedPajama-Data/data_prep/arxiv")

    def ours() -> int:
        total = 0
        for paper in papers:
            source = read_source(paper)
            total += len(clean(source, source.mains[0]).text)
        return total

    def theirs() -> int:
        return sum(len(cleaner.clean_tex_files(files)) for files in decoded)

    size = sum(len(content) for paper in papers for content in paper.values())
    return Case("RedPajama-Data rp_v1", size, len(papers), ours, theirs)


def _cleaner(folder: Path):
    sys.path.insert(0, str(folder))  # for its `utils`
    return importlib.import_module("arxiv_cleaner")


def _bulk(data: Path) -> list[dict[str, bytes]]:
    papers = []
    with tarfile.open(data / "arxiv/lab156/tests/minitest.tar") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".gz") else None
            if content and (files := unpack(content, ArchiveLimits()).files):
                papers.append(files)
    return papers


def _tree(data: Path) -> list[dict[str, bytes]]:
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
