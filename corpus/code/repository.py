"""The files of one project to documents: its licences first, then each file under its own.

A project is walked twice, as an archive may hold its LICENSE at its end; so nothing of it is held.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from corpus.code.bundled import Bundled
from corpus.code.cleaning import CodeConfig, Dropped, clean, refuse_path
from corpus.code.expressions import UNKNOWN
from corpus.code.license_texts import LONGEST_TEXT
from corpus.code.statements import (
    Statement,
    bundled_of,
    license_for,
    licenses_by_folder,
    statement_of,
    states_license,
)
from corpus.counts import Counts
from corpus.formats.documents import Document

_MOST_PATTERNS = 1000  # of a project: each of its files is compared with each
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
    bundled: list[Bundled] = []
    folders = licenses_by_folder(_statements(members(Counts()), bundled))
    for member in members(counts):
        counts.add("records")
        url = f"{name}/{member.path}"
        refused = refuse_path(member.path, member.size, config)
        if refused is None:
            content = member.read(config.max_file_bytes)
            if content is None:
                counts.skip(UNREADABLE, f"{member.origin} {url}")
                continue
            found = clean(member.path, content, license_for(member.path, folders, bundled), config)
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


def _statements(members: Iterable[Member], bundled: list[Bundled]) -> Iterator[Statement]:
    """What the project states; what it does for some files by name goes to `bundled`."""
    for member in members:
        content = member.read(LONGEST_TEXT) if states_license(member.path) else None
        if content is None:
            continue
        bundled += bundled_of(member.path, content)
        if sum(len(part.files) for part in bundled) > _MOST_PATTERNS:  # nothing of it is trusted
            bundled[:] = [Bundled(("*",), UNKNOWN)]
        statement = statement_of(member.path, content)
        if statement is not None:
            yield statement
