"""ArXiv papers beside RedPajama's cleaner, which is regular expressions over whole files.

It expands only macros without arguments and follows no input, so it does less. PEERS needs a
checkout of togethercomputer/RedPajama-Data, branch rp_v1, as `RedPajama-Data`, and fasttext, which
it imports.
"""

import importlib
import sys
from pathlib import Path

from corpus.latex.decode import decode
from jobs.bench.cases import Case
from jobs.bench.source_arxiv import papers, size, texts

_TIMES = 3  # over the papers in one go, so that a measurement takes tenths of a second


def case(data: Path, peers: Path) -> Case:
    sys.path.append(str(peers / "RedPajama-Data/data_prep/arxiv"))  # its `utils` too
    cleaner = importlib.import_module("arxiv_cleaner")
    found = papers(data) * _TIMES

    def theirs() -> None:
        for paper in found:
            cleaner.clean_tex_files([decode(content) for content in paper.values()])

    return Case("RedPajama-Data rp_v1", size(found), len(found), lambda: texts(found), theirs)
