"""The URLs that a Wikipedia page cites: those within its `<ref>` tags, read from wikitext.

As MediaWiki's Cite does: comments and `<nowiki>` hide what they hold; a tag ends at the first
`</ref>`; a name used again (`<ref name="x" />`) cites again what the name stands for;
`{{#tag:ref|…}}` is a tag too. Links outside of tags are no references. Copies in web archives are
kept apart, and the page behind such a copy is what is cited.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

from corpus.references.urls import canonical

_HIDING = re.compile(r"<!--|<(nowiki|pre|syntaxhighlight|source|math)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<ref(?=[\s/>])([^<>]*)>", re.IGNORECASE)
_PARSER_TAG = re.compile(r"\{\{\s*#tag:\s*ref\s*\|", re.IGNORECASE)
_BRACE = re.compile(r"[{}]")
_END = re.compile(r"</ref\s*>", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"\b(name|group)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'/|}]+))", re.IGNORECASE
)
_URL = re.compile(r"(?:(?:https?:)?//)[^\s<>\[\]\"|{}\x00-\x20\x7f\u3000]+", re.IGNORECASE)
_PARAMETER = re.compile(r"\|\s*([^|={}\[\]<>]+?)\s*=\s*\Z")
_ARCHIVED = re.compile(
    r"https?://(?:web\.archive\.org|(?:www\.)?archive\.org/web|wayback\.archive-it\.org|"
    r"archive\.(?:today|is|ph|fo|li|md|vn)|webarchive\.[a-z.]+|(?:www\.)?webcitation\.org|"
    r"arquivo\.pt|perma\.cc)/\S*",
    re.IGNORECASE,
)
_ORIGINAL = re.compile(r"(?<=/)https?:/{1,2}(?=[^/])", re.IGNORECASE)
_ENDING = ".,;:!?"  # of a bare URL, MediaWiki takes these for the sentence's


@dataclass
class Citation:
    """One page that a Wikipedia page cites: as it was written first, and how many tags cite it."""

    address: str
    archive: str | None
    count: int


@dataclass(frozen=True)
class _Ref:
    name: tuple[str, str] | None  # group and name
    content: str | None  # None: the tag only repeats a name


def citations(wikitext: str) -> dict[str, Citation]:
    """The cited pages by canonical URL, in the order they are first cited."""
    refs = list(_refs(_visible(wikitext)))
    named: dict[tuple[str, str], list[tuple[str, str | None]]] = {}
    cited: list[list[tuple[str, str | None]]] = []
    for ref in refs:
        links = [] if ref.content is None else _links(ref.content)
        if ref.name is not None and links:
            named.setdefault(ref.name, links)
        cited.append(links)
    found: dict[str, Citation] = {}
    for ref, links in zip(refs, cited, strict=True):
        if ref.name is not None and not (ref.content or "").strip():
            links = named.get(ref.name, [])
        for form, (address, archive) in _by_form(links).items():
            citation = found.setdefault(form, Citation(address, archive, 0))
            citation.archive = citation.archive or archive
            citation.count += 1
    return found


def _visible(text: str) -> str:
    """A text without its comments and what is not read as wikitext; linear in its length."""
    parts = []
    at = 0
    unclosed: set[str] = set()
    while match := _HIDING.search(text, at):
        tag = (match[1] or "").lower()
        end = match.end()
        if not tag:
            closing = text.find("-->", end)
            end = len(text) if closing < 0 else closing + 3
        elif not match[0].endswith("/>"):
            close = re.compile(rf"</{tag}\s*>", re.IGNORECASE)
            closed = None if tag in unclosed else close.search(text, end)
            if closed is None:  # then the tag is shown as text
                unclosed.add(tag)
                parts.append(text[at:end])
                at = end
                continue
            end = closed.end()
        parts.append(text[at : match.start()])
        at = end
    return "".join([*parts, text[at:]])


def _refs(text: str) -> Iterator[_Ref]:
    at = 0
    last_end = max((end.start() for end in _END.finditer(text)), default=-1)
    while match := _TAG.search(text, at):
        at = match.end()
        name = _name(match[1])
        if match[1].rstrip().endswith("/"):
            yield _Ref(name, None)
        elif at <= last_end and (end := _END.search(text, at)):
            yield _Ref(name, text[at : end.start()])
            at = end.end()
    at = 0
    while match := _PARSER_TAG.search(text, at):
        content = _in_braces(text, match.end())
        at = match.end() + len(content)
        yield _Ref(_name(content), content)


def _name(attributes: str) -> tuple[str, str] | None:
    found = {
        m[1].lower(): (m[2] or m[3] or m[4] or "").strip() for m in _ATTRIBUTE.finditer(attributes)
    }
    return (found.get("group", ""), found["name"]) if found.get("name") else None


def _in_braces(text: str, start: int) -> str:
    """What follows `start` up to the braces that close two opened before it."""
    depth = 2
    for match in _BRACE.finditer(text, start):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return text[start : match.start() - 1]
    return text[start:]


def _links(content: str) -> list[tuple[str, str | None]]:
    """(address, archived copy or None) of each link in a tag's content."""
    addresses: list[str] = []
    archives: list[tuple[str, str | None]] = []
    for match in _URL.finditer(content):
        before = content[max(match.start() - 80, 0) : match.start()]
        parameter = _PARAMETER.search(before)
        url = _address(match[0], bare=parameter is None and not before.endswith("["))
        if url is None or (url.startswith("//") and parameter is None and before[-1:] != "["):
            continue
        url = "https:" + url if url.startswith("//") else url
        if "archiv" in (parameter[1].lower() if parameter else "") or _ARCHIVED.match(url):
            archives.append((url, _original(url)))
        elif canonical(url):
            addresses.append(url)
    return _paired(addresses, archives)


def _address(url: str, bare: bool) -> str | None:
    url = html.unescape(url.partition("''")[0])
    if bare:
        url = url.rstrip(_ENDING if "(" in url else _ENDING + ")")
    return url or None


def _original(archive: str) -> str | None:
    """The page that an archived copy is of, where the copy's own URL says it."""
    inner = _ORIGINAL.search(archive)
    if inner is None:
        return None
    original = re.sub(r":/+", "://", archive[inner.start() :], count=1)
    return original if canonical(original) else None


def _paired(
    addresses: list[str], archives: list[tuple[str, str | None]]
) -> list[tuple[str, str | None]]:
    """Each address with its copy: the one of the same page, else the next that says of none."""
    copies: dict[str, str] = {}
    loose: list[str] = []
    for archive, original in archives:
        form = canonical(original) if original else None
        if form is None:
            loose.append(archive)
        else:
            copies.setdefault(form, archive)
            addresses.append(original or "")
    pairs = []
    for address in addresses:
        copy = copies.get(canonical(address) or "")
        pairs.append((address, copy or (loose.pop(0) if loose else None)))
    return pairs


def _by_form(links: list[tuple[str, str | None]]) -> dict[str, tuple[str, str | None]]:
    """A tag's links by canonical URL: a tag cites a page once, however often it links to it."""
    found: dict[str, tuple[str, str | None]] = {}
    for address, archive in links:
        form = canonical(address)
        if form is not None:
            known = found.get(form, (address, archive))
            found[form] = (known[0], known[1] or archive)
    return found
