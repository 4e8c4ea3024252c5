"""Pages of MediaWiki XML dumps, streamed: `.xml`, plain or bz2 (also multistream), gz, xz or zstd.

A large wiki's dump comes in files named for their pages, such as `….xml-p1p41242.bz2`.

A part of a plain or bz2 dump gives the pages that begin in it. A dump cut off gives the pages
before its cut, a damaged one those around the damage; either is counted and named.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from xml.etree.ElementTree import Element, ParseError, fromstring

from corpus import storage
from corpus.counts import Counts
from corpus.formats.dump_pieces import PACKED_WHOLE, Piece, read_pieces

_PACKINGS = ("", ".bz2", ".gz", ".xz", ".zst")
_PAGES = ".xml-p[0-9]*p*[0-9]"  # numbers of the first and last one in a file
SUFFIXES = tuple(kind + packing for kind in (".xml", _PAGES) for packing in _PACKINGS)
NOT_A_DUMP = "not a MediaWiki dump"
DAMAGED_PAGE = "page is not XML"
CUT_PAGE = "page cut off by the dump's end or damage, after this page"
LARGE_PAGE = "page over 64 MiB"
NO_END = "dump without its end"

_END = b"</mediawiki>"
_PAGE = re.compile(rb"<page(?:\s[^<>]{0,64})?>")
_PAGE_MARK = re.compile(rb"<(/?)page(?:\s[^<>]{0,64})?>")
_LONGEST_MARK = len(b"</page >") + 64
_REVISION = b"<revision>"
_TAIL = 64
_THIN_OVER = 8 << 20  # bytes of a page, from which on only its last revision is held
_LARGEST_PAGE = 64 << 20
_LARGEST_HEAD = 1 << 20
_NAMESPACE = re.compile(r"<namespace\s[^<>]*?key=[\"'](-?\d{1,9})[\"'][^<>]*>([^<>]*)</namespace>")


@dataclass(frozen=True)
class Site:
    """What a dump says of its wiki; where it says nothing, what its file's name does."""

    is_dump: bool = False
    wiki: str = ""  # its database name, such as enwiki
    base: str = ""  # the address of its main page
    language: str = ""  # code
    namespaces: dict[int, str] = field(default_factory=dict)  # its own names of them


@dataclass(frozen=True)
class WikiPage:
    """One page; of several revisions, the last."""

    wiki: str  # its database name, such as enwiki
    title: str
    namespace: int  # 0: articles
    redirect: bool
    wikitext: str
    page_id: int | None = None  # unique in a wiki
    timestamp: str | None = None  # of the revision, ISO 8601
    model: str = "wikitext"  # what its text is


def split(file: storage.InputFile, size: int) -> list[storage.InputFile]:
    """The parts of a dump that tasks may share, of about `size` bytes."""
    if file.name.lower().endswith(PACKED_WHOLE):
        return [file]
    parts = file.parts(size)
    if len(parts) > 1 and file.size - parts[-1].start < _TAIL:  # too short to tell the dump's end
        parts[-2:] = [replace(parts[-2], end=None)]
    return parts


def read_site(file: storage.InputFile) -> Site:
    """What stands before the pages of a dump; of what is no dump, nothing.

    What is damaged before any page passes for a dump, whose other pages may be whole.
    """
    head, damaged = b"", False
    for piece in read_pieces(replace(file, start=0, end=None)):
        head += piece.data
        damaged |= piece.fault is not None
        if _PAGE.search(head) or b"</siteinfo>" in head or len(head) > _LARGEST_HEAD:
            break
    page = _PAGE.search(head)
    text = head[: page and page.start()].decode("utf-8", "replace")
    wiki, base = _first(r"<dbname>([^<>]*)</dbname>", text), _first(r"<base>([^<>]*)</base>", text)
    host = _first(r"^(?:https?:)?//([a-z-]+)\.[a-z]+\.org(?:/|$)", base)
    language = host or _language(wiki) or _first(r"xml:lang=[\"']([^\"']*)[\"']", text)
    if not (wiki or language):
        wiki = _first(r"^([a-z][a-z_]*wiki)-", file.name.rpartition("/")[2])
        language = _language(wiki)
    namespaces = {int(key): name.strip() for key, name in _NAMESPACE.findall(text)}
    is_dump = damaged or b"<mediawiki" in head or page is not None
    return Site(is_dump, wiki, base, language, namespaces)


