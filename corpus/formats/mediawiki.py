"""Pages of MediaWiki XML dumps, streamed: `.xml`, plain or bz2 (also multistream), gz or xz.

A dump cut off gives the pages before its cut; the cut is counted and named.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any
from xml.etree.ElementTree import Element, ParseError, iterparse

from corpus import storage
from corpus.counts import Counts

SUFFIXES = (".xml", ".xml.bz2", ".xml.gz", ".xml.xz")
_CUT = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
_BZ2_DAMAGED = "Invalid data stream"  # what bz2 says by a bare OSError
_OPENERS: dict[str, Any] = {"bz2": bz2.open, "gz": gzip.open, "xz": lzma.open}


@dataclass(frozen=True)
class WikiPage:
    """One page; of several revisions, the last."""

    wiki: str  # its database name, such as enwiki
    title: str
    namespace: int  # 0: articles
    redirect: bool
    wikitext: str


def read_pages(file: storage.InputFile, counts: Counts) -> Iterator[WikiPage]:
    """The pages of a dump in order; counts `pages`, and skips what is cut off or no dump."""
    with storage.open_input(file.uri) as raw:
        opener = _OPENERS.get(file.name.rsplit(".", 1)[-1])
        stream = opener(raw) if opener else raw
        place = file.name
        try:
            for page in _pages(stream):
                counts.add("pages")
                place = f"{file.name}#{page.title}"
                yield page
        except (ParseError, ValueError):
            counts.skip("dump cut off or not XML, after this page", place)
        except _CUT:
            counts.skip("compressed dump cut off or damaged, after this page", place)
        except OSError as error:
            if str(error) != _BZ2_DAMAGED:
                raise  # the disk's or the network's fault: not to be taken for the dump's end
            counts.skip("compressed dump cut off or damaged, after this page", place)


def _pages(stream: IO[bytes]) -> Iterator[WikiPage]:
    wiki, fields = "", _no_fields()
    opened: list[Element] = []
    for event, element in iterparse(stream, events=("start", "end")):
        if event == "start":
            opened.append(element)
            continue
        opened.pop()
        tag = element.tag.rpartition("}")[2]
        within = opened[-1].tag.rpartition("}")[2] if opened else ""
        if tag == "page":
            yield WikiPage(wiki, **fields)
            fields = _no_fields()
        elif tag == "dbname":
            wiki = element.text or ""
        elif tag == "text" and within == "revision":
            fields["wikitext"] = element.text or ""
        elif within == "page" and tag == "title":
            fields["title"] = element.text or ""
        elif within == "page" and tag == "ns":
            fields["namespace"] = int(element.text or 0)
        elif within == "page" and tag == "redirect":
            fields["redirect"] = True
        if within in ("page", "revision", "mediawiki", "siteinfo", "namespaces"):
            opened[-1].remove(element)  # or the tree would grow with the dump


def _no_fields() -> dict[str, Any]:
    return {"title": "", "namespace": 0, "redirect": False, "wikitext": ""}
