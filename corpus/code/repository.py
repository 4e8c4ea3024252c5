"""The files of one project to documents: its licences first, then each file under its own.

A project is walked twice, as an archive may hold its LICENSE at its end; so nothing of it is held.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from corpus.code.cleaning import CodeConfig, Dropped, clean, refuse_path
from corpus.code.license_texts import LONGEST_TEXT
from corpus.code.statements import (
    Statement,
    license_for,
    licenses_by_folder,
    statement_of,
    states_license,
)
from corpus.counts import Counts
from corpus.formats.documents import Document

UNREADABLE = "file that cannot be read from its archive"


class Member(NamedTuple):
    """A file of a project. `read` takes how many bytes at most; None where it is damaged."""

    path: str  # in the project, parts joined by /
    origin: str
    size: int  # bytes
    read: Callable[[int], bytes | None]


def read_project(
    name: str,
    members: Callable[[Counts], Iterable[Member]],
    source: str,
    config: CodeConfig,
    counts: Counts,
) -> Iterator[Document]:
    """Yields the files that are kept, in the order of `members`, which is called twice.

    `members` is given the counts for faults it meets; the first time those are not counted.
    """
    folders = licenses_by_folder(_statements(members(Counts())))
    for member in members(counts):
        counts.add("records")
        url = f"{name}/{member.path}"
        refused = refuse_path(member.path, member.size, config)
        if refused is None:
            content = member.read(config.max_file_bytes)
            if content is None:
                counts.skip(UNREADABLE, f"{member.origin} {url}")
                continue
            found = clean(member.path, content, license_for(member.path, folders), config)
        else:
            found = refused
        if isinstance(found, Dropped):
            counts.skip(found.reason, f"{member.origin} {url} {found.detail}".rstrip())
            continue
        yield to_document(source, url, member.origin, member.path, found.text, found.license)


def to_document(source: str, url: str, origin: str, path: str, text: str, license: str) -> Document:
    """A document with its digest, which is of the text that is kept."""
    digest = "sha1:" + base64.b32encode(hashlib.sha1(text.encode()).digest()).decode()
    return Document(source, url, origin, None, digest, license, path, text)


def _statements(members: Iterable[Member]) -> Iterator[Statement]:
    for member in members:
        if not states_license(member.path):
            continue
        content = member.read(LONGEST_TEXT)
        statement = statement_of(member.path, content) if content is not None else None
        if statement is not None:
            yield statement