def read_pages(
    file: storage.InputFile, counts: Counts, site: Site | None = None
) -> Iterator[WikiPage]:
    """The pages of a dump, or of a part, in order; counts `pages`, skips what is damaged."""
    site = site or read_site(file)
    if not site.is_dump:
        if file.start == 0:
            counts.note(NOT_A_DUMP, file.name)
        return
    place = file.name
    assembler = _Assembler()
    for piece in read_pieces(file):
        for xml in assembler.add(piece):
            page = _parse(xml, site.wiki) if isinstance(xml, bytes) else None
            if page is None:
                if isinstance(xml, bytes):
                    counts.skip(DAMAGED_PAGE, place)
                elif xml == LARGE_PAGE:
                    counts.skip(xml, place)
                else:
                    counts.note(xml, place)
                continue
            counts.add("pages")
            place = f"{file.name}#{page.title}"
            yield page
        if assembler.done:
            return
    for fault in assembler.end():
        counts.note(fault, place)


class _Assembler:
    """From pieces to the XML of each page that begins in the part, and the faults between them."""

    def __init__(self) -> None:
        self.done = False  # no page that begins in the part can follow
        self._waiting = b""
        self._own = 0  # bytes of `_waiting`, from its start, in which pages may begin
        self._scanned = 0
        self._within = False  # a page, which begins where `_waiting` does
        self._tail: bytes | None = None  # of the part; None where it is not the dump's last

    def add(self, piece: Piece) -> Iterator[bytes | str]:
        """Each page's XML; the reasons of what is lost, as text."""
        if piece.fault:
            if self._within:
                yield CUT_PAGE
            if piece.own:
                yield piece.fault
            self._waiting, self._own, self._scanned, self._within = b"", 0, 0, False
            self._tail = b""
        self._waiting += piece.data
        if piece.own:
            self._own += len(piece.data)
            self._tail = ((self._tail or b"") + piece.data)[-_TAIL:]
        else:
            self._tail = None
        yield from self._pages()
        self.done = not (piece.own or self._within or self._own)

    def end(self) -> Iterator[str]:
        """What the dump's end cuts off."""
        if self._within:
            yield CUT_PAGE
        if self._tail is None:
            return
        shown = b"".join(self._tail.split())
        # the last block may hold a few bytes of the dump's end alone
        short = self._tail and len(self._tail) < _TAIL and _END.endswith(shown)
        if not (short or shown.endswith(_END)):
            yield NO_END

    def _pages(self) -> Iterator[bytes | str]:
        at = 0  # what stands before has been dealt with
        while True:
            if not self._within:
                page = _PAGE.search(self._waiting, at)
                if page is None or page.start() >= self._own:
                    at = max(len(self._waiting) - _LONGEST_MARK, at)
                    break
                at = page.start()
                self._within, self._scanned = True, page.end()
            mark = _PAGE_MARK.search(self._waiting, self._scanned)
            if mark is None:
                self._scanned = max(len(self._waiting) - _LONGEST_MARK, self._scanned)
                break
            self._within = False
            if not mark[1]:  # the page before has lost its end
                at = mark.start()
                yield CUT_PAGE
                continue
            begin, at = at, mark.end()
            yield self._waiting[begin:at] if at - begin <= _LARGEST_PAGE else LARGE_PAGE
        self._drop(0, at)
        self._scanned = max(self._scanned - at, 0)
        if self._within and len(self._waiting) > _THIN_OVER:
            first, last = self._waiting.find(_REVISION), self._waiting.rfind(_REVISION)
            self._drop(first, last)
            self._scanned = max(self._scanned - (last - first), 0)
            if len(self._waiting) > _LARGEST_PAGE:
                yield LARGE_PAGE
                self._drop(0, 1)  # or it would be found again
                self._within = False

    def _drop(self, begin: int, end: int) -> None:
        self._waiting = self._waiting[:begin] + self._waiting[end:]
        self._own -= min(max(self._own - begin, 0), end - begin)


def _language(wiki: str) -> str:
    """The code in a wiki's database name; of another project's wiki none."""
    return wiki.removesuffix("wiki").replace("_", "-") if wiki.endswith("wiki") else ""


def _parse(xml: bytes, wiki: str) -> WikiPage | None:
    """A page by its XML; None where it is none."""
    try:
        page = fromstring(xml)
        title, namespace = page.findtext("title") or "", int(page.findtext("ns") or 0)
        number = page.findtext("id")
        revision = page.findall("revision")[-1:]
        fields = {name: _text(revision, name) for name in ("text", "timestamp", "model")}
        return WikiPage(
            wiki,
            title,
            namespace,
            page.find("redirect") is not None,
            fields["text"] or "",
            int(number) if number else None,
            fields["timestamp"],
            fields["model"] or "wikitext",
        )
    except (ParseError, ValueError):
        return None


def _text(revision: list[Element], name: str) -> str | None:
    return revision[0].findtext(name) if revision else None


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else ""
