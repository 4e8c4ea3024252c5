"""CCNet's own language models of 2019: which languages there are, and fetching them as they are.

They are the files that the public cc_net downloads: 48 languages, up to several GB each. No
checksum of theirs is published, so a file is held against the length that the server states and
against its own form, and its SHA-256 is printed for those who want to compare.
"""

import hashlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import sentencepiece
from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from corpus.download import download
from corpus.errors import ConfigError, DataError
from corpus.progress import BAR_SECONDS, polled
from corpus.retry import RetryConfig
from jobs.console import console, say
from jobs.models import home

BASE = "https://dl.fbaipublicfiles.com/cc_net/lm"
LANGUAGES = (
    "af ar az be bg bn ca cs da de el en es et fa fi fr gu he hi hr hu hy id is it ja ka kk km kn "
    "ko lt lv mk ml mn mr my ne nl no pl pt ro ru uk zh"
).split()
SUFFIXES = (".sp.model", ".arpa.bin")
_KENLM = b"mmap lm http://kheafield.com/code format version 5\n\0"  # how a packed model begins


def folder_of(named: str | None) -> Path:
    """The folder of language models: the one named, else the project's own."""
    return Path(named) if named else home() / "models" / "lm"


def fetch(
    languages: Sequence[str],
    folder: Path,
    base: str = BASE,
    retry: RetryConfig | None = None,
) -> list[Path]:
    """Brings both files of each language to a folder, where not there; returns all of them.

    A fetch that was cut short goes on where it stopped. ConfigError for a language that CCNet has
    no model of; DataError where a file cannot be had, or is not what its name says.
    """
    if not languages:
        raise ConfigError(f"name the languages to fetch, out of {', '.join(LANGUAGES)}")
    for language in languages:
        if language not in LANGUAGES:
            raise ConfigError(
                f"CCNet has no model of '{language}', only of {', '.join(LANGUAGES)}; "
                f"{_train(language)}"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror}; choose --to") from None
    names = [language + suffix for language in languages for suffix in SUFFIXES]
    return [_fetch(name, folder / name, base, retry or RetryConfig()) for name in names]


def _train(language: str) -> str:
    return f"`altiplano lm train {language}` makes one"


def _fetch(name: str, path: Path, base: str, retry: RetryConfig) -> Path:
    if path.exists():
        say(f"{path}: there already")
        return path
    _require_host(base)
    part = path.with_name(name + ".part")
    try:
        with _watched(name, part):
            download(f"{base.rstrip('/')}/{name}", part, retry, go_on=True)
    except OSError as error:
        raise DataError(f"{part} cannot be written: {error.strerror or error}; make room") from None
    try:
        _require_form(part, name)
    except DataError:
        part.unlink()
        raise
    with part.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    os.replace(part, path)
    say(f"{path}  {path.stat().st_size / 1e6:,.1f} MB  SHA-256 {sha256}")
    return path


def _require_host(base: str) -> None:
    """DataError where a server's name has no address: a download would ask again for minutes."""
    url = urlsplit(base)
    host = url.hostname or ""
    if url.scheme not in ("http", "https"):
        return
    if url.scheme in getproxies() and not proxy_bypass(host):
        return  # the proxy looks the name up
    try:
        socket.getaddrinfo(host, url.port)
    except (OSError, UnicodeError) as error:
        raise DataError(
            f"{host} has no address ({getattr(error, 'strerror', None) or error}); check the "
            "network, or name another base by --from"
        ) from None


def _require_form(part: Path, name: str) -> None:
    """DataError for a file that is no model, such as the page of a portal in between."""
    if name.endswith(".arpa.bin"):
        with part.open("rb") as stream:
            whole = stream.read(len(_KENLM)) == _KENLM
    else:
        try:
            whole = sentencepiece.SentencePieceProcessor(model_file=str(part)).get_piece_size() > 0
        except (OSError, RuntimeError):
            whole = False
    if not whole:
        with part.open("rb") as stream:
            head = stream.read(40)
        raise DataError(f"{name} came as no language model, it begins with {head!r}; check --from")


@contextmanager
def _watched(name: str, part: Path) -> Iterator[None]:
    """Shows how much has come, where a person is looking."""
    if not sys.stderr.isatty():
        yield
        return
    columns = (TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task(name, total=None)

        def tell() -> None:
            progress.update(bar, completed=part.stat().st_size if part.exists() else 0)

        with polled(tell, BAR_SECONDS):
            yield


def present(folder: Path) -> dict[str, int]:
    """The languages with both files in a folder, and the bytes of them."""
    found = {}
    for path in sorted(folder.glob("*" + SUFFIXES[1])):
        language = path.name.removesuffix(SUFFIXES[1])
        pieces = folder / (language + SUFFIXES[0])
        if pieces.is_file():
            found[language] = path.stat().st_size + pieces.stat().st_size
    return found


def list_languages(folder: Path, languages: Sequence[str] = ()) -> None:
    """Prints every language of CCNet's, and whatever else the folder has models of; or those named.

    ConfigError for one that neither has.
    """
    found = present(folder)
    known = sorted({*LANGUAGES, *found})
    for language in languages:
        if language not in known:
            raise ConfigError(
                f"no model of '{language}' in {folder}, nor of CCNet's; {_train(language)}"
            )
    table = Table("language", "MB", "state")
    table.columns[1].justify = "right"
    for language in languages or known:
        if language not in found:
            table.add_row(language, "", f"missing: altiplano models fetch lm {language}")
            continue
        trained = (folder / f"{language}.lm.json").is_file()
        state = "trained here" if trained else "there"
        table.add_row(language, f"{found[language] / 1e6:,.1f}", state)
    console.print(table)
    say(f"in {folder}")
