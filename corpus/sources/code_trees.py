"""Reads source trees: a folder of projects, each a folder of files and one unit of work.

The licence of each file is read from the tree; each file is cleaned by `corpus.code`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from corpus.code.cleaning import CodeConfig
from corpus.code.repository import Member, read_project
from corpus.counts import Counts
from corpus.errors import ConfigError
from corpus.formats.documents import to_batches
from corpus.formats.trees import list_trees, read_head, tree_files
from corpus.storage import InputFile

SUFFIXES = ()  # its units are folders


@dataclass(frozen=True)
class CodeTreesConfig(CodeConfig):
    """As for archives, and how deep below the input folder projects lie."""

    depth: int = 1  # 2 for owner/name

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth < 1:
            raise ConfigError(f"depth={self.depth} must be at least 1")


def units(location: str, config: CodeTreesConfig) -> list[tuple[InputFile, str]]:
    """The projects below a folder with a fingerprint each; DataError where there are none."""
    return list_trees(location, config.depth)


def read(
    project: InputFile, source: str, config: CodeTreesConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields the files of one project as batches of `corpus.schema.DOCUMENT`, by path."""
    counts.add("files")
    counts.add("bytes_in", project.size)

    def members(faults: Counts) -> Iterator[Member]:
        for file in tree_files(project.uri):
            origin = f"{project.name}#{file.name}"
            yield Member(file.name, origin, file.size, partial(read_head, file.uri))

    return to_batches(read_project(project.name, members, source, config, counts), counts)
