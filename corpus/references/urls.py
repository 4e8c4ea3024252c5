"""The canonical form of a URL: what a page cited in one place and crawled in another is joined on.

Two URLs are taken for one page where they differ only in what servers and people vary freely:

- the scheme (`http`, `https`), a user name, the port of either scheme (80, 443);
- the host's case, a dot at its end, `www.`, `www2.` and the like before it, Unicode or punycode;
- percent-encoding of what needs none, its case, non-ASCII characters encoded or not;
- dot segments, slashes at the end of the path, a `;jsessionid=`;
- the fragment; query parameters that track visits; the order of query parameters.

Everything else counts: the path's case, `index.html`, a slash before a query.
"""

import hashlib
import re
from urllib.parse import unquote_to_bytes, urlsplit

import numpy as np

_TRACKING = re.compile(
    r"(utm_\w+|fbclid|gclid|gclsrc|dclid|msclkid|yclid|igshid|mc_cid|mc_eid|_ga|"
    r"jsessionid|phpsessid)(=|$)",
    re.IGNORECASE,
)
_WWW = re.compile(r"(?:www\d*\.)+(?=[^.]+\.)")
_SESSION = re.compile(r";jsessionid=[^/]*", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNSAFE = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]|%(?![0-9A-F]{2})")


def canonical(url: str) -> str | None:
    """The canonical form, `host/path?query`, or None for what is no http(s) URL.

    `canonical("http://" + canonical(url)) == canonical(url)`.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = _host(parts.hostname or "")
    except ValueError:  # such as a port that is no number
        return None
    if parts.scheme not in ("http", "https") or host is None:
        return None
    where = host if port in (None, 80, 443) else f"{host}:{port}"
    path = _without_dots(_SESSION.sub("", _encoded(parts.path))).rstrip("/")
    query = _query(_encoded(parts.query))
    return f"{where}{path}{'?' + query if query else ''}"


def site(form: str) -> str:
    """The host of a canonical form, its port included: whose pages tend to read alike."""
    return re.split(r"[/?]", form, maxsplit=1)[0]


def url_key(form: str) -> int:
    """64-bit hash of a canonical form.

    Of 50 million cited URLs and a snapshot's 3 billion pages, 0.008 pairs are expected to share one
    by chance.
    """
    return int.from_bytes(hashlib.blake2b(form.encode(), digest_size=8).digest(), "little")


def url_keys(forms: list[str]) -> np.ndarray:
    """The same of many, [N] uint64."""
    return np.array([url_key(form) for form in forms], np.uint64)


def _host(name: str) -> str | None:
    if ":" in name:  # an IPv6 address, which urlsplit has checked and taken out of its brackets
        return f"[{name.lower()}]"
    name = name.rstrip(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    name = name.lower()
    bare = _WWW.sub("", name, count=1) if name.startswith("www") else name
    return bare if _HOST.fullmatch(bare) else None


def _encoded(text: str) -> str:
    """Percent-encoded where it must be and nowhere else, in capitals."""

    def kept(match: re.Match) -> str:
        byte = unquote_to_bytes(match.group())
        return byte.decode() if _UNRESERVED.match(byte) else match.group().upper()

    def escaped(match: re.Match) -> str:
        return "".join(f"%{byte:02X}" for byte in match.group().encode("utf-8", "replace"))

    return _UNSAFE.sub(escaped, _ESCAPE.sub(kept, text))


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "".join("/" + segment for segment in kept)


def _query(query: str) -> str:
    parts = [part for part in query.split("&") if part and not _TRACKING.match(part)]
    return "&".join(sorted(parts))
