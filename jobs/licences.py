"""What can be said of each source's licence from its config alone, for a model's card."""

from typing import Any

from jobs.config import RunConfig, SourceConfig

_BY_READER = {
    "crawl": "each page its own; terms of use of the crawl",
    "warc": "each page its own; terms of use of the crawl",
    "wet": "each page its own; terms of use of the crawl",
    "c4": "each page its own; the release is ODC-BY",
    "wikipedia": "CC BY-SA",
    "stackexchange": "CC BY-SA",
    "books": "public domain in the USA",
    "arxiv": "each paper its own",
}
_CODE = ("MIT", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause")  # the reader's own list


def licences(config: RunConfig) -> dict[str, str]:
    """Source -> its licence in a few words; sources of which nothing is known are left out.

    A part of the mixture that is no source of its own is told by its name's source, if it has one.
    """
    known = {name: _licence(source) for name, source in config.corpus.sources.items()}
    return {name: licence for name, licence in known.items() if licence}


def _licence(source: SourceConfig) -> str | None:
    options: dict[str, Any] = source.options.get(source.reader) or {}
    if source.reader in ("code", "code_trees"):
        return ", ".join(options.get("licenses") or _CODE)
    return options.get("license") or _BY_READER.get(source.reader)
