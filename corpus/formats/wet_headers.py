"""What CCNet takes from a WET record's headers, and the two ways to find it."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from corpus.formats.records import target_uri

# Why a record is skipped of which the rule, exact or not, finds no headers
NO_HEADERS = {True: "headers not where CCNet looks", False: "no WARC-Target-URI"}


class WetHeaders(NamedTuple):
    """Of one `conversion` record."""

    url: str
    date: str | None
    digest: str | None


# A head as Common Crawl wrote it for years: names and places say the same of it
_USUAL = re.compile(
    rb"WARC/1\.0\r\nWARC-Type: conversion\r\n"
    rb"WARC-Target-URI: ([\x21-\x7e]+)\r\nWARC-Date: ([\x21-\x7e]+)\r\n"
    rb"WARC-Record-ID: [^\r\n]+\r\nWARC-Refers-To: [^\r\n]+\r\n"
    rb"WARC-Block-Digest: ([\x21-\x7e]+)\r\n"
    rb"Content-Type: [^\r\n]+\r\nContent-Length: [0-9]+\r\n\r\n"
)


def usual_head(data: bytes, start: int) -> tuple[WetHeaders, int] | None:
    """Of a head at a place in data that is as most are: what it says, and where it ends."""
    found = _USUAL.match(data, start)
    if found is None:
        return None
    url, date, digest = found.groups()
    if url.startswith(b"<"):
        return None
    return WetHeaders(url.decode(), date.decode(), digest.decode()), found.end()


def by_name(headers: Mapping[str, str]) -> WetHeaders | None:
    """From headers by lower-case name; None where no URL is stated."""
    url = target_uri(headers)
    if not url:
        return None
    return WetHeaders(url, headers.get("warc-date"), headers.get("warc-block-digest"))


def by_position(lines: Sequence[str]) -> WetHeaders | None:
    """From header lines, the version first, as CCNet's code counts them; None where it gives up.

    It takes the second word of a line, and wants a number in the ninth.
    """
    try:
        int(lines[8].split()[1])
        return WetHeaders(lines[2].split()[1], lines[3].split()[1], lines[6].split()[1])
    except (ValueError, IndexError):
        return None


def type_by_position(lines: Sequence[str]) -> str:
    """The WARC-Type as CCNet's code finds it: the second line's second word, or nothing."""
    return next(iter(lines[1].split()[1:2]), "") if len(lines) > 1 else ""


def by_rule(head: Mapping[str, str] | Sequence[str], exact: bool) -> tuple[str, WetHeaders | None]:
    """A record's WARC-Type, and its headers: by position where `exact`, else by name.

    `head` is headers by lower-case name, which name the type in any case, or header lines with
    the version first.
    """
    lines: Sequence[str]
    if isinstance(head, Mapping):
        named, lines = head, ["WARC/1.0", *map(": ".join, head.items())]
        kind = named.get("warc-type", "").strip().lower()
    else:
        named, lines = names(head), head
        kind = type_by_position(lines) if exact else named.get("warc-type", "").lower()
    return kind, by_position(lines) if exact else by_name(named)


def names(lines: Sequence[str]) -> dict[str, str]:
    """Header lines as a mapping by lower-case name; lines without a colon are passed over."""
    pairs = (line.partition(":") for line in lines[1:])
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
