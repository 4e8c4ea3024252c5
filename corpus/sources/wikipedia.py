"""Reads Wikipedia from MediaWiki XML dumps: a document an article, without its markup.

LLaMA section 2.1 takes 20 languages and removes hyperlinks, comments and other formatting
boilerplate. Redirects and pages outside of the article namespace are no articles.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote

import pyarrow as pa

from corpus.config import nearest
from corpus.counts import Counts
from corpus.errors import ConfigError, DataError
from corpus.formats import mediawiki
from corpus.formats.documents import Document, to_batches
from corpus.formats.mediawiki import Site, WikiPage
from corpus.storage import InputFile
from corpus.wikitext.clean import clean
from corpus.wikitext.names import LANGUAGES, LLAMA_LANGUAGES, REDIRECT_WORDS, hidden_links

SUFFIXES = mediawiki.SUFFIXES

OTHER_LANGUAGE = "dump of a language not asked for"
NOT_AN_ARTICLE = "not an article"
REDIRECT = "redirect"
NOT_WIKITEXT = "not wikitext"
GAP = "template within a sentence shows nothing"
NO_ID = "page without an id or title"

_ARTICLES = 0  # the namespace
_REDIRECT = re.compile(rf"\s*#(?:{'|'.join(REDIRECT_WORDS)})\s*:?\s*\[\[", re.I)
_LEAST_PART = 1 << 16
# Wikimedia's names: the wiki and date, then what kind of dump it is, of which each holds all pages
_NAME = re.compile(
    r"(?P<dump>[a-z][a-z_]*-(?:\d{8}|latest))-pages-(?P<pages>articles|meta-current|meta-history)"
    r"(?P<twin>-multistream)?\d*\.xml(?P<piece>-p\d+p\d+)?(?P<packing>\.\w+)?"
)


@dataclass(frozen=True)
class WikipediaConfig:
    """Which dumps and articles are kept, and in what parts tasks share a dump."""

    languages: tuple[str, ...] = LLAMA_LANGUAGES  # codes; none: every language
    min_chars: int = 100
    license: str | None = None  # SPDX expression: a dump states none
    part_bytes: int = 64 << 20  # of a file as it is, packed or not

    def __post_init__(self) -> None:
        for language in self.languages:
            if language not in LANGUAGES:
                near = nearest(language, LANGUAGES)
                raise ConfigError(
                    f"languages: '{language}' is no language of a Wikipedia{near or ', such as de'}"
                    "; [] reads the dumps of every language"
                )
        if self.min_chars < 1:
            raise ConfigError(
                f"min_chars={self.min_chars} must be at least 1; empty texts are none"
            )
        if self.part_bytes < _LEAST_PART:
            raise ConfigError(f"part_bytes={self.part_bytes} must be at least {_LEAST_PART:,}")


def check(files: Sequence[InputFile], config: WikipediaConfig) -> None:
    """DataError for a wiki of one date in two kinds of files: its articles would come twice."""
    kinds: dict[str, dict[tuple[str, ...], str]] = {}
    for file in files:
        if name := _NAME.fullmatch(file.name.rpartition("/")[2]):
            kind = (name["pages"], name["twin"], str(bool(name["piece"])), name["packing"])
            kinds.setdefault(name["dump"], {}).setdefault(kind, file.name)
    for dump, names in kinds.items():
        if len(names) > 1:
            raise DataError(
                f"{dump} is in the input in {len(names)} kinds of files, each with every article: "
                f"{', '.join(names.values())}; keep the files of one"
            )


def split(file: InputFile, config: WikipediaConfig) -> list[InputFile]:
    """The parts of a dump that tasks may share; gz and xz files are one each."""
    return mediawiki.split(file, config.part_bytes)


def read(
    file: InputFile, source: str, config: WikipediaConfig, counts: Counts
) -> Iterator[pa.RecordBatch]:
    """Yields a dump's articles, or a part's, as batches of `corpus.schema.DOCUMENT`, in order."""
    return to_batches(_documents(file, source, config, counts), counts)


def _documents(
    file: InputFile, source: str, config: WikipediaConfig, counts: Counts
) -> Iterator[Document]:
    if file.start == 0:
        counts.add("files")
        counts.add("bytes_in", file.size)
    site = mediawiki.read_site(file)
    if config.languages and site.language and site.language not in config.languages:
        if file.start == 0:
            counts.note(OTHER_LANGUAGE, f"{file.name} {site.language}")
        return
    if site.is_dump and not site.language and file.start == 0:
        counts.add("dumps_without_language")
    hidden = hidden_links(site.namespaces, site.language)
    address = _address(site)
    short = f"shorter than {config.min_chars} characters"
    for page in mediawiki.read_pages(file, counts, site):
        counts.add("records")
        origin = f"{file.name}#{page.page_id}"
        path = quote(page.title.replace(" ", "_"), safe="/:@!$*(),;'~")
        url = address + path if address else origin
        reason = _unwanted(page)
        gaps: list[str] = []
        text = "" if reason else clean(page.wikitext, page.title, hidden, gaps)
        if reason or len(text) < config.min_chars:
            counts.skip(reason or short, f"{origin} {url}")
            continue
        for name in gaps:
            counts.note(GAP, f"{origin} {name}")
        yield Document(source, url, origin, page.timestamp, None, config.license, page.title, text)


def _unwanted(page: WikiPage) -> str | None:
    if page.namespace != _ARTICLES:
        return NOT_AN_ARTICLE
    if page.redirect or _REDIRECT.match(page.wikitext):
        return REDIRECT
    if page.model != "wikitext":
        return NOT_WIKITEXT
    return None if page.title and page.page_id is not None else NO_ID


def _address(site: Site) -> str:
    """What stands before a title in a page's address; nothing where the wiki is not known."""
    path, wiki, _ = site.base.partition("/wiki/")
    if wiki:
        return path + wiki
    return f"https://{site.language}.wikipedia.org/wiki/" if site.language else ""
